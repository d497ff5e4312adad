"""``events.jsonl`` in the job folder: the only store of a job's events.

The worker and the runner append whole lines; the id of an event follows from its line, so it
stays the same over every restart.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from homutune.engine import append_event

Level = Literal["info", "warn", "error"]


class EventLog:
    """The events of the job ``job_id`` in ``folder``."""

    def __init__(self, job_id: str, folder: Path) -> None:
        self._job_id = job_id
        self._path = folder / "events.jsonl"

    def append(self, message: str, level: Level = "info") -> None:
        """Append one message event."""
        append_event(self._path, message, level=level)

    def append_once(self, message: str, level: Level = "info") -> None:
        """Append unless it is there: what follows a crash may be done a second time."""
        if all(event["message"] != message for event in self.read()):
            self.append(message, level)

    def read(self) -> list[dict[str, Any]]:
        """All events in OpenAI's shape, oldest first."""
        try:
            lines = self._path.read_bytes().split(b"\n")[:-1]  # what follows is half a line
        except FileNotFoundError:
            return []
        events = (self._event(number, line) for number, line in enumerate(lines, start=1))
        return [event for event in events if event is not None]

    def _event(self, number: int, line: bytes) -> dict[str, Any] | None:
        try:
            stored = json.loads(line)
        except ValueError:  # torn by a power failure
            return None
        digest = hashlib.sha256(f"{self._job_id}:{number}".encode()).hexdigest()
        event = {
            "object": "fine_tuning.job.event",
            "id": f"ftevent-{digest[:24]}",
            "created_at": stored["created_at"],
            "level": stored["level"],
            "message": stored["message"],
            "type": stored["type"],
        }
        if stored.get("data") is not None:
            event["data"] = stored["data"]
        return event
