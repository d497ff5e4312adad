"""A job's folder as the server sees it; the worker's half is ``homutune.engine.train``."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from homutune.server._events import EventLog

#: A job in one of these is over.
TERMINAL = ("succeeded", "failed", "cancelled")

#: Marks what has no row in the database yet.
PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint: ``path`` holds an adapter."""

    path: Path
    step: int
    created_at: int
    metrics: dict[str, float]


class JobFolder:
    """``<home>/jobs/<id>``."""

    def __init__(self, path: Path, job_id: str) -> None:
        self.path = path
        self.events = EventLog(job_id, path)

    @property
    def start_adapter(self) -> Path:
        """The adapter a job goes on from, if it does: a copy, as the model may be deleted."""
        return self.path / "start_adapter"

    def take_file(self, source: Path, name: str) -> None:
        """Keep ``source`` as ``name``: the upload may be deleted while the job needs it."""
        keep_file(source, self.path / name)

    def state(self) -> dict[str, Any]:
        """The worker's ``state.json``; empty before its first step."""
        return self._json("state.json") or {}

    def state_written_at(self) -> float:
        """When the worker last wrote its state, seconds since 1970."""
        try:
            return (self.path / "state.json").stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def result(self) -> dict[str, Any] | None:
        """The worker's ``result.json``, its last word."""
        return self._json("result.json")

    def checkpoints(self) -> list[Checkpoint]:
        """Complete checkpoints, newest first."""
        found = []
        for proof in self.path.glob("checkpoints/step-*/checkpoint.json"):
            try:
                stored = json.loads(proof.read_bytes())
            except FileNotFoundError:  # the worker keeps only the newest
                continue
            found.append(
                Checkpoint(proof.parent, stored["step"], stored["created_at"], stored["metrics"])
            )
        return sorted(found, key=lambda checkpoint: -checkpoint.step)

    def remove_checkpoints(self) -> None:
        """Remove every checkpoint, its proof of completeness first."""
        for checkpoint in self.checkpoints():
            (checkpoint.path / "checkpoint.json").unlink(missing_ok=True)
        shutil.rmtree(self.path / "checkpoints", ignore_errors=True)

    def ask_to_cancel(self) -> None:
        """Ask the worker to stop for good."""
        (self.path / "cancel").touch()

    def cancel_asked(self) -> bool:
        """Whether it was asked."""
        return (self.path / "cancel").exists()

    def ask_to_pause(self) -> None:
        """Ask that the job rests until :meth:`withdraw_pause`."""
        (self.path / "pause").touch()

    def withdraw_pause(self) -> None:
        """Let the job go on."""
        (self.path / "pause").unlink(missing_ok=True)

    def pause_asked(self) -> bool:
        """Whether the job is to rest."""
        return (self.path / "pause").exists()

    def worker_lives(self) -> bool:
        """Whether some process holds ``worker.lock``."""
        try:
            with FileLock(self.path / "worker.lock", timeout=0):
                return False
        except Timeout:
            return True

    def remove_training_data(self) -> None:
        """After the end: a deleted upload must not live on here."""
        for name in ("training_file", "validation_file", "train.jsonl", "valid.jsonl"):
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.path / "resume", ignore_errors=True)
        shutil.rmtree(self.start_adapter, ignore_errors=True)

    def _json(self, name: str) -> dict[str, Any] | None:
        try:
            content: dict[str, Any] = json.loads((self.path / name).read_bytes())
        except FileNotFoundError:
            return None
        return content


def keep_file(source: Path, target: Path) -> None:
    """Make ``target`` hold what ``source`` holds, without a copy where the disk allows it."""
    try:
        os.link(source, target)
    except OSError:  # another volume, or a file system without links
        shutil.copyfile(source, target)


def job_folder(home: Path, job_id: str) -> JobFolder:
    """The folder of the job ``job_id``."""
    return JobFolder(home / "jobs" / job_id, job_id)
