"""The head of a table, so that a person can say what its columns mean before it is imported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from homutune.data._columns import EXAMPLE_HEADINGS, Columns
from homutune.data._excel import cell_text, open_workbook, sheet_rows
from homutune.data._files import open_text
from homutune.data._records import HEADER_ROWS, TABLES, csv_rows

#: Our fields a column of a table may stand for, with the plainest Japanese heading of each.
FIELDS: dict[str, str] = {
    name: next((text for text in known if not text.isascii()), name)
    for name, known in EXAMPLE_HEADINGS.items()
}
_SHOWN = 3
_NEEDED = (("question", "answer"), ("conversation", "role", "content"))


@dataclass(frozen=True, slots=True)
class TableHead:
    """Headings, the field guessed for each ("" for none), the first rows, the sheets of a book."""

    headings: tuple[str, ...]
    fields: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sheets: tuple[str, ...] = ()
    sheet: str | None = None

    @property
    def suffices(self) -> bool:
        """Whether the guess holds what an import needs."""
        return any(set(needed) <= set(self.fields) for needed in _NEEDED)


def read_table_head(path: Path, sheet: str | None = None) -> TableHead | None:
    """The head of a CSV, TSV or Excel file; None for files whose records name their fields.

    Args:
        sheet: of an Excel file; else the first one with questions and answers, or the first.

    Raises:
        UserError: the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in (*TABLES, ".csv", ".tsv"):
        return None
    if suffix in (".csv", ".tsv"):
        notes: list[str] = []
        with open_text(path, notes, newline="") as handle:
            return _head(row for _, row in csv_rows(path, handle))
    with open_workbook(path) as book:
        names = tuple(book.sheetnames)
        heads = {}
        for name in [sheet] if sheet in names else names[:20]:
            assert name is not None
            cells = sheet_rows(path, book[name])
            heads[name] = _head([cell_text(v).strip() for v in row] for _, row in cells)
        chosen = next((name for name, head in heads.items() if head.suffices), next(iter(heads)))
        found = heads[chosen]
        return TableHead(found.headings, found.fields, found.rows, names, chosen)


def _head(rows: Iterable[list[str]]) -> TableHead:
    """The row with the headings is found as an import finds it; else it is the first."""
    columns = Columns(EXAMPLE_HEADINGS, _NEEDED)
    first = list(islice(rows, HEADER_ROWS + _SHOWN))
    guesses = [columns.fields(row) for row in first[:HEADER_ROWS]]
    place = next((i for i, guess in enumerate(guesses) if columns.suffices(guess)), 0)
    if not first:
        return TableHead((), (), ())
    shown = tuple(tuple(row) for row in first[place + 1 : place + 1 + _SHOWN])
    return TableHead(tuple(first[place]), tuple(guesses[place]), shown)
