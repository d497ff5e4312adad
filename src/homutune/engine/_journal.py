"""What a job folder says about itself: events, state, result. The server reads, we write."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from homutune.files import write_atomic

#: Exit status of a worker that found the disk full (EX_TEMPFAIL): to be started again later.
DISK_FULL_STATUS = 75

METRICS_HEADER = (
    "step",
    "train_loss",
    "train_accuracy",
    "valid_loss",
    "valid_mean_token_accuracy",
)


def append_event(
    path: Path,
    message: str,
    *,
    data: dict[str, Any] | None = None,
    level: Literal["info", "warn", "error"] = "info",
) -> None:
    """Append one whole line to the ``events.jsonl`` at ``path``; it is on the disk afterwards.

    A line that a full disk or a power failure cut in half stays alone on its line.

    Raises:
        OSError: the disk is full.
    """
    line = {
        "created_at": int(time.time()),
        "level": level,
        "message": message,
        "type": "metrics" if data else "message",
        "data": data,
    }
    raw = (json.dumps(line, ensure_ascii=False) + "\n").encode()
    if _torn(path):
        raw = b"\n" + raw
    # One write in append mode: lines of two processes do not mix.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        while raw:  # a disk with room for half of it takes half of it
            raw = raw[os.write(descriptor, raw) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ExampleLoss(NamedTuple):
    """What is left of the loss of one training example, its number counted from 1.

    ``loss`` is the mean per scored token (nats) and ``tokens`` the number of those.
    """

    example: int
    loss: float
    tokens: int


@dataclass
class Journal:
    """The files of one job folder.

    ``events.jsonl`` is append-only and shared with the server. A resumed run repeats steps it
    had already reported; they are not written twice.
    """

    folder: Path
    _known: set[str | int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._known = {_identity(event["message"], event["data"]) for event in self.events()}

    def events(self) -> list[dict[str, Any]]:
        """All events so far, oldest first; a line torn by a crash is left out."""
        path = self.folder / "events.jsonl"
        if not path.exists():
            return []
        events = []
        for line in path.read_bytes().splitlines():
            try:
                events.append(json.loads(line))
            except ValueError:
                continue
        return events

    def event(
        self,
        message: str,
        *,
        data: dict[str, Any] | None = None,
        level: Literal["info", "warn", "error"] = "info",
    ) -> None:
        """Append one event, unless it is already there."""
        identity = _identity(message, data)
        if identity in self._known:
            return
        append_event(self.folder / "events.jsonl", message, data=data, level=level)
        self._known.add(identity)

    def once(
        self, start: str, rest: str, *, level: Literal["info", "warn", "error"] = "info"
    ) -> None:
        """Append ``start + rest`` unless an event starts so: ``rest`` may differ in a rerun."""
        if not any(isinstance(known, str) and known.startswith(start) for known in self._known):
            self.event(start + rest, level=level)

    def write(self, name: Literal["state", "result"], content: dict[str, Any]) -> None:
        """Replace ``state.json`` or ``result.json``."""
        write_atomic(self.folder / f"{name}.json", json.dumps(content, ensure_ascii=False))

    def write_metrics(self) -> None:
        """Make ``metrics.csv`` from the events, in the columns of OpenAI's result file."""
        rows = {
            event["data"]["step"]: event["data"]
            for event in self.events()
            if event["type"] == "metrics" and event.get("data")
        }
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(METRICS_HEADER)
        for step in sorted(rows):
            data = {**rows[step], "train_accuracy": rows[step].get("train_mean_token_accuracy")}
            table.writerow([_cell(data.get(name)) for name in METRICS_HEADER])
        write_atomic(self.folder / "metrics.csv", text.getvalue())

    def write_example_losses(self, rows: Sequence[ExampleLoss]) -> None:
        """Write ``example_losses.csv``."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(ExampleLoss._fields)
        table.writerows((row.example, f"{row.loss:.5f}", row.tokens) for row in rows)
        write_atomic(self.folder / "example_losses.csv", text.getvalue())


def _identity(message: str, data: dict[str, Any] | None) -> str | int:
    # A repeated step may differ in the last digit of its loss; it is the same step all the same.
    return int(data["step"]) if data and "step" in data else message


def _torn(path: Path) -> bool:
    try:
        with path.open("rb") as handle:
            handle.seek(-1, os.SEEK_END)
            return handle.read(1) != b"\n"
    except OSError:  # missing or empty
        return False


def _cell(value: float | int | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.5f}"
