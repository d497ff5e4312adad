"""What the newest measured comparison of a model with its base says, in one sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from homutune.data import open_dataset
from homutune.errors import UserError
from homutune.evaluation import compare_runs, find_pairs, headline
from homutune.tuning import ModelEntry


@dataclass(frozen=True, slots=True)
class Measured:
    """The declared endpoint of a comparison; ``items`` are the paired questions it rests on."""

    sentence: str
    dataset: str
    items: int
    interval: tuple[float, float] | None


def newest_comparison(home: Path, entry: ModelEntry) -> Measured | None:
    """The comparison of ``entry`` with its base; None while there are no matching runs."""
    finished = sorted(home.glob("runs/*/scores.json"), key=lambda path: path.stat().st_mtime_ns)
    if not finished:
        return None
    return _measure(home, entry.model, entry.base, finished[-1].stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _measure(home: Path, model: str, base: str, _newest: int) -> Measured | None:
    """Made again only when a run was added; the statistics take a while."""
    runs = [json.loads(path.read_text("utf-8")) for path in home.glob("runs/*/run.json")]
    runs = [run for run in runs if run.get("model") == model]
    runs.sort(key=lambda run: str(run.get("created_at")), reverse=True)
    for name in dict.fromkeys(run["dataset"] for run in runs):
        try:
            dataset = open_dataset(home, name)
            pairs, absent = find_pairs(home, dataset, base=base, tuned=model)
            comparison = compare_runs(dataset, pairs, absent)
        except UserError:  # the base was not measured on it, or the version is gone
            continue
        if (primary := comparison.primary) is not None:
            return Measured(headline(comparison), name, primary.n_items, primary.t_interval)
    return None
