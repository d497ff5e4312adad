"""Uploaded question sets on their way to a dataset: read, checked, repaired; kept as a matter."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from homutune.data import (
    Card,
    CheckReport,
    Example,
    Fixer,
    check_examples,
    corpus_path,
    example_line,
    iter_examples,
    read_cards,
    read_examples,
    visible,
    write_atomic,
    write_examples,
)
from homutune.errors import UserError
from homutune.law import check_citation

if TYPE_CHECKING:
    from homutune.data import Change

KIND = "import"
#: What an uploaded file may be; ``read_examples`` reads them all.
SUFFIXES = (".csv", ".tsv", ".xlsx", ".xlsm", ".jsonl", ".json", ".yaml", ".yml")
_AROUND = 20
#: Changes of an import that can be taken back.
_EARLIER = 20


@dataclass(frozen=True)
class Checked:
    """The examples of an import as they are now; what the checks say, where somebody reads it."""

    examples: tuple[Example, ...]
    #: The bundled cards, where examples name cards.
    cards: tuple[Card, ...]

    @cached_property
    def report(self) -> CheckReport:
        """The check of all examples."""
        return check_examples(self.examples, self.cards or None, verdict=check_citation)


def uploaded(folder: Path) -> Path:
    """The file as it came; its own name is in the matter's title only."""
    return next(folder.glob("upload.*"))


def import_examples(
    folder: Path, columns: dict[str, str], sheet: str | None
) -> tuple[int, list[str]]:
    """Read the upload into ``examples.jsonl``; how many there are, and how they were read.

    Raises:
        UserError: the file cannot be read; nothing was written.
    """
    notes: list[str] = []
    found = iter_examples(uploaded(folder), notes, columns=columns, sheet=sheet)
    return write_examples(folder / "examples.jsonl", found), notes


def import_sample(folder: Path) -> int:
    """The bundled questions, as if they had been uploaded."""
    return write_examples(folder / "examples.jsonl", iter_examples(corpus_path()))


def checked(folder: Path) -> Checked:
    """The examples with their check, made again only when they have changed."""
    path = folder / "examples.jsonl"
    return _checked(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _checked(path: Path, _version: int) -> Checked:
    examples = tuple(read_examples(path))
    linked = any(example.meta.cards for example in examples)
    cards = tuple(read_cards(corpus_path() / "cards")) if linked else ()
    return Checked(examples, cards)


def forget() -> None:
    """Keep no examples in memory after an import was deleted."""
    _checked.cache_clear()


def find_fixes(examples: Sequence[Example]) -> tuple[list[Example], list[Change]]:
    """The repaired examples and what was changed."""
    fixer = Fixer()
    fixed = list(fixer.fix(examples))
    return fixed, fixer.changes


def save_examples(folder: Path, examples: Sequence[Example]) -> None:
    """Replace the examples of an import; the upload stays, and what they were for :func:`undo`."""
    path, kept = folder / "examples.jsonl", earlier(folder)
    number = int(kept[-1].stem) + 1 if kept else 1
    write_atomic(folder / "earlier" / f"{number:06}.jsonl", path.read_bytes())
    write_atomic(path, "".join(map(example_line, examples)))
    for old in kept[: 1 - _EARLIER]:
        old.unlink()


def earlier(folder: Path) -> list[Path]:
    """What the examples of an import were before the last changes, the oldest first."""
    return sorted((folder / "earlier").glob("*.jsonl"))


def undo(folder: Path) -> int:
    """Take the last change back; how many examples there are then.

    Raises:
        UserError: nothing was changed.
    """
    kept = earlier(folder)
    if not kept:
        raise UserError("元に戻せる変更はありません。", remedy="検査の画面を開き直してください。")
    write_atomic(folder / "examples.jsonl", kept[-1].read_bytes())
    kept[-1].unlink()
    return len(checked(folder).examples)


def pieces(before: str, after: str | None) -> list[tuple[str, str]]:
    """A change as (``same`` | ``old`` | ``new``, text), invisible characters made visible."""
    if after is None:
        return [("old", visible(before))]
    found: list[tuple[str, str]] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, low, high, new_low, new_high in matcher.get_opcodes():
        if kind == "equal":
            text = before[low:high]
            if len(text) > 2 * _AROUND + 1:
                text = f"{text[:_AROUND]}…{text[-_AROUND:]}"
            found.append(("same", text))
            continue
        found += [("old", visible(before[low:high]))] if high > low else []
        found += [("new", visible(after[new_low:new_high]))] if new_high > new_low else []
    return found
