"""What the stored runs say about a model: comparisons with its base, on each set of questions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from homutune.data import open_dataset
from homutune.errors import UserError
from homutune.evaluation import Comparison, compare_runs, find_pairs
from homutune.tuning import ModelEntry


@dataclass(frozen=True, slots=True)
class Measured:
    """A comparison of base and tuned on one dataset.

    Attributes:
        held_out: the dataset never trains anything; otherwise it is the validation side of one.
    """

    dataset: str
    held_out: bool
    n_items: int
    as_of: str | None
    comparison: Comparison

    @property
    def label(self) -> str:
        """What a reader sees."""
        kind = "評価専用の質問" if self.held_out else "検証用の質問"
        return f"{kind} {self.n_items} 問（{self.dataset}）"


def measured_on(home: Path, base: str, tuned: str, entry: ModelEntry | None) -> list[Measured]:
    """Comparisons on the dataset the model learned from and on held-out ones, those first."""
    found = []
    for manifest in sorted((home / "datasets").glob("ds-*/manifest.json")):
        counts = json.loads(manifest.read_text("utf-8"))["counts"]
        held_out = not counts["train"]
        name = manifest.parent.name
        if not held_out and entry is not None and entry.dataset not in (None, name):
            continue
        try:
            dataset = open_dataset(home, name)
            comparison = compare_runs(dataset, *find_pairs(home, dataset, base=base, tuned=tuned))
        except UserError:  # not measured there, or the dataset was changed since
            continue
        primary = next(iter(comparison.conditions.values()))
        found.append(
            Measured(name, held_out, primary.tuned.n_items, dataset.manifest.as_of, comparison)
        )
    return sorted(found, key=lambda item: not item.held_out)
