"""The history of dataset versions: which model learned from which, and how each did."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from homutune.data import Dataset, open_dataset
from homutune.errors import UserError
from homutune.evaluation import Run, VersionScore, runs_of_same_exam, summarize
from homutune.tuning import find_model


def version_history(home: Path, run: Run, base_url: str | None = None) -> list[VersionScore]:
    """All models that answered the questions of ``run`` with the same notes, oldest first.

    Base models stand first; a tuned model brings the version it learned from and its parent.
    """
    found = []
    for other in runs_of_same_exam(home, run.config):
        entry = find_model(home, other.config.model, base_url)
        version = _version(home, entry.dataset) if entry and entry.dataset else None
        parents = version.manifest.parents if version else []
        summary = summarize(other)
        found.append(
            VersionScore(
                model=other.config.model,
                dataset=entry.dataset if entry else None,
                parent=parents[0] if parents else None,
                n_train=version.manifest.counts["train"] if version else None,
                created_at=_time(entry.created_at) if entry else "",
                run=other.config.id,
                n_items=summary.n_items,
                criteria=summary.criteria,
            )
        )
    return sorted(found, key=lambda score: (score.created_at, score.model))


def _version(home: Path, name: str) -> Dataset | None:
    """The version, None where it was deleted or changed since."""
    try:
        return open_dataset(home, name)
    except UserError:
        return None


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
