"""Fine-tuning jobs: creation, cancelling, pausing."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from homutune.server._errors import ApiError, model_not_found
from homutune.server._files import Files
from homutune.server._ids import new_id
from homutune.server._job_folder import PENDING, TERMINAL, JobFolder, job_folder
from homutune.server._memory import INSUFFICIENT_MEMORY, Memory
from homutune.server._models import OWNER, Models, Target
from homutune.server._preference_file import check_preferences
from homutune.server._schemas import CreateJob
from homutune.server._store import JobRow, Store
from homutune.server._training_file import MIN_EXAMPLES

#: Our own word for the end of a cancelled job; OpenAI's is not documented.
CANCELLED = "The job has been cancelled"
PAUSED = "Fine-tuning job paused"


class Jobs:
    """Creation, cancelling and views of jobs; the runner does the rest.

    Args:
        wake: tells the runner that there is something to do.
    """

    def __init__(
        self,
        store: Store,
        files: Files,
        models: Models,
        memory: Memory,
        home: Path,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._files = files
        self._models = models
        self._memory = memory
        self._home = home
        self._wake = wake
        for left in (home / "jobs").glob(".*.new"):  # a creation cut off by a crash
            shutil.rmtree(left)

    def create(self, asked: CreateJob) -> JobRow:
        """Check the arguments, set the files aside, and enter the job.

        Raises:
            ApiError: an argument cannot be used.
        """
        model = self._model(asked)
        for param in ("training_file", "validation_file"):
            if (file_id := getattr(asked, param)) is not None:
                self._check_file(file_id, param)
        self._check_method(asked)
        hyperparameters = asked.asked_hyperparameters()
        if hyperparameters.early_stopping_patience and asked.validation_file is None:
            raise ApiError(
                400,
                "early_stopping_patience needs a validation_file. "
                "(早期終了には検証データが必要です)",
                param="hyperparameters.early_stopping_patience",
            )
        if (problem := self._memory.problem(model.base)) is not None:
            raise ApiError(400, problem, param="model", code=INSUFFICIENT_MEMORY)
        job = JobRow(
            id=new_id("ftjob-"),
            created_at=int(time.time()),
            status="validating_files",
            model=asked.model,
            training_file=asked.training_file,
            validation_file=asked.validation_file,
            suffix=asked.suffix,
            seed=secrets.randbelow(2**31) if asked.seed is None else asked.seed,
            hyperparameters=hyperparameters.model_dump(exclude_none=True),
            method=asked.method.type if asked.method else "supervised",
            meta=asked.metadata,
            tuned_name=f"ft:{model.base}:{OWNER}:{_in_name(asked.suffix)}:{new_id('', 8)}",
        )
        final = self.folder(job.id)
        folder = JobFolder(final.path.with_name(f".{job.id}.new"), job.id)
        folder.path.mkdir(parents=True)
        try:
            folder.take_file(self._files.path(job.training_file), "training_file")
            if job.validation_file is not None:
                folder.take_file(self._files.path(job.validation_file), "validation_file")
            if model.adapter is not None:
                shutil.copytree(model.adapter, folder.start_adapter)
            folder.events.append(f"Created fine-tuning job: {job.id}")
            (folder.path / PENDING).touch()
            folder.path.rename(final.path)
        except (FileNotFoundError, shutil.Error):  # deleted since it was checked
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
            was=("validating_files", "queued", "paused"),
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

    def pause(self, job_id: str) -> JobRow:
        """Set aside what waits at once; ask the worker to save its work and go.

        Raises:
            ApiError: the job is over.
        """
        job = self.get(job_id)
        if job.status in TERMINAL:
            raise ApiError(400, f"Job has already completed: {job_id}", param="fine_tuning_job_id")
        folder = self.folder(job_id)
        folder.ask_to_pause()
        if self._store.update_job(job_id, was=("queued",), status="paused"):
            folder.events.append(PAUSED)
        else:
            self._wake()
        return self.get(job_id)

    def resume(self, job_id: str) -> JobRow:
        """Put a paused job back into the queue; it goes on from where it stopped.

        Raises:
            ApiError: the job is not paused.
        """
        job = self.get(job_id)
        folder = self.folder(job_id)
        if job.status in TERMINAL or not (job.status == "paused" or folder.pause_asked()):
            raise ApiError(
                400,
                f"Job is not paused: {job_id} (status: {job.status})",
                param="fine_tuning_job_id",
            )
        folder.withdraw_pause()
        self._store.update_job(job_id, was=("paused",), status="queued")
        self._wake()
        return self.get(job_id)

    def _check_method(self, asked: CreateJob) -> None:
        if asked.method is not None and asked.method.type == "dpo":
            self._check_preference_files(asked)
        if asked.method is not None and asked.method.type == "reinforcement":
            raise ApiError(
                400,
                f"The method '{asked.method.type}' is not supported by this server; use "
                "'supervised' or 'dpo'. (このサーバーの学習方法は supervised と dpo です)",
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

    def _check_preference_files(self, asked: CreateJob) -> None:
        for param in ("training_file", "validation_file"):
            if (file_id := getattr(asked, param)) is None:
                continue
            least = MIN_EXAMPLES if param == "training_file" else 1
            checked = check_preferences(self._files.path(file_id), file_id, least)
            if checked.problems:
                raise ApiError(400, checked.message(), param=param, code=f"invalid_{param}")

    def _model(self, asked: CreateJob) -> Target:
        """What to train: a base model, or a tuned one that is here and keeps its LoRA settings."""
        found = self._models.get(asked.model)
        if found is None:
            raise model_not_found(asked.model, param="model")
        chosen = asked.asked_hyperparameters()
        for name in ("lora_rank", "lora_alpha", "target_modules"):
            if found.adapter is not None and getattr(chosen, name) is not None:
                raise ApiError(
                    400,
                    f"'{name}' cannot be changed when `{asked.model}` is trained further. "
                    "(学習済みモデルの LoRA の形は変えられません)",
                    param=f"hyperparameters.{name}",
                    code="unsupported_value",
                )
        return found

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


def _no_file(file_id: str, param: str) -> ApiError:
    return ApiError(400, f"invalid {param}: {file_id}", param=param, code="file_not_found")


def _in_name(suffix: str | None) -> str:
    # Colons separate the parts of the name and slashes the parts of a URL.
    return re.sub(r"[^\w.-]+", "-", suffix or "")
