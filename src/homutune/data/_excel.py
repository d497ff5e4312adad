"""Excel workbooks: opened with care, read row by row, written so that no cell is ever a formula."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homutune.data._files import check_file, other_kind
from homutune.errors import UserError

if TYPE_CHECKING:
    from openpyxl import Workbook

#: Bytes that a workbook may unpack to: a few hundred times what reviewers exchange, and what
#: fits into memory. A zip bomb is refused before a byte of it is unpacked.
MAX_UNPACKED = 200 * 2**20
#: Excel's own limits.
MAX_ROWS = 1_048_576
MAX_CELL = 32_767

_REMEDY = "Excel で開けるか確認し、.xlsx で保存し直してください。"


@contextmanager
def open_workbook(path: Path) -> Iterator[Workbook]:
    """Open a workbook for reading row by row, formulas as the values last computed.

    Raises:
        UserError: no such file, not a workbook, damaged, or too large when unpacked; also for
            what turns out to be damaged while it is read.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            _check_package(path, file.read(8))
        from openpyxl import load_workbook

        # openpyxl warns of features that it leaves out; none of them matters for the texts.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
            try:
                yield book
            finally:
                book.close()
    except UserError:
        raise
    except OSError as error:
        raise UserError(
            f"ファイルを開けません（{error.strerror or error}）。", remedy=_REMEDY, file=path
        ) from None
    except Exception as error:
        # Damage inside the package shows as almost any error: KeyError, ParseError, zlib.error, …
        raise UserError(
            f"Excel のファイルが壊れています（{type(error).__name__}）。",
            remedy=_REMEDY,
            file=path,
        ) from error


def _check_package(path: Path, head: bytes) -> None:
    if not head.startswith(b"PK"):
        what, remedy = other_kind(head) or ("Excel（.xlsx）のファイルではありません", _REMEDY)
        raise UserError(f"{what}。", remedy=remedy, file=path)
    with zipfile.ZipFile(path) as package:
        # zipfile never unpacks more of a member than is declared here.
        unpacked = sum(member.file_size for member in package.infolist())
    if unpacked > MAX_UNPACKED:
        raise UserError(
            f"Excel のファイルが大きすぎます（展開すると {unpacked // 2**20:,} MB。"
            f"{MAX_UNPACKED // 2**20} MB まで）。",
            remedy="CSV で保存し直すか、ファイルを分けてください。",
            file=path,
        )


def sheet_rows(path: Path, sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """Row numbers (from 1) and the values of the rows with something in them.

    Raises:
        UserError: more rows than Excel has.
    """
    # What a sheet claims as its size may be wrong, or made to exhaust the reader.
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        if number > MAX_ROWS:
            raise UserError("Excel の行が多すぎます。", remedy=_REMEDY, file=path)
        last = len(row)
        while last and row[last - 1] in (None, ""):
            last -= 1
        if last:
            yield number, list(row[:last])


def cell_text(value: Any) -> str:
    """The text of a cell's value, as a reader sees it: no ``.0``, no midnight, Unix line ends."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    # Some programs write a carriage return as its escape.
    return str(value).replace("_x000D_", "").replace("\r\n", "\n").replace("\r", "\n")


def written_text(text: str) -> str:
    """``text`` as a cell can hold it: at most 32,767 characters, and no control characters."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    return str(ILLEGAL_CHARACTERS_RE.sub("", cell_text(text)))[:MAX_CELL]


def add_sheet(
    book: Workbook,
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
) -> Any:
    """Append a sheet of texts with a frozen, filtered header and wrapped lines.

    Every cell is text and marked so (``quotePrefix``): ``=…`` is shown, never computed, not even
    after somebody has edited it.
    """
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(title)
    wrapped = Alignment(wrap_text=True, vertical="top")
    for number, row in enumerate([header, *rows], 1):
        for column, text in enumerate(row, 1):
            cell = sheet.cell(number, column)
            cell.value = written_text(text)
            cell.data_type = "s"
            cell.number_format = "@"
            cell.quotePrefix = True
            cell.alignment = wrapped
            if number == 1:
                cell.font = Font(bold=True)
                cell.fill = PatternFill("solid", fgColor="DDEBF7")
    for column, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = "A2"
    if header:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(header))}{len(rows) + 1}"
    return sheet


def workbook_bytes(book: Workbook) -> bytes:
    """The file that ``book`` is saved as."""
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
