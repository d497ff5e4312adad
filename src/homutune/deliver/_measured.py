"""What the stored runs say about a model: comparisons with its base, on each set of questions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from homutune.data import open_dataset
from homutune.errors import UserError
from homutune.evaluation import Comparison, compare_runs, find_pairs
from homutune.improvement import list_loops
from homutune.settings import Settings
from homutune.tuning import ModelEntry, find_model, list_models


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


def measured_model(
    settings: Settings, model: str = "latest"
) -> tuple[ModelEntry | None, list[Measured]]:
    """The model called ``model`` and what was measured of it.

    ``latest`` is the newest one that was compared with its base: a model retrained to improve the
    data is compared with the one before it, and must not hide what is known of that. Where none
    was compared it is the newest.
    """
    home = settings.home
    if model != "latest":
        named = find_model(home, model, settings.base_url) or find_model(home, model)
        return named, measured_on(home, named.base, named.model, named) if named else []
    entries = list_models(home, settings.base_url) or list_models(home)
    for entry in entries:
        if measured := measured_on(home, entry.base, entry.model, entry):
            return entry, measured
    return (entries[0] if entries else None), []


@dataclass(frozen=True, slots=True)
class Improved:
    """The newest round of improvement: what was accepted, and what became of it.

    Attributes:
        after: the model trained on the new version, None as long as there is none.
        measured: the model before compared with the one after, on held-out questions where that
            was done; None as long as it was not.
    """

    accepted: int
    dataset: str
    after: ModelEntry | None
    measured: Measured | None


def improved(home: Path) -> Improved | None:
    """What the newest round of improvement came to; None before its pairs were applied."""
    # A newer round that has only begun takes nothing away from the one that is finished.
    loop = next((each for each in list_loops(home) if each.applied), None)
    if loop is None or loop.applied is None:
        return None
    applied = loop.applied
    name = str(applied["dataset"])
    after = next((entry for entry in list_models(home) if entry.dataset == name), None)
    found = measured_on(home, loop.weaknesses.model, after.model, after) if after else []
    count = len(applied["accepted"]) + len(applied["edited"])
    return Improved(count, name, after, found[0] if found else None)
