"""Records out of any file: lines of JSONL, rows of a table, items of a list.

A record is a JSON value with the line it begins on; a row of a table becomes a mapping from our
fields to the texts of its cells. JSONL, CSV, TSV, Excel and Parquet are read piece by piece.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from homutune.data._columns import Columns, told
from homutune.data._excel import cell_text, open_workbook, sheet_rows
from homutune.data._files import MAX_LINE, lines_of_text, open_text, read_text, too_long
from homutune.data._parquet import parquet_records
from homutune.data._yaml import lines_of, load_yaml
from homutune.errors import UserError

#: A question set with more columns than this is a wrong file or delimiter.
MAX_COLUMNS = 1000
#: Deeper JSON is an attack or a mistake; Python's own limit lies near 1000.
MAX_DEPTH = 64
#: Keys under which a JSON file may hold its list of records.
_LISTS = ("data", "examples", "records", "rows", "samples", "items", "pairs", "questions")
#: A title may stand above the headings, as it often does in Excel.
HEADER_ROWS = 10

Record = tuple[Any, int]
_Rows = Iterable[tuple[int, list[str]]]


def iter_records(
    path: Path, notes: list[str], columns: Columns, *, sheet: str | None = None
) -> Iterator[Record]:
    """The records of ``path``, by its extension.

    Args:
        notes: receives Japanese remarks on encoding, sheet and columns.
        columns: how headings of tables are understood; other records come as they are.
        sheet: of an Excel file; else the first one with the columns needed.

    Raises:
        UserError: with file and line, for what cannot be read.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is not None:
        yield from reader(path, notes, columns)
    elif path.suffix.lower() in TABLES:
        yield from _excel(path, notes, columns, sheet)
    else:
        raise UserError(
            f"拡張子「{path.suffix or 'なし'}」のファイルは読めません。",
            remedy=".xlsx・.csv・.tsv・.jsonl・.json・.yaml・.parquet のどれかにしてください。",
            file=path,
        )


def _jsonl(path: Path, notes: list[str], columns: Columns) -> Iterator[Record]:
    # Only \n ends a line: U+2028 and its like may stand inside a text.
    with open_text(path, notes, newline="\n") as handle:
        for number, line in enumerate(lines_of_text(path, handle), 1):
            if line.strip():
                yield parse_json(line, path, number), number


def parse_json(text: str, path: Path, line: int) -> Any:
    """The JSON value that ``text`` is.

    Raises:
        UserError: not JSON, or nested more than ``MAX_DEPTH`` deep.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep(path, line) from None
    except ValueError as error:
        line = line + getattr(error, "lineno", 1) - 1
        raise UserError(
            f"{line}行目の JSON を読めません（{getattr(error, 'msg', error)}）。",
            remedy='1行に1つの {"messages": […]} を書いてください。'
            if path.suffix.lower() == ".jsonl"
            else "かっこ・引用符・コンマを確認してください。",
            file=path,
            line=line,
        ) from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise _too_deep(path, line)
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


def _too_deep(path: Path, line: int) -> UserError:
    return UserError(
        f"JSON の入れ子が深すぎます（{MAX_DEPTH}段まで）。",
        remedy="質問と回答のデータか、確認してください。",
        file=path,
        line=line,
    )


def _json(path: Path, notes: list[str], columns: Columns) -> Iterator[Record]:
    value = parse_json(read_text(path, notes), path, 1)
    if isinstance(value, dict):
        lists = [value[key] for key in _LISTS if isinstance(value.get(key), list)]
        value = lists[0] if len(lists) == 1 else [value]
    if not isinstance(value, list):
        raise UserError(
            "質問の一覧がありません。",
            remedy='[{"質問": "…", "回答": "…"}, …] の形にしてください。',
            file=path,
        )
    # The lines inside are not known: the number of the record stands for it.
    yield from ((item, number) for number, item in enumerate(value, 1))


def _yaml(path: Path, notes: list[str], columns: Columns) -> Iterator[Record]:
    content, node = load_yaml(path, notes)
    if not isinstance(content, list):
        raise UserError(
            "「- 項目: 値」の一覧になっていません。", remedy="一覧にしてください。", file=path
        )
    yield from zip(content, lines_of(node), strict=True)


def _table(path: Path, notes: list[str], columns: Columns) -> Iterator[Record]:
    with open_text(path, notes, newline="") as handle:
        yield from _keyed(path, csv_rows(path, handle), notes, columns, strict=True)


def csv_rows(path: Path, handle: TextIO) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, with the lines on which they begin."""
    size = 0

    def lines() -> Iterator[str]:
        nonlocal size
        for line in lines_of_text(path, handle):
            size += len(line)
            if size > MAX_LINE:
                raise too_long(path, begin)
            yield line

    begin = 1
    delimiter = _delimiter(path, handle)
    reader = csv.reader(lines(), strict=True, delimiter=delimiter)
    try:
        for row in reader:
            line, begin, size = begin, reader.line_num + 1, 0
            if any(cell.strip() for cell in row):
                yield line, [cell.strip() for cell in row]
    except csv.Error as error:
        reason = (
            f"1つの欄が {csv.field_size_limit():,} 字を超えています"
            if "field limit" in str(error)
            else str(error)
        )
        raise UserError(
            f"CSV を読めません（{reason}）。",
            remedy='引用符（"）が閉じているか確認してください。',
            file=path,
            line=begin,
        ) from None


def _delimiter(path: Path, handle: TextIO) -> str:
    """Tab for .tsv; else what the first line holds most of, the comma first."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    first = handle.readline(MAX_LINE)
    handle.seek(0)
    return max(",\t;", key=first.count)


def _excel(path: Path, notes: list[str], columns: Columns, sheet: str | None) -> Iterator[Record]:
    with open_workbook(path) as book:
        if sheet is not None and sheet not in book.sheetnames:
            raise UserError(
                f"シート「{sheet}」がありません。",
                remedy=f"あるシート: {'、'.join(book.sheetnames[:20])}",
                file=path,
            )
        error: UserError | None = None
        for name in [sheet] if sheet else book.sheetnames:
            rows = (
                (number, [cell_text(value).strip() for value in row])
                for number, row in sheet_rows(path, book[name])
            )
            records = _keyed(path, rows, notes, columns, strict=False)
            try:
                first = next(records, None)
            except UserError as found:
                error = error or found
                continue
            if first is None:
                continue
            if len(book.sheetnames) > 1:
                notes.append(f"{path.name}: シート「{name}」を読みました。")
            yield first
            yield from records
            return
        raise error or UserError(
            "どのシートにも質問と回答がありません。", remedy="中身を入れてください。", file=path
        )


def _keyed(
    path: Path, rows: _Rows, notes: list[str], columns: Columns, *, strict: bool
) -> Iterator[Record]:
    """Rows as mappings from our fields to texts, below the row that holds the headings.

    Args:
        strict: refuse a row that is longer than the headings; else what has none is left out.
    """
    before: list[tuple[int, list[str]]] = []
    fields: list[str] | None = None
    for line, row in rows:
        if len(row) > MAX_COLUMNS:
            raise UserError(
                f"列が {len(row):,} あります（{MAX_COLUMNS:,} まで）。",
                remedy="質問と回答の表か、区切り文字（カンマ・タブ）が正しいか確認してください。",
                file=path,
                line=line,
            )
        if fields is not None:
            if strict and len(row) > len(fields) and any(row[len(fields) :]):
                raise UserError(
                    f"列の数が多すぎます（見出し {len(fields)}、この行 {len(row)}）。",
                    remedy='カンマを含む文は "…" で囲んでください。',
                    file=path,
                    line=line,
                )
            yield {f: cell for f, cell in zip(fields, row, strict=False) if f}, line
            continue
        before.append((line, row))
        guess = columns.fields(row)
        if columns.suffices(guess):
            columns.check_chosen(path, row)
            fields = guess
            columns.understood = {f: name for name, f in zip(row, guess, strict=True) if f}
            notes.append(told(path, row, guess))
        elif len(before) == HEADER_ROWS:
            break
    if fields is None and before:
        raise columns.missing(path, before[0][1], before[0][0])


#: Files whose rows come under headings.
TABLES = (".csv", ".tsv", ".xlsx", ".xlsm")

_READERS: dict[str, Callable[[Path, list[str], Columns], Iterator[Record]]] = {
    ".csv": _table,
    ".tsv": _table,
    ".jsonl": _jsonl,
    ".json": _json,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".parquet": lambda path, notes, columns: parquet_records(path, MAX_COLUMNS),
}
