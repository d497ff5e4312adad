"""A job's folder as the training programs read it and hold it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from homutune.engine._journal import DISK_FULL_STATUS
from homutune.errors import UserError
from homutune.files import is_disk_full

Method = Literal["supervised", "dpo"]


@dataclass(frozen=True, slots=True)
class Job:
    """``job.json`` as this program reads it."""

    folder: Path
    base: Path
    train_file: Path
    valid_file: Path | None
    seed: int
    hyperparameters: dict[str, Any]
    fine_tuned_model: str
    base_id: str
    adapter: Path
    speed_file: Path | None
    threads: int | None
    ray: dict[str, Any] | None = None
    method: Method = "supervised"
    #: An adapter to go on from, in place of a fresh one.
    start: Path | None = None

    @classmethod
    def read(cls, folder: Path) -> Job:
        """Read ``<folder>/job.json``."""
        stored = json.loads((folder / "job.json").read_text("utf-8"))

        def path(name: str) -> Path | None:
            return Path(stored[name]) if stored.get(name) else None

        return cls(
            folder=folder,
            base=Path(stored["base_path"]),
            train_file=Path(stored["train_file"]),
            valid_file=path("valid_file"),
            seed=int(stored["seed"]),
            hyperparameters=stored.get("hyperparameters") or {},
            fine_tuned_model=stored["fine_tuned_model"],
            base_id=stored["model"],
            adapter=Path(stored["adapter_path"]),
            speed_file=path("speed_file"),
            threads=stored.get("threads"),
            ray=stored.get("ray"),
            method=stored.get("method", "supervised"),
            start=path("start_adapter"),
        )


def hold(folder: Path, run: Callable[[Path], None]) -> int:
    """Run the job in ``folder`` unless it is over; the exit status of the program.

    0 when ``run`` came back or ``result.json`` is there already, 3 when another worker holds
    the job, 75 when the disk is full.
    """
    lock = FileLock(folder / "worker.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"{folder.name}: another worker holds this job", file=sys.stderr)
        return 3
    with lock:
        try:
            if not (folder / "result.json").exists():
                run(folder)
        except Exception as error:
            if not is_disk_full(error, folder):
                raise
            print(f"{folder.name}: the disk is full", file=sys.stderr)
            return DISK_FULL_STATUS
    return 0


class Unsupported(UserError):
    """A hyperparameter asks for what this machine or model cannot do."""


def failure(problem: UserError) -> dict[str, Any]:
    """The result of a job that cannot be trained: its data or its hyperparameters are wrong."""
    code = "unsupported_value" if isinstance(problem, Unsupported) else "invalid_training_file"
    error = {"code": code, "message": str(problem), "param": None}
    return {"status": "failed", "trained_tokens": 0, "error": error}
