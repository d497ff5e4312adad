"""Comparisons of two models: made once, kept until a run or an opinion is added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from homutune.data import Dataset, open_dataset
from homutune.errors import UserError
from homutune.evaluation import (
    Comparison,
    Opinions,
    Run,
    compare_runs,
    find_pairs,
    headline,
    learned_from,
    list_runs,
    read_opinions,
)
from homutune.tuning import ModelEntry

Pairs = dict[str, tuple[Run, Run]]


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison with the runs it was made from and what people say."""

    dataset: Dataset
    comparison: Comparison
    pairs: Pairs
    opinions: Opinions


@dataclass(frozen=True, slots=True)
class Measured:
    """The declared endpoint of a comparison; ``items`` are the paired questions it rests on."""

    sentence: str
    dataset: str
    items: int
    interval: tuple[float, float] | None


def compared(home: Path, dataset: str, base: str, tuned: str) -> Compared:
    """Two models on one dataset; the statistics take seconds the first time.

    Raises:
        UserError: no condition was measured for both, or the dataset is gone.
    """
    return _compared(home, dataset, base, tuned, _newest(home))


def newest_comparison(home: Path, entry: ModelEntry) -> Measured | None:
    """The comparison of ``entry`` with its base; None while there are no matching runs."""
    runs = [run.config for run in list_runs(home) if run.complete]
    for name in dict.fromkeys(run.dataset for run in runs if run.model == entry.model):
        try:
            found = compared(home, name, entry.base, entry.model).comparison
        except UserError:  # the base was not measured on it, or the version is gone
            continue
        if (primary := found.primary) is not None:
            return Measured(headline(found), name, primary.n_items, primary.t_interval)
    return None


@lru_cache(maxsize=8)
def _compared(home: Path, dataset: str, base: str, tuned: str, _newest: int) -> Compared:
    opened = open_dataset(home, dataset)
    pairs, absent = find_pairs(home, opened, base=base, tuned=tuned)
    opinions = read_opinions(home, *next(iter(pairs.values())))
    learned = learned_from(home, (base, tuned))
    comparison = compare_runs(opened, pairs, absent, learned=learned)
    return Compared(opened, comparison, pairs, opinions)


def _newest(home: Path) -> int:
    """Changes when a run, a rating or a judgement was added."""

    def times() -> Iterator[int]:
        for pattern in ("runs/*/scores.json", "runs/*/judged/*/*.json*", "ratings/*/rater-*.json"):
            yield from (path.stat().st_mtime_ns for path in home.glob(pattern))

    return max(times(), default=0)
