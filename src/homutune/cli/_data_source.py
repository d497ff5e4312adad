"""What a ``homutune data`` verb works on: a file, a folder or a dataset, read again at will."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homutune.cli._data_load import cards_beside, tell_notes

if TYPE_CHECKING:
    from homutune.data import Card, Dataset, Example

Target = Annotated[
    str | None,
    typer.Argument(
        metavar="PATH|DATASET",
        help="ファイル・フォルダーかデータセット名。省くと data/ か同梱のコーパス。",
        show_default=False,
    ),
]
Clients = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="取引先の名前の一覧（1行に1つ）。見つけたら知らせます。"),
]


@dataclass(slots=True)
class Source:
    """Examples that can be read again and again, one by one; cards None where none are known."""

    name: str
    cards: list[Card] | None
    path: Path | None = None
    dataset: Dataset | None = None
    _noted: bool = False

    def examples(self) -> Iterator[Example]:
        """Read the examples from the beginning; remarks go to stderr the first time."""
        if self.dataset is not None:
            yield from self.dataset.examples
            return
        assert self.path is not None  # open_source sets the one or the other
        from homutune.data import iter_examples

        notes: list[str] = []
        yield from iter_examples(self.path, notes)
        if not self._noted:
            self._noted = True
            tell_notes(notes)


def open_source(target: str | None, cards: Path | None = None) -> Source:
    """Find what ``target`` names; without it ``data/`` or the bundled corpus.

    Raises:
        UserError: there is no such dataset, or a card file cannot be read.
    """
    from homutune.data import corpus_path, open_dataset, read_cards
    from homutune.settings import load_settings

    if is_dataset_name(target):
        dataset = open_dataset(load_settings().home, target)
        return Source(dataset.name, list(dataset.cards) or None, dataset=dataset)
    if target is None:
        own = Path("data")
        path = own if (own / "qa").is_dir() else corpus_path()
    else:
        path = Path(target)
    notes: list[str] = []
    beside = cards or cards_beside(path)
    known = read_cards(beside, notes) if beside else None
    tell_notes(notes)
    return Source(str(path), known, path=path)


def is_dataset_name(target: str | None) -> bool:
    """Whether ``target`` is meant as a dataset's name, not as a path."""
    named = target is not None and (target == "latest" or target.startswith("ds-"))
    return named and not Path(str(target)).exists()


def read_clients(path: Path | None) -> tuple[str, ...]:
    """Names from a text file, one in each line; none for None.

    Raises:
        UserError: the file cannot be read.
    """
    if path is None:
        return ()
    from homutune.errors import UserError

    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise UserError(
            "取引先の一覧を読めません。",
            remedy="1行に1つの名前を書いた UTF-8 のテキストファイルを指定してください。",
            file=path,
        ) from None
    return tuple(line.strip() for line in text.splitlines() if line.strip())
