"""One thread that moves jobs on: validate, queue, train one at a time, finish.

Every step is written so that it may be done again: killed at any point, the next server looks
at the database and the job's folder and goes on from there.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from homutune.engine import DISK_FULL_STATUS
from homutune.errors import UserError
from homutune.files import MIN_FREE, DiskFull, free_bytes, is_disk_full, write_atomic
from homutune.server._engine import Engine
from homutune.server._files import Files
from homutune.server._job_files import check_files
from homutune.server._job_folder import TERMINAL, JobFolder, job_folder
from homutune.server._jobs import CANCELLED, PAUSED
from homutune.server._memory import INSUFFICIENT_MEMORY, Memory
from homutune.server._preparation import Preparation
from homutune.server._store import JobRow, ModelRow, Store
from homutune.server._worker import Worker

log = logging.getLogger("homutune.server")

#: How often a worker that died is started again without having got any further.
MAX_RESTARTS = 3
NO_SPACE = "ディスクの空き容量が足りないため学習を中断しました。空き容量ができると続けます。"
_POLL_S = 0.2
_HOUSEKEEPING_S = 60.0
#: How long a stopping server waits for the worker to write a resume point.
_PATIENCE_S = 20.0
#: How long a job waits on a full disk before it tries again.
_SPACE_S = 10.0


class Runner:
    """The thread and what it looks after.

    Args:
        worker_command: the program that is started with a job's folder as last argument.
        threads: for the worker; None lets it choose.
        ray: the ``ray`` part of ``job.json``, where the program is the one for Ray.
    """

    def __init__(
        self,
        store: Store,
        files: Files,
        engine: Engine,
        memory: Memory,
        home: Path,
        worker_command: Sequence[str],
        threads: int | None,
        ray: dict[str, Any] | None = None,
    ) -> None:
        self._store = store
        self._files = files
        self._memory = memory
        self._home = home
        self._command = list(worker_command)
        self._threads = threads
        self._ray = ray
        self._worker: Worker | None = None
        self._next_housekeeping = 0.0
        self._preparation = Preparation(engine, self.wake)
        self._no_start_before = 0.0
        self._died_at_step: dict[str, int] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="homutune-runner", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Look now, not at the next tick."""
        self._wake.set()

    def stop(self) -> None:
        """Stop the thread, then the worker; its job stays ``running`` for the next server."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(_PATIENCE_S)
        if self._worker is not None:
            self._worker.stop(_PATIENCE_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._tick()
                pause = _POLL_S
            except Exception as error:  # a full disk, a lost database: try again later
                log.error("runner: %s; もう一度試します", type(error).__name__)
                pause = 5.0
            self._wake.wait(pause)
            self._wake.clear()

    def _tick(self) -> None:
        if time.monotonic() >= self._next_housekeeping:
            self._next_housekeeping = time.monotonic() + _HOUSEKEEPING_S
            self._files.remove_expired()
        while (job := self._store.first_job("validating_files")) is not None:
            self._guarded(job, self._validate)
        if (job := self._store.first_job("running")) is not None:
            self._guarded(job, self._watch, retry=(OSError,))
        elif (job := self._store.first_job("queued")) is not None:
            self._guarded(job, self._begin)

    def _guarded(
        self,
        job: JobRow,
        step: Callable[[JobRow, JobFolder], None],
        retry: tuple[type[Exception], ...] = (),
    ) -> None:
        """A job that cannot be handled fails, so that it does not hold up the others.

        A full disk or a lost database is no fault of the job and passes, and so does what
        ``retry`` names: hours of training are not given up for it.
        """
        try:
            step(job, job_folder(self._home, job.id))
        except (DiskFull, SQLAlchemyError):
            raise
        except UserError as error:
            self._fail(job, "server_error", str(error))
        except Exception as error:
            if isinstance(error, retry) or is_disk_full(error, self._home):
                raise
            log.error("runner: %s in %s", type(error).__name__, job.id)
            self._fail(
                job,
                "server_error",
                f"サーバー内部の問題で学習を続けられません（{type(error).__name__}）。",
            )

    # --- validating_files -> queued ---------------------------------------------------------

    def _validate(self, job: JobRow, folder: JobFolder) -> None:
        error = check_files(job, folder)
        if error is not None:
            self._fail(job, *error)
            return
        folder.events.append_once("Files validated, moving job to queued state")
        if not self._store.update_job(job.id, was=["validating_files"], status="queued"):
            folder.remove_training_data()  # cancelled meanwhile

    # --- queued -> running ------------------------------------------------------------------

    def _begin(self, job: JobRow, folder: JobFolder) -> None:
        if folder.pause_asked():  # while its files were being checked
            if self._store.update_job(job.id, was=["queued"], status="paused"):
                folder.events.append(PAUSED)
            return
        weights = self._preparation.get(job.base)
        if weights is None:
            folder.events.append_once(
                f"ベースモデル {job.base} を準備しています（初回のみ、約 30 秒）"
            )
            return
        if (problem := self._memory.problem(job.base)) is not None:
            self._fail(job, INSUFFICIENT_MEMORY, problem, "model")
            return
        start = folder.start_adapter
        described = {
            "id": job.id,
            "model": job.base,
            "base_path": str(weights.path),
            "gguf_path": str(weights.gguf),
            "train_file": str(folder.path / "train.jsonl"),
            "valid_file": str(folder.path / "valid.jsonl") if job.validation_file else None,
            "method": job.method,
            "start_adapter": str(start) if start.exists() else None,
            "seed": job.seed,
            "hyperparameters": job.hyperparameters,
            "suffix": job.suffix,
            "fine_tuned_model": job.tuned_name,
            "adapter_path": str(self._home / _adapter(job)),
            "speed_file": str(self._home / "speed.json"),
            "threads": self._threads,
            "ray": self._ray,
        }
        write_atomic(folder.path / "job.json", json.dumps(described, ensure_ascii=False, indent=2))
        # Not if it was cancelled meanwhile.
        if self._store.update_job(job.id, was=["queued"], status="running"):
            self._start_worker(job, folder)

    def _start_worker(self, job: JobRow, folder: JobFolder) -> None:
        if free_bytes(self._home) < MIN_FREE:
            self._wait_for_space(folder)
        if time.monotonic() < self._no_start_before:
            return
        self._worker = Worker.start(folder, self._command)
        self._store.update_job(job.id, was=["running"], worker_pid=self._worker.pid)

    # --- running -> succeeded, failed, cancelled ---------------------------------------------

    def _watch(self, job: JobRow, folder: JobFolder) -> None:
        worker = self._worker
        if worker is None:  # a server before us began it
            worker = Worker(folder, None, job.worker_pid)
        if worker.lives():
            self._worker = worker
            if folder.pause_asked():
                worker.ask_to_stop()
            return
        self._worker = None
        result = folder.result()
        if result is not None:
            self._finish(job, folder, result)
        elif folder.cancel_asked():
            self._finish(job, folder, {"status": "cancelled"})
        elif folder.pause_asked():
            folder.events.append(PAUSED)
            self._store.update_job(job.id, was=["running"], status="paused")
        elif not worker.exit_code:
            # It died with the server, while there was none, or for a pause that was withdrawn:
            # not a fault of the job.
            self._start_worker(job, folder)
        elif worker.exit_code == DISK_FULL_STATUS:
            self._wait_for_space(folder)
        elif (deaths := self._deaths(job, folder)) < MAX_RESTARTS:
            number = deaths + 1
            folder.events.append(
                f"学習プロセスが途中で止まりました（終了コード {worker.exit_code}）。"
                f"最後の保存点から再開します（{number}/{MAX_RESTARTS} 回目）。",
                "warn",
            )
            self._store.update_job(job.id, was=["running"], restarts=number)
            self._start_worker(job, folder)
        else:
            self._fail(
                job,
                "worker_died",
                f"学習プロセスが {MAX_RESTARTS + 1} 回止まりました（最後の終了コード "
                f"{worker.exit_code}）。メモリの不足がないか、記録 jobs/{job.id}/worker.log を"
                "確認してください。",
            )

    def _deaths(self, job: JobRow, folder: JobFolder) -> int:
        """How often the worker died without getting further than the time before."""
        step, before = folder.state().get("step", 0), self._died_at_step.get(job.id)
        self._died_at_step[job.id] = step
        return job.restarts if before is None or step <= before else 0

    def _wait_for_space(self, folder: JobFolder) -> None:
        self._no_start_before = time.monotonic() + _SPACE_S
        log.warning("runner: %s", NO_SPACE)
        with suppress(OSError):  # there may be no room for the event either
            folder.events.append_once(NO_SPACE, "warn")

    def _finish(self, job: JobRow, folder: JobFolder, result: dict[str, Any]) -> None:
        status = result["status"]
        if status == "failed":
            error = result["error"]
            self._fail(job, error["code"], error["message"], error.get("param"))
        elif status == "cancelled":
            folder.events.append_once(CANCELLED)
            self._close(job, folder, "cancelled")
        elif not (self._home / _adapter(job) / "adapter.json").is_file():
            self._fail(job, "server_error", "学習は終わりましたが、アダプターがありません。")
        else:
            self._succeed(job, folder, result)

    def _succeed(self, job: JobRow, folder: JobFolder, result: dict[str, Any]) -> None:
        self._store.add(
            ModelRow(
                id=job.tuned_name,
                created_at=int(time.time()),
                parent=job.base,
                job_id=job.id,
                adapter_path=_adapter(job),
            )
        )
        result_files = self._keep_results(job, folder)
        folder.events.append_once(f"New fine-tuned model created: {job.tuned_name}")
        folder.events.append_once("The job has successfully completed")
        # The status is written last: whoever sees it finds everything else done.
        self._close(
            job,
            folder,
            "succeeded",
            fine_tuned_model=job.tuned_name,
            trained_tokens=result["trained_tokens"],
            result_files=result_files,
        )

    def _keep_results(self, job: JobRow, folder: JobFolder) -> list[str]:
        """The losses step by step, as OpenAI has them, and our own example by example."""
        kept = []
        for name, shown, seed in (
            ("metrics.csv", "step_metrics.csv", job.id),
            ("example_losses.csv", "example_losses.csv", f"{job.id}:example_losses"),
        ):
            if not (folder.path / name).is_file():
                continue
            # The id follows from the job, so that finishing twice makes one file. Base64, as
            # OpenAI delivers it and programs expect it; our own client shows it plain.
            file_id = f"file-{hashlib.sha256(seed.encode()).hexdigest()[:24]}"
            self._files.save(
                io.BytesIO(base64.b64encode((folder.path / name).read_bytes())),
                filename=shown,
                purpose="fine-tune-results",
                file_id=file_id,
            )
            kept.append(file_id)
        return kept

    def _fail(self, job: JobRow, code: str, message: str, param: str | None = None) -> None:
        folder = job_folder(self._home, job.id)
        now = self._store.get(JobRow, job.id)
        if now is None or now.status in TERMINAL:  # cancelled meanwhile, its files gone
            folder.remove_training_data()
            return
        folder.events.append_once(message, "error")
        error = {"code": code, "message": message, "param": param}
        self._close(job, folder, "failed", error=error)

    def _close(self, job: JobRow, folder: JobFolder, status: str, **values: Any) -> None:
        used = folder.state().get("hyperparameters") or job.hyperparameters
        self._store.update_job(
            job.id,
            was=["validating_files", "queued", "running"],
            status=status,
            finished_at=int(time.time()),
            hyperparameters=used,
            **values,
        )
        folder.remove_training_data()
        if status != "succeeded":
            shutil.rmtree(self._home / _adapter(job), ignore_errors=True)


def _adapter(job: JobRow) -> str:
    return f"adapters/{job.id}"
