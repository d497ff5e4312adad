"""``/v1/fine_tuning/jobs``."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from homutune.server._errors import ApiError, model_not_found
from homutune.server._files import Files, list_body
from homutune.server._ids import new_id
from homutune.server._job_folder import PENDING, TERMINAL, Checkpoint, JobFolder, job_folder
from homutune.server._models import OWNER, Models
from homutune.server._schemas import CreateJob
from homutune.server._store import CursorError, JobRow, Store

ORGANIZATION = "org-local"
#: Our own word for the end of a cancelled job; OpenAI's is not documented.
CANCELLED = "The job has been cancelled"

_Limit = Annotated[int, Query(ge=1, le=1000)]


class Jobs:
    """Creation, cancelling and views of jobs; the runner does the rest.

    Args:
        wake: tells the runner that there is something to do.
    """

    def __init__(
        self, store: Store, files: Files, models: Models, home: Path, wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._files = files
        self._models = models
        self._home = home
        self._wake = wake
        for left in (home / "jobs").glob(".*.new"):  # a creation cut off by a crash
            shutil.rmtree(left)

    def create(self, asked: CreateJob) -> JobRow:
        """Check the arguments, set the files aside, and enter the job.

        Raises:
            ApiError: an argument cannot be used.
        """
        self._refuse_other_methods(asked)
        self._check_model(asked.model)
        for param in ("training_file", "validation_file"):
            if (file_id := getattr(asked, param)) is not None:
                self._check_file(file_id, param)
        job = JobRow(
            id=new_id("ftjob-"),
            created_at=int(time.time()),
            status="validating_files",
            model=asked.model,
            training_file=asked.training_file,
            validation_file=asked.validation_file,
            suffix=asked.suffix,
            seed=secrets.randbelow(2**31) if asked.seed is None else asked.seed,
            hyperparameters=asked.asked_hyperparameters().model_dump(),
            meta=asked.metadata,
            tuned_name=f"ft:{asked.model}:{OWNER}:{_in_name(asked.suffix)}:{new_id('', 8)}",
        )
        final = self.folder(job.id)
        folder = JobFolder(final.path.with_name(f".{job.id}.new"), job.id)
        folder.path.mkdir(parents=True)
        try:
            folder.take_file(self._files.path(job.training_file), "training_file")
            if job.validation_file is not None:
                folder.take_file(self._files.path(job.validation_file), "validation_file")
            folder.events.append(f"Created fine-tuning job: {job.id}")
            (folder.path / PENDING).touch()
            folder.path.rename(final.path)
        except FileNotFoundError:  # deleted since it was checked
            raise _no_file(job.training_file, "training_file") from None
        finally:
            shutil.rmtree(folder.path, ignore_errors=True)
        self._store.add(job)
        (final.path / PENDING).unlink()
        self._wake()
        return job

    def get(self, job_id: str) -> JobRow:
        """The job.

        Raises:
            ApiError: 404, as OpenAI words it.
        """
        job = self._store.get(JobRow, job_id)
        if job is None:
            raise ApiError(
                404,
                f"Could not find fine tune: {job_id}",
                param="fine_tune_id",
                code="fine_tune_not_found",
            )
        return job

    def folder(self, job_id: str) -> JobFolder:
        """Its folder."""
        return job_folder(self._home, job_id)

    def cancel(self, job_id: str) -> JobRow:
        """Cancel at once what waits; ask the worker to stop what runs.

        Raises:
            ApiError: the job is over.
        """
        folder = self.folder(self.get(job_id).id)
        if self._store.update_job(
            job_id,
            was=("validating_files", "queued"),
            status="cancelled",
            finished_at=int(time.time()),
        ):
            folder.events.append_once(CANCELLED)
            folder.remove_training_data()
        elif self.get(job_id).status in TERMINAL:
            raise ApiError(400, f"Job has already completed: {job_id}", param="fine_tuning_job_id")
        else:
            folder.ask_to_cancel()
            self._wake()
        return self.get(job_id)

    def job_object(self, job: JobRow) -> dict[str, Any]:
        """OpenAI's FineTuningJob; what is ``auto`` is shown as chosen once that is known."""
        folder = self.folder(job.id)
        state = folder.state() if job.status == "running" else {}
        hyperparameters = state.get("hyperparameters") or job.hyperparameters
        eta = state.get("eta_s")
        return {
            "object": "fine_tuning.job",
            "id": job.id,
            "created_at": job.created_at,
            "error": job.error,
            "estimated_finish": None if eta is None else int(folder.state_written_at() + eta),
            "fine_tuned_model": job.fine_tuned_model,
            "finished_at": job.finished_at,
            "hyperparameters": hyperparameters,
            "integrations": [],
            "metadata": job.meta,
            "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
            "model": job.model,
            "organization_id": ORGANIZATION,
            "result_files": job.result_files,
            "seed": job.seed,
            "status": job.status,
            "trained_tokens": job.trained_tokens,
            "training_file": job.training_file,
            "validation_file": job.validation_file,
        }

    def _refuse_other_methods(self, asked: CreateJob) -> None:
        if asked.method is not None and asked.method.type != "supervised":
            raise ApiError(
                400,
                f"The method '{asked.method.type}' is not supported by this server; use "
                "'supervised'. (このサーバーで使える学習方法は supervised だけです)",
                param="method.type",
                code="unsupported_value",
            )
        if asked.integrations:
            raise ApiError(
                400,
                "Integrations are not supported by this server. (外部サービス連携は使えません)",
                param="integrations",
                code="unsupported_value",
            )

    def _check_model(self, name: str) -> None:
        if self._models.base(name) is not None:
            return
        if self._models.get(name) is not None:
            raise ApiError(
                400,
                f"The model `{name}` is itself fine-tuned; this server fine-tunes base models. "
                "(学習済みモデルへの追加学習はできません。ベースモデルを指定してください)",
                param="model",
                code="unsupported_value",
            )
        raise model_not_found(name, param="model")

    def _check_file(self, file_id: str, param: str) -> None:
        try:
            row = self._files.get(file_id)
        except ApiError:
            raise _no_file(file_id, param) from None
        if row.purpose != "fine-tune":
            raise ApiError(
                400,
                f"File '{file_id}' has purpose '{row.purpose}', but must have 'fine-tune'.",
                param=param,
                code="invalid_file_purpose",
            )


def jobs_router(jobs: Jobs, store: Store) -> APIRouter:
    """The six routes of the fine-tuning API."""
    router = APIRouter(prefix="/v1/fine_tuning/jobs")

    @router.post("")
    def create_job(body: CreateJob) -> dict[str, Any]:
        return jobs.job_object(jobs.create(body))

    @router.get("")
    def list_jobs(request: Request, after: str | None = None, limit: _Limit = 20) -> dict[str, Any]:
        keep = _metadata_filter(request.query_params)
        try:
            rows, more = store.page(JobRow, after=after, limit=limit, keep=keep)
        except CursorError:
            raise ApiError(404, f"Could not find fine tune: {after}", param="after") from None
        data = [jobs.job_object(row) for row in rows]
        return {"object": "list", "data": data, "has_more": more}

    @router.get("/{job_id}")
    def retrieve_job(job_id: str) -> dict[str, Any]:
        return jobs.job_object(jobs.get(job_id))

    @router.post("/{job_id}/cancel")
    def cancel_job(job_id: str) -> dict[str, Any]:
        return jobs.job_object(jobs.cancel(job_id))

    @router.get("/{job_id}/events")
    def list_events(job_id: str, after: str | None = None, limit: _Limit = 20) -> dict[str, Any]:
        events = jobs.folder(jobs.get(job_id).id).events.read()
        data, more = _behind(events[::-1], after, limit)
        return {"object": "list", "data": data, "has_more": more}

    @router.get("/{job_id}/checkpoints")
    def list_checkpoints(
        job_id: str, after: str | None = None, limit: _Limit = 10
    ) -> dict[str, Any]:
        job = jobs.get(job_id)
        found = jobs.folder(job.id).checkpoints()
        data, more = _behind([_checkpoint_object(job, c) for c in found], after, limit)
        return list_body(data, more)

    return router


def _no_file(file_id: str, param: str) -> ApiError:
    return ApiError(400, f"invalid {param}: {file_id}", param=param, code="file_not_found")


def _in_name(suffix: str | None) -> str:
    # Colons separate the parts of the name and slashes the parts of a URL.
    return re.sub(r"[^\w.-]+", "-", suffix or "")


def _checkpoint_object(job: JobRow, checkpoint: Checkpoint) -> dict[str, Any]:
    name = f"{job.tuned_name}:ckpt-step-{checkpoint.step}"
    return {
        "object": "fine_tuning.job.checkpoint",
        "id": f"ftckpt_{hashlib.sha256(name.encode()).hexdigest()[:24]}",
        "created_at": checkpoint.created_at,
        "fine_tuned_model_checkpoint": name,
        "fine_tuning_job_id": job.id,
        "metrics": checkpoint.metrics,
        "step_number": checkpoint.step,
    }


def _behind(
    items: list[dict[str, Any]], after: str | None, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    start = 0
    if after is not None:
        places = [place for place, item in enumerate(items) if item["id"] == after]
        if not places:
            raise ApiError(404, f"Could not find: {after}", param="after")
        start = places[0] + 1
    return items[start : start + limit], len(items) > start + limit


def _metadata_filter(query: Mapping[str, str]) -> Callable[[JobRow], bool]:
    """``metadata[k]=v`` (all must hold), or ``metadata=null`` for jobs without any."""
    wanted = {
        match[1]: value
        for key, value in query.items()
        if (match := re.fullmatch(r"metadata\[(.+)\]", key))
    }
    if query.get("metadata") == "null":
        return lambda job: not job.meta
    return lambda job: wanted.items() <= (job.meta or {}).items()
