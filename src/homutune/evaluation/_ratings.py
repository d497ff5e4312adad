"""Ratings by people: a blinded sheet to fill in, and the way back.

The sheet shows answers in an order of its own, without saying which model wrote them; what the
codes in it mean is kept in ``<home>/ratings/<sheet>/key.json``, the ratings that came back in
``<rater>.json`` beside it.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homutune.errors import UserError
from homutune.evaluation._blind import keep_ratings, make_sheet
from homutune.evaluation._run_files import Run
from homutune.evaluation._scoring import CRITERIA
from homutune.files import write_atomic

_CODE, _QUESTION, _REFERENCE, _ANSWER, _NOTE = "番号", "質問", "模範解答", "回答", "メモ"
COLUMNS = (_CODE, _QUESTION, _REFERENCE, _ANSWER, *CRITERIA.values(), _NOTE)
_GUIDE = "5＝申し分ない 4＝小さな不足 3＝半分ほど 2＝多くが足りない 1＝誤りか無関係"
#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came back: ``rated`` cells on ``answers`` answers, ``blank`` cells left empty."""

    sheet: str
    rater: str
    answers: int
    rated: int
    blank: int


def export_sheet(
    home: Path, path: Path, runs: Sequence[Run], *, limit: int | None = None, seed: int = 42
) -> str:
    """Write a sheet (``.xlsx`` or ``.csv``) with the answers of ``runs`` to the same items.

    Every item brings one answer of each run, so that the runs can be compared; equal answers
    stand once. All raters get the same sheet: their agreement is part of the result.

    Args:
        limit: number of items; the same seed chooses the same ones.

    Returns:
        The sheet's id.

    Raises:
        UserError: no item was answered in every run, or the file's ending is unknown.
    """
    _kind(path)
    sheet = make_sheet(home, runs, limit=limit, seed=seed)
    rows = [
        [a.code, a.question, a.reference, a.answer, *[""] * len(CRITERIA), ""]
        for a in sheet.answers
    ]
    _write(path, sheet.id, rows)
    return sheet.id


def import_sheet(home: Path, path: Path, rater: str) -> Imported:
    """Read a filled sheet; a second import of the same rater replaces the first.

    Raises:
        UserError: with the line, where the file is no sheet of this home, a code is unknown or
            a rating is not 1 to 5; nothing is stored then.
    """
    if not rater.strip():
        raise UserError("採点者の名前が空です。", remedy="--rater 名前 を付けてください。")
    rows = _read(path)
    head = [_cell(rows[0], column) for column in range(len(rows[0]))] if rows else []
    absent = [name for name in (_CODE, *CRITERIA.values()) if name not in head]
    if absent:
        raise UserError(
            f"採点表の見出し「{'・'.join(absent)}」がありません。",
            file=path,
            line=1,
            remedy="homutune eval rate export が作った表の見出しを変えずに使ってください。",
        )
    places = {name: head.index(name) for name in (_CODE, *CRITERIA.values())}
    sheet, codes = _sheet_of(home, path, [_cell(row, places[_CODE]) for row in rows[1:]])
    found: dict[str, dict[str, int]] = {}
    rated = blank = 0
    for line, row in enumerate(rows[1:], 2):
        code = _cell(row, places[_CODE])
        if not code:
            continue
        if code not in codes:
            raise UserError(
                f"番号「{code}」は、この採点表にありません。",
                file=path,
                line=line,
                remedy="「番号」の列は書き換えないでください。",
            )
        for name, label in CRITERIA.items():
            value = _rating(_cell(row, places[label]), label, path, line)
            if value is None:
                blank += 1
            else:
                rated += 1
                found.setdefault(code, {})[name] = value
    if not rated:
        raise UserError(
            "点数がひとつも書かれていません。",
            file=path,
            remedy="四つの観点の列に1〜5の数を書いてください。",
        )
    keep_ratings(home, sheet, rater, found)
    return Imported(sheet, rater.strip(), len(found), rated, blank)


def _cell(row: Sequence[Any], column: int) -> str:
    """A cell as text; "" where it is empty or the row is short."""
    value = row[column] if column < len(row) else None
    return "" if value is None else str(value).strip()


def _rating(text: str, label: str, path: Path, line: int) -> int | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if value not in (1, 2, 3, 4, 5):
        raise UserError(
            f"{label}の点数「{text[:20]}」は使えません。",
            file=path,
            line=line,
            remedy="1〜5の整数を書くか、採点しないときは空にしてください。",
        )
    return int(value)


def _sheet_of(home: Path, path: Path, codes: Sequence[str]) -> tuple[str, set[str]]:
    """The sheet that knows most of the codes."""
    wanted = {code for code in codes if code}
    best: tuple[str, set[str]] = ("", set())
    for key in sorted((home / "ratings").glob("sheet-*/key.json")):
        known = set(json.loads(key.read_text("utf-8"))["codes"])
        if len(known & wanted) > len(best[1] & wanted):
            best = (key.parent.name, known)
    if not best[1]:
        raise UserError(
            "この採点表は、このパソコンの homutune が作ったものではありません。",
            file=path,
            remedy="採点表を書き出したときと同じ HOMUTUNE_HOME で取り込んでください。",
        )
    return best


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in (".xlsx", ".csv"):
        raise UserError(
            f"採点表の形式「{kind or path.name}」は使えません。",
            file=path,
            remedy="ファイル名の終わりを .xlsx か .csv にしてください。",
        )
    return kind


def _write(path: Path, sheet: str, rows: Sequence[Sequence[str]]) -> None:
    if _kind(path) == ".csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        # A leading apostrophe keeps hostile text from becoming a formula.
        writer.writerows(
            [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row] for row in rows
        )
        # Excel takes a CSV without a byte order mark for the local code page.
        write_atomic(path, text.getvalue().encode("utf-8-sig", "backslashreplace"))
        return
    write_atomic(path, _workbook(sheet, rows))


def _workbook(sheet: str, rows: Sequence[Sequence[str]]) -> bytes:
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    page = book.active
    page.title = sheet
    page.append(list(COLUMNS))
    wrap = Alignment(wrap_text=True, vertical="top")
    for number, row in enumerate(rows, 2):
        for column, cell in enumerate(row, 1):
            if cell:
                # Stated as text, so that "=…" in an answer stays what the model wrote.
                place = page.cell(number, column)
                place.value = _UNPRINTABLE.sub("�", cell)
                place.data_type = "s"
                place.alignment = wrap
    for cell in page[1]:
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="E9F0F8")
    for letter, width in zip("ABCDEFGHI", (10, 36, 50, 60, 9, 9, 12, 12, 24), strict=True):
        page.column_dimensions[letter].width = width
    choice = DataValidation("list", formula1='"5,4,3,2,1"', allow_blank=True)
    choice.promptTitle, choice.prompt = "点数（1〜5）", _GUIDE
    page.add_data_validation(choice)
    choice.add(f"E2:H{len(rows) + 1}")
    page.freeze_panes = "B2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _read(path: Path) -> list[list[Any]]:
    try:
        if _kind(path) == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as handle:
                return list(csv.reader(handle))
        from openpyxl import load_workbook

        book = load_workbook(path, read_only=True, data_only=True)
        return [list(row) for row in book.active.iter_rows(values_only=True)]
    except UnicodeDecodeError as error:
        raise UserError(
            "文字コードが UTF-8 ではありません。",
            file=path,
            remedy="Excel では「CSV UTF-8」か .xlsx で保存してください。",
        ) from error
    except (OSError, KeyError, ValueError, csv.Error, zipfile.BadZipFile) as error:
        raise UserError(
            "採点表を読めませんでした。",
            file=path,
            remedy="ファイルの場所と形式を確認してください。",
        ) from error
