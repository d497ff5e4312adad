"""Question–answer pairs and conversations from any file a legal team has.

Only what cannot be read at all is an error here, with file and line; what is readable but wrong
is left to the checks, which report everything at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from homutune.data._columns import EXAMPLE_HEADINGS, Columns
from homutune.data._records import TABLES, Record, iter_records
from homutune.data._shapes import (
    META_LISTS,
    META_TEXT,
    Shapes,
    fallback_id,
    meta_of,
    pair_example,
    role_of,
    weight_of,
)
from homutune.data._types import Example, Message, Source
from homutune.data._yaml import YAML, child, data_files, known_mapping, lines_of, load_yaml
from homutune.errors import UserError

_PAIR = {*META_TEXT, *META_LISTS, "question", "answer", "system", "weight", "messages"}
#: What a table must have: a pair in each row, or one message in each row.
_NEEDED = (("question", "answer"), ("conversation", "role", "content"))
#: Longer "conversations" are tables whose rows were not told apart.
_MAX_MESSAGES = 1000


def read_examples(
    path: Path,
    notes: list[str] | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
) -> list[Example]:
    """Read all examples of :func:`iter_examples` into memory.

    Raises:
        UserError: with file and line, for what cannot be read.
    """
    return list(iter_examples(path, notes, columns=columns, sheet=sheet))


def iter_examples(
    path: Path,
    notes: list[str] | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
) -> Iterator[Example]:
    """Read examples one by one.

    JSONL, CSV, TSV, Excel and Parquet are never held as a whole, so a million examples take no
    more memory than one; YAML and JSON files must be small (32 MB).

    Args:
        path: a file, or a folder of YAML and JSONL files (or one with a ``qa/`` folder in it).
            ``.yaml``/``.yml``: ``{defaults:, pairs:}``. ``.jsonl``, ``.json``, ``.parquet``: OpenAI
            chat (``meta`` tolerated), prompt/completion, Alpaca, ShareGPT, or pairs under any
            of the known headings. ``.csv``, ``.tsv``, ``.xlsx``: a pair in each row, or a message
            in each row (conversation, role, content). Encodings: UTF-8, UTF-16 with BOM,
            CP932, EUC-JP.
        notes: receives Japanese remarks on what was read how (encoding, sheet, columns).
        columns: the user's own mapping from headings to our fields, before what is guessed.
        sheet: of an Excel file; else the first one with questions and answers.

    Raises:
        UserError: with file and line, for what cannot be read; also after examples were given.
    """
    notes = [] if notes is None else notes
    for file in data_files(path, "qa", (*YAML, ".jsonl")):
        yield from _read_file(file, notes, columns or {}, sheet)


def _read_file(
    path: Path, notes: list[str], chosen: Mapping[str, str], sheet: str | None
) -> Iterator[Example]:
    examples = (
        _read_yaml(path, notes)
        if path.suffix.lower() in YAML
        else _read_records(path, notes, Columns(EXAMPLE_HEADINGS, _NEEDED, chosen), sheet)
    )
    empty = True
    for example in examples:
        empty = False
        yield example
    if empty:
        raise UserError(
            "質問と回答が1件もありません。", remedy="質問と回答を入れてください。", file=path
        )


def _read_records(
    path: Path, notes: list[str], columns: Columns, sheet: str | None
) -> Iterator[Example]:
    records = iter_records(path, notes, columns, sheet=sheet)
    keyed = path.suffix.lower() in TABLES
    shapes = Shapes(path, columns, notes, keyed)
    if not keyed:
        yield from (shapes.example(record, line, line) for record, line in records)
        return
    for number, (record, line) in enumerate(_joined(path, records), 1):
        yield shapes.example(record, line, number)


def _joined(path: Path, records: Iterator[Record]) -> Iterator[Record]:
    """Rows with one message each, joined to conversations; rows with a pair as they are.

    A row without a conversation belongs to the one above (Excel's merged cells).
    """
    current: dict[str, Any] | None = None
    begin = 0
    for row, line in records:
        if not {"role", "content"} <= row.keys() or "question" in row:
            yield row, line
            continue
        name = row.get("conversation")
        if current is None or (name and name != current["id"]):
            if current is not None:
                yield current, begin
            current, begin = {**row, "id": name or "", "messages": []}, line
        message: Message = {"role": role_of(row["role"]), "content": row["content"]}
        if row.get("weight"):
            message["weight"] = weight_of(row["weight"])
        current["messages"].append(message)
        if len(current["messages"]) > _MAX_MESSAGES:
            raise UserError(
                f"1つの会話が {_MAX_MESSAGES:,} 発言を超えています。",
                remedy="会話の列に、会話ごとに違う番号が入っているか確認してください。",
                file=path,
                line=line,
            )
    if current is not None:
        yield current, begin


def _read_yaml(path: Path, notes: list[str]) -> Iterator[Example]:
    content, node = load_yaml(path, notes)
    if not isinstance(content, dict) or not isinstance(content.get("pairs"), list):
        raise UserError(
            "「pairs:」の一覧がありません。",
            remedy="「defaults:」と「pairs:」の形にしてください（例は corpus/qa）。",
            file=path,
        )
    defaults = content.get("defaults") or {}
    lines = lines_of(child(node, "pairs"))
    for number, (pair, line) in enumerate(zip(content["pairs"], lines, strict=True), 1):
        told = isinstance(pair, dict) and "messages" in pair
        pair = known_mapping(
            pair, _PAIR, ("messages" if told else "question",), "質問と回答の組", path, line
        )
        values = {**defaults, **pair}
        source, fallback = Source(str(path), line), fallback_id(path, number)
        if told:
            yield _conversation(values, source, fallback)
        else:
            yield pair_example(values, source, fallback)


def _conversation(values: Mapping[str, Any], source: Source, fallback: str) -> Example:
    """A pair written as ``messages:``, for more than one turn."""
    listed = values["messages"]
    messages = listed if isinstance(listed, list) else [listed]
    if not all(isinstance(message, dict) for message in messages):
        raise UserError(
            "messages は「role」と「content」の一覧にしてください。",
            remedy="- {role: user, content: …} の形にしてください。",
            file=source.file,
            line=source.line,
        )
    if (system := values.get("system")) and messages[:1] and messages[0].get("role") != "system":
        messages = [{"role": "system", "content": str(system)}, *messages]
    return Example(tuple(messages), meta_of(values, source, fallback), source)
