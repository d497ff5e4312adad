"""Training files of a dataset version, made by its recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from homutune.data import Recipe, build_lines, open_dataset, write_chat_jsonl
from homutune.errors import UserError
from homutune.tuning._registry import DATASET_KEY, RECIPE_KEY


@dataclass(frozen=True, slots=True)
class TrainingFiles:
    """What a job learns from: chat JSONL files, where they come from, what to know about them.

    Attributes:
        metadata: dataset and recipe, to be stored with the job.
        notes: Japanese remarks, such as examples that were left out.
    """

    train: Path
    valid: Path | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def export_dataset(
    home: Path, name: str | None = None, *, recipe: Recipe = "grounded", seed: int = 42
) -> TrainingFiles:
    """Write ``<home>/exports/<label>/<label>-{train,valid}.jsonl``; the label names all three.

    The same dataset, recipe and seed give the same bytes, so writing again is harmless and a
    file already uploaded is recognised.

    Args:
        home: the home folder.
        name: dataset version; the newest without one.
        recipe: how lines are made from examples.
        seed: choice of the notes that accompany a question.

    Raises:
        UserError: there is no such dataset, or nothing of it fits the recipe.
    """
    dataset = open_dataset(home, name)
    label = f"{dataset.name}-{recipe}-s{seed}"
    # Notes of validation questions stay out of training, or it would learn them by heart.
    sides = (
        ("train", dataset.train, dataset.train_cards),
        ("valid", dataset.valid, dataset.cards),
    )
    files: dict[str, Path] = {}
    notes: list[str] = []
    for side, examples, cards in sides:
        lines = build_lines(examples, cards, recipe=recipe, seed=seed, notes=notes)
        if lines:
            files[side] = home / "exports" / label / f"{label}-{side}.jsonl"
            write_chat_jsonl(files[side], lines)
    if "train" not in files:
        raise UserError(
            f"データセット {dataset.name} から {recipe} の学習データを作れません（0 件）。",
            remedy="解説カードを付けてデータセットを作り直すか、--recipe plain を使ってください。",
        )
    metadata = {DATASET_KEY: dataset.name, RECIPE_KEY: recipe}
    return TrainingFiles(files["train"], files.get("valid"), metadata, tuple(notes))
