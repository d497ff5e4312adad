"""Training files of a dataset version, made by its recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from homutune.data import build_lines, open_dataset, write_chat_jsonl
from homutune.tuning._registry import DATASET_KEY, RECIPE_KEY

Recipe = Literal["plain", "grounded"]


@dataclass(frozen=True, slots=True)
class TrainingFiles:
    """What a job learns from: two chat JSONL files and where they come from."""

    train: Path
    valid: Path | None
    metadata: dict[str, str]


def export_dataset(
    home: Path, name: str = "latest", *, recipe: Recipe = "grounded", seed: int = 42
) -> TrainingFiles:
    """Write ``<home>/exports/<name>/<name>-{train,valid}.jsonl`; name = dataset, recipe and seed`.

    The same dataset, recipe and seed give the same bytes, so writing again is harmless and a
    file already uploaded is recognised.

    Raises:
        UserError: there is no such dataset.
    """
    dataset = open_dataset(home, name)
    label = f"{dataset.manifest.name}-{recipe}-s{seed}"
    folder = home / "exports" / label
    files = {}
    for side, examples in (("train", dataset.train), ("valid", dataset.valid)):
        lines = build_lines(examples, dataset.cards, recipe=recipe, seed=seed)
        if lines:
            files[side] = folder / f"{label}-{side}.jsonl"
            write_chat_jsonl(files[side], lines)
    return TrainingFiles(
        train=files["train"],
        valid=files.get("valid"),
        metadata={DATASET_KEY: dataset.manifest.name, RECIPE_KEY: recipe},
    )
