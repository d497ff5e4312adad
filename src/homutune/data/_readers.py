"""Question–answer pairs and 解説カード from YAML, JSONL and CSV.

Only what cannot be read at all is an error here, with file and line; what is readable but wrong
is left to the checks, which report everything at once.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from homutune.data._files import read_text
from homutune.data._types import Card, Example, Message, Meta, Source
from homutune.data._yaml import child, lines_of, load_yaml, yaml_files
from homutune.errors import UserError

_META_TEXT = ("id", "kind", "field", "topic", "group", "as_of", "origin", "case")
_META_LISTS = ("cards", "articles", "must", "must_not", "near")
_META = {*_META_TEXT, *_META_LISTS}
_PAIR = {*_META, "question", "answer", "system"}
_CARD = {"id", "title", "field", "text", "articles", "as_of", "reviewed"}
#: What OpenAI accepts in a line, and ``meta``, which is ours and never sent.
_LINE = {"messages", "meta"}

_COLUMNS = {
    "質問": "question",
    "回答": "answer",
    "システム": "system",
    "番号": "id",
    "種類": "kind",
    "分野": "field",
    "論点": "topic",
    "グループ": "group",
    "カード": "cards",
    "条文": "articles",
    "必須": "must",
    "禁止": "must_not",
    "基準日": "as_of",
    "出典": "origin",
    "難しさ": "case",
    "紛らわしいカード": "near",
}


def read_examples(path: Path, notes: list[str] | None = None) -> list[Example]:
    """Read pairs from a file, or a folder of YAML files (or one with a ``qa/`` folder in it).

    Args:
        path: ``.yaml``/``.yml`` (``{defaults:, pairs:}``), ``.jsonl`` (OpenAI chat lines, ``meta``
            tolerated) or ``.csv`` (columns question/質問 and answer/回答, more as in the manual).
        notes: receives Japanese remarks on what was read in an unusual way (encoding, columns).

    Raises:
        UserError: with file and line, for what cannot be read.
    """
    notes = [] if notes is None else notes
    readers = {
        ".yaml": _read_yaml,
        ".yml": _read_yaml,
        ".jsonl": _read_jsonl,
        ".csv": _read_csv,
    }
    if path.is_dir():
        return [e for file in yaml_files(path, "qa") for e in _read_yaml(file, notes)]
    if path.suffix.lower() not in readers:
        raise UserError(
            f"拡張子「{path.suffix or 'なし'}」のファイルは読めません。",
            remedy=".yaml・.jsonl・.csv のどれかにしてください"
            "（Excel は「CSV UTF-8」で保存できます）。",
            file=path,
        )
    examples = readers[path.suffix.lower()](path, notes)
    if not examples:
        raise UserError(
            "質問と回答が1件もありません。", remedy="質問と回答を入れてください。", file=path
        )
    return examples


def read_cards(path: Path, notes: list[str] | None = None) -> list[Card]:
    """Read 解説カード from a YAML file or a folder of them (or one with a ``cards/`` folder in it).

    Raises:
        UserError: with file and line, for what cannot be read.
    """
    cards: dict[str, Card] = {}
    for file in yaml_files(path, "cards"):
        content, node = load_yaml(file, [] if notes is None else notes)
        if not isinstance(content, list):
            raise UserError(
                "カードのファイルは「- id: …」で始まる一覧にしてください。",
                remedy="corpus/cards の例を見てください。",
                file=file,
            )
        for item, line in zip(content, lines_of(node), strict=True):
            card = _card(item, file, line)
            if card.id in cards:
                raise UserError(
                    f"カードの id「{card.id}」が重なっています。",
                    remedy="id を付け直してください。",
                    file=file,
                    line=line,
                )
            cards[card.id] = card
    return list(cards.values())


def _card(item: Any, file: Path, line: int) -> Card:
    item = _mapping(item, _CARD, ("id", "title", "text"), "カード", file, line)
    return Card(
        id=str(item["id"]),
        title=str(item["title"]),
        field=str(item.get("field") or ""),
        text=str(item["text"]).strip(),
        articles=_texts(item.get("articles")),
        as_of=_text(item.get("as_of")),
        reviewed=_text(item.get("reviewed")),
    )


def _mapping(
    item: Any, known: set[str], required: Iterable[str], what: str, file: Path, line: int
) -> Mapping[str, Any]:
    """``item`` as a mapping with known keys only: a misspelt key must not vanish silently."""
    if not isinstance(item, dict):
        raise UserError(
            f"{what}は「項目: 値」の形にしてください。",
            remedy="字下げとコロンを確認してください。",
            file=file,
            line=line,
        )
    if missing := [key for key in required if item.get(key) is None]:
        raise UserError(
            f"{what}に {'・'.join(missing)} がありません。",
            remedy="項目を足してください。",
            file=file,
            line=line,
        )
    if unknown := [str(key) for key in item if key not in known]:
        raise UserError(
            f"{what}に知らない項目 {'・'.join(unknown)} があります。",
            remedy=f"使える項目: {', '.join(sorted(known))}",
            file=file,
            line=line,
        )
    return item


def _read_yaml(path: Path, notes: list[str]) -> list[Example]:
    content, node = load_yaml(path, notes)
    if not isinstance(content, dict) or not isinstance(content.get("pairs"), list):
        raise UserError(
            "「pairs:」の一覧がありません。",
            remedy="「defaults:」と「pairs:」の形にしてください（例は corpus/qa）。",
            file=path,
        )
    defaults = content.get("defaults") or {}
    examples = []
    lines = lines_of(child(node, "pairs"))
    for number, (pair, line) in enumerate(zip(content["pairs"], lines, strict=True), 1):
        pair = _mapping(pair, _PAIR, ("question",), "質問と回答の組", path, line)
        values = {"id": _fallback_id(path, number), **defaults, **pair}
        examples.append(_pair(values, Source(str(path), line)))
    return examples


def _read_csv(path: Path, notes: list[str]) -> list[Example]:
    text = read_text(path, notes)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    examples: list[Example] = []
    begin = 1
    try:
        for row in reader:
            line, begin = begin, reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = _header(path, row, line, notes)
                continue
            if len(row) > len(header):
                raise UserError(
                    f"列の数が多すぎます（見出し {len(header)}、この行 {len(row)}）。",
                    remedy='カンマを含む文は "…" で囲んでください。',
                    file=path,
                    line=line,
                )
            values: dict[str, Any] = {
                key: cell.strip() for key, cell in zip(header, row, strict=False) if key
            }
            values["id"] = values.get("id") or _fallback_id(path, len(examples) + 1)
            for key in _META_LISTS:
                values[key] = re.split(r"[;；\n]", values.get(key, ""))
            examples.append(_pair(values, Source(str(path), line)))
    except csv.Error as error:
        raise UserError(
            f"CSV を読めません（{error}）。",
            remedy='引用符（"）が閉じているか確認してください。',
            file=path,
            line=reader.line_num,
        ) from None
    return examples


def _header(path: Path, row: list[str], line: int, notes: list[str]) -> list[str]:
    """Our names of the columns; "" for a column that is not used."""
    known = _PAIR
    names = [cell.strip() for cell in row]
    header = [_COLUMNS.get(name, name.lower()) for name in names]
    if missing := [key for key in ("question", "answer") if key not in header]:
        wanted = "・".join({"question": "質問", "answer": "回答"}[key] for key in missing)
        raise UserError(
            f"列「{wanted}」がありません（見つかった列: {', '.join(names)}）。",
            remedy="1行目の見出しを question, answer（または 質問, 回答）にしてください。",
            file=path,
            line=line,
        )
    if unused := [name for name, key in zip(names, header, strict=True) if key not in known]:
        notes.append(f"{path.name}: 使わない列があります: {', '.join(unused)}")
    return [key if key in known else "" for key in header]


def _read_jsonl(path: Path, notes: list[str]) -> list[Example]:
    text = read_text(path, notes)
    examples = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            reason = getattr(error, "msg", str(error))
            raise UserError(
                f"{number}行目の JSON を読めません（{reason}）。",
                remedy='1行に1つの {"messages": […]} を書いてください。',
                file=path,
                line=number,
            ) from None
        examples.append(_line(value, Source(str(path), number), _fallback_id(path, number)))
    return examples


def _line(value: Any, source: Source, fallback_id: str) -> Example:
    """One JSONL line; where it is no plain chat, ``raw`` keeps it for the checks."""
    record = value if isinstance(value, dict) else {}
    listed = record.get("messages")
    messages = listed if isinstance(listed, list) else []
    sound = [message for message in messages if isinstance(message, dict)]
    fits = isinstance(listed, list) and len(sound) == len(listed) and set(record) <= _LINE
    meta = record.get("meta")
    return Example(
        messages=tuple(cast("list[Message]", sound)),
        meta=_meta(meta if isinstance(meta, dict) else {}, fallback_id),
        source=source,
        raw=None if fits else value,
    )


def _pair(values: Mapping[str, Any], source: Source) -> Example:
    messages: list[Message] = []
    if system := _text(values.get("system")):
        messages.append({"role": "system", "content": system})
    messages.append({"role": "user", "content": _text(values["question"]) or ""})
    messages.append({"role": "assistant", "content": _text(values.get("answer")) or ""})
    return Example(tuple(messages), _meta(values, str(values["id"])), source)


def _meta(values: Mapping[str, Any], fallback_id: str) -> Meta:
    texts = {key: _text(values.get(key)) for key in _META_TEXT}
    lists = {key: _texts(values.get(key)) for key in _META_LISTS}
    return Meta(**{**texts, **lists, "id": texts["id"] or fallback_id})  # type: ignore[arg-type]


def _text(value: Any) -> str | None:
    """YAML makes dates and numbers of some texts; an empty one is none."""
    return (str(value).strip() or None) if value is not None else None


def _texts(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(text for item in items if (text := _text(item)))


def _fallback_id(path: Path, number: int) -> str:
    return f"{path.stem}-{number:03d}"
