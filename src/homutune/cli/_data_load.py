"""What the ``homutune data`` verbs read: pairs with their cards, or a dataset's lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from homutune.cli._console import note

if TYPE_CHECKING:
    from homutune.data import Card, Dataset, Example

RecipeName = Literal["grounded", "plain"]
SIDES = ("train", "valid")
EXAMPLES = "使い方の例:"

DataPath = Annotated[
    Path | None,
    typer.Argument(
        metavar="PATH",
        help="Excel・CSV・TSV・JSONL・JSON・YAML・Parquet のファイルか、フォルダー。"
        "省くと data/ か同梱のコーパス。",
        show_default=False,
    ),
]
CardsPath = Annotated[
    Path | None,
    typer.Option("--cards", help="解説カードのフォルダー。省くと PATH の隣の cards/。"),
]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Pairs as read, and the cards that belong to them."""

    path: Path
    examples: list[Example]
    #: None: no cards are known, so card ids cannot be checked.
    cards: list[Card] | None


def examples(*commands: str) -> str:
    """The epilog of a help text: example commands, one a line."""
    return "\n".join((EXAMPLES, *(f"  {command}" for command in commands)))


def tell_notes(notes: Sequence[str]) -> None:
    """Show remarks on how something was read, on stderr."""
    for text in notes:
        note(text, style="yellow")


def load(path: Path | None, cards: Path | None = None) -> Loaded:
    """Read pairs and the cards that belong to them; remarks go to stderr."""
    from homutune.data import corpus_path, read_cards, read_examples

    if path is None:
        own = Path("data")
        path = own if (own / "qa").is_dir() else corpus_path()
    notes: list[str] = []
    examples = read_examples(path, notes)
    beside = cards or cards_beside(path)
    known = read_cards(beside, notes) if beside else None
    tell_notes(notes)
    return Loaded(path, examples, known)


def cards_beside(path: Path) -> Path | None:
    """``cards/`` in ``path``, or next to the ``qa/`` folder that is, or holds, ``path``."""
    for folder in (path, path.absolute().parent, path.absolute().parent.parent):
        if (folder / "cards").is_dir():
            return folder / "cards"
        if folder.name != "qa" and folder != path:
            return None
    return None


def lines_of(dataset: Dataset, side: str, recipe: RecipeName, seed: int = 42) -> list[Any]:
    """Lines of one side; training sees no card that answers a validation question."""
    from homutune.data import build_lines

    notes: list[str] = []
    if side == "train":
        examples, cards = dataset.train, dataset.train_cards
    else:
        examples, cards = dataset.valid, list(dataset.cards)
    lines = build_lines(examples, cards, recipe=recipe, seed=seed, notes=notes)
    tell_notes([f"{side}: {text}" for text in notes])
    return lines
