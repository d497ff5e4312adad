"""Resume points: whole and unharmed, or not used.

A resume point is a folder ``checkpoint-<step>`` written by transformers' Trainer. Its
``complete`` is written last and holds the SHA-256 of every file beside it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import NamedTuple

from homutune.files import sync_tree, write_atomic

_PROOF = "complete"


class Found(NamedTuple):
    """The newest usable resume point, and the steps of damaged ones, newest first."""

    point: Path | None
    damaged: list[int]

    @property
    def step(self) -> int:
        """Steps done at the resume point, 0 if there is none."""
        return step_of(self.point) if self.point else 0


def seal(point: Path) -> None:
    """Declare the folder ``point`` complete."""
    sync_tree(point)
    write_atomic(point / _PROOF, json.dumps(_digests(point)))


def newest(folder: Path) -> Found:
    """The newest usable resume point in ``folder``; what cannot be used is removed.

    Left there, a torn point would push a good one out: only the newest few are kept.
    """
    damaged: list[int] = []
    for point in sorted(folder.glob("checkpoint-*"), key=step_of, reverse=True):
        if _is_whole(point):
            return Found(point, damaged)
        if (point / _PROOF).exists():  # one without it was cut off by a crash, as crashes do
            damaged.append(step_of(point))
        shutil.rmtree(point)
    return Found(None, damaged)


def step_of(point: Path) -> int:
    """Steps done when ``point`` was written."""
    return int(point.name.rpartition("-")[2])


def _is_whole(point: Path) -> bool:
    try:
        return bool(json.loads((point / _PROOF).read_bytes()) == _digests(point))
    except (OSError, ValueError):
        return False


def _digests(point: Path) -> dict[str, str]:
    digests = {}
    for path in sorted(point.iterdir()):
        if path.name != _PROOF:
            with path.open("rb") as handle:
                digests[path.name] = hashlib.file_digest(handle, "sha256").hexdigest()
    return digests
