"""What training on this machine was last measured to take."""

from __future__ import annotations

import json
from pathlib import Path


def measured_speed(home: Path, model: str) -> dict[str, float]:
    """``tokens_per_s`` and ``peak_bytes`` that ``model`` last showed here, as far as known.

    The server writes ``speed.json`` after every job, ``homutune data estimate --probe`` on demand.
    """
    try:
        measured = json.loads((home / "speed.json").read_text("utf-8"))
        if measured["model"] != model:
            return {}
        names = ("tokens_per_s", "peak_bytes")
        return {name: float(measured[name]) for name in names if measured.get(name)}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # not measured, or by another version
