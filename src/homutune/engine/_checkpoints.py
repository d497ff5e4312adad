"""The checkpoints of a job: one an epoch, the newest three and the best are kept.

A checkpoint is a complete adapter with a ``checkpoint.json``, written last, that holds its
metrics. The best is the one with the lowest validation loss, the earlier of two equal ones; it
becomes the tuned model. Everything is read from the files, so that a run that was interrupted
decides as one that was not.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

from homutune.engine._journal import Journal
from homutune.files import sync_tree

KEPT_CHECKPOINTS = 3  # as OpenAI keeps them


class Checkpoint(NamedTuple):
    """A complete checkpoint; ``valid_loss`` is None without a validation file."""

    path: Path
    step: int
    valid_loss: float | None


def checkpoints(job: Path) -> list[Checkpoint]:
    """The complete checkpoints in the folder ``job``, oldest first."""
    found = []
    for proof in (job / "checkpoints").glob("step-*/checkpoint.json"):
        stored = json.loads(proof.read_bytes())
        loss = stored["metrics"].get("full_valid_loss")
        found.append(Checkpoint(proof.parent, stored["step"], loss))
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def best(found: list[Checkpoint]) -> Checkpoint | None:
    """The one with the lowest validation loss, None where there is no such loss."""
    scored = [(c.valid_loss, c.step, c) for c in found if c.valid_loss is not None]
    return min(scored)[2] if scored else None


def prune(job: Path) -> None:
    """Remove all but the newest three and the best."""
    found = checkpoints(job)
    for checkpoint in found[:-KEPT_CHECKPOINTS]:
        if checkpoint != best(found):
            (checkpoint.path / "checkpoint.json").unlink()
            shutil.rmtree(checkpoint.path)


def deliver(job: Path, adapter: Path, journal: Journal) -> bool:
    """Make the best checkpoint the tuned model; False where there is none to choose from."""
    found = checkpoints(job)
    chosen = best(found)
    if chosen is None:
        return False
    building = adapter.with_name(f".{adapter.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        shutil.copytree(
            chosen.path, building, ignore=shutil.ignore_patterns("adapter.json", "checkpoint.json")
        )
        sync_tree(building)
        # The proof of completeness comes last.
        shutil.copyfile(chosen.path / "adapter.json", building / "adapter.json")
        sync_tree(building)
        shutil.rmtree(adapter, ignore_errors=True)
        building.rename(adapter)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    last = found[-1]
    journal.event(
        f"検証損失が最も小さい step {chosen.step} のチェックポイント（{chosen.valid_loss:.3f}）を"
        "学習済みモデルにしました"
        + (f"。最後の step {last.step} は {last.valid_loss:.3f} です" if last != chosen else "")
    )
    return True
