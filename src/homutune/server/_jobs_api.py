"""``/v1/fine_tuning/jobs``: the routes and what they show."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from homutune.server._errors import ApiError
from homutune.server._files import list_body
from homutune.server._job_folder import Checkpoint
from homutune.server._jobs import Jobs
from homutune.server._schemas import CreateJob
from homutune.server._store import CursorError, JobRow, Store

ORGANIZATION = "org-local"

_Limit = Annotated[int, Query(ge=1, le=1000)]


def jobs_router(jobs: Jobs, store: Store) -> APIRouter:
    """The routes of the fine-tuning API."""
    router = APIRouter(prefix="/v1/fine_tuning/jobs")

    @router.post("")
    def create_job(body: CreateJob) -> dict[str, Any]:
        return job_object(jobs, jobs.create(body))

    @router.get("")
    def list_jobs(request: Request, after: str | None = None, limit: _Limit = 20) -> dict[str, Any]:
        keep = _metadata_filter(request.query_params)
        try:
            rows, more = store.page(JobRow, after=after, limit=limit, keep=keep)
        except CursorError:
            raise ApiError(404, f"Could not find fine tune: {after}", param="after") from None
        data = [job_object(jobs, row) for row in rows]
        return {"object": "list", "data": data, "has_more": more}

    @router.get("/{job_id}")
    def retrieve_job(job_id: str) -> dict[str, Any]:
        return job_object(jobs, jobs.get(job_id))

    @router.post("/{job_id}/cancel")
    def cancel_job(job_id: str) -> dict[str, Any]:
        return job_object(jobs, jobs.cancel(job_id))

    @router.post("/{job_id}/pause")
    def pause_job(job_id: str) -> dict[str, Any]:
        return job_object(jobs, jobs.pause(job_id))

    @router.post("/{job_id}/resume")
    def resume_job(job_id: str) -> dict[str, Any]:
        return job_object(jobs, jobs.resume(job_id))

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


def job_object(jobs: Jobs, job: JobRow) -> dict[str, Any]:
    """OpenAI's FineTuningJob; what is ``auto`` is shown as chosen once that is known."""
    folder = jobs.folder(job.id)
    state = folder.state() if job.status in ("running", "paused") else {}
    hyperparameters = state.get("hyperparameters") or job.hyperparameters
    eta = state.get("eta_s") if job.status == "running" else None
    return {
        "object": "fine_tuning.job",
        "id": job.id,
        "created_at": job.created_at,
        "error": job.error,
        "estimated_finish": None if eta is None else int(folder.state_written_at() + eta),
        "fine_tuned_model": job.fine_tuned_model,
        "finished_at": job.finished_at,
        # What OpenAI's older place for them has room for; beta is found under ``method``.
        "hyperparameters": {k: v for k, v in hyperparameters.items() if k != "beta"},
        "integrations": [],
        "metadata": job.meta,
        "method": {"type": job.method, job.method: {"hyperparameters": hyperparameters}},
        "model": job.model,
        "organization_id": ORGANIZATION,
        "result_files": job.result_files,
        "seed": job.seed,
        "status": job.status,
        "trained_tokens": job.trained_tokens,
        "training_file": job.training_file,
        "validation_file": job.validation_file,
    }


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
