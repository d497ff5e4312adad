"""Multiple-choice questions: for benchmarks, never for training.

Read from the forms in use: an options list (MMLU, lawqa_jp and most), numbered columns
(JCommonsenseQA, tables of one's own), or one text with an option on each line.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from homutune.data._columns import Columns
from homutune.data._records import TABLES, iter_records
from homutune.data._shapes import fallback_id
from homutune.data._types import Source
from homutune.errors import UserError
from homutune.files import write_stream_atomic

_LETTERS = ("abcdefghij", "アイウエオカキクケコ", "イロハニホヘトチリヌ", "一二三四五六七八九十")


def _numbered(number: int) -> tuple[str, ...]:
    names = (f"選択肢{number}", f"option{number}", f"choice{number}", f"option_{number}")
    letters = [letters[number - 1] for letters in _LETTERS[:2]] if number else []
    more = [f"{word}{letter}" for letter in letters for word in ("選択肢", "option_", "option")]
    return (*names, *letters, *more, *(["肢" + str(number)] if number else []))


_HEADINGS: dict[str, tuple[str, ...]] = {
    "question": ("question", "問題文", "質問", "設問", "問題", "問", "question_text"),
    "options": ("options", "選択肢", "choices", "endings", "answers"),
    "answer": (
        *("answer", "正解", "正答", "答え", "解答", "正解番号", "正解の選択肢", "label"),
        *("answer_index", "answer_idx", "answerkey", "correct", "gold", "output"),
    ),
    "context": ("context", "コンテキスト", "参考", "資料", "条文", "前提", "passage"),
    "field": ("field", "分野", "科目", "カテゴリ", "subject", "category"),
    "id": ("id", "番号", "問題番号", "no", "no.", "q_id", "qid", "ファイル名"),
    **{f"option{n}": _numbered(n) for n in range(10)},
}
_NEEDED = (("question", "options", "answer"), ("question", "option1", "option2", "answer"))
_MARK = re.compile(r"^\s*(?:[(（]?([a-jA-J1-9アイウエオ])[)）.．、:：]|([a-jア-オ①-⑨])\s)\s*")


@dataclass(frozen=True, slots=True)
class ChoiceQuestion:
    """A question with options, of which exactly one is right."""

    id: str
    question: str
    options: tuple[str, ...]
    #: Index of the right option, from 0.
    answer: int
    #: What the question is to be answered from, such as the text of an article.
    context: str | None = None
    field: str | None = None
    source: Source | None = None


def read_choices(
    path: Path,
    notes: list[str] | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    first_answer: int | None = None,
) -> list[ChoiceQuestion]:
    """Read a set of multiple-choice questions.

    Args:
        path: as for :func:`homutune.data.iter_examples`; YAML is a list of mappings.
        notes: receives Japanese remarks, among them how numbers were understood as answers.
        columns: heading → question, options, option1 …, answer, context, field or id.
        first_answer: the number that stands for the first option, 0 or 1; else told by the
            numbers found, and where these fit both, by the heading (正解 from 1, label from 0).

    Raises:
        UserError: with file and line, where a record is no such question.
    """
    notes = [] if notes is None else notes
    mapping = Columns(_HEADINGS, _NEEDED, columns or {})
    keyed = path.suffix.lower() in TABLES
    found = []
    heading = "正解"
    for record, line in iter_records(path, notes, mapping, sheet=sheet):
        values = record
        if not keyed:
            if not isinstance(record, dict):
                raise _fault(path, line, "「項目: 値」の形になっていません")
            fields = mapping.fields(list(record))
            if not mapping.suffices(fields):
                raise mapping.missing(path, list(record), line)
            values = {f: v for f, v in zip(fields, record.values(), strict=True) if f}
            heading = list(record)[fields.index("answer")]
        found.append((values, _options(values, path, line), line))
    if not found:
        raise UserError("問題が1件もありません。", remedy="問題を入れてください。", file=path)
    heading = mapping.understood.get("answer", heading)
    start = _start(found, heading, notes, path) if first_answer is None else first_answer
    return [
        _question(values, options, start, Source(str(path), line), fallback_id(path, number))
        for number, (values, options, line) in enumerate(found, 1)
    ]


def write_choices(path: Path, questions: Iterable[ChoiceQuestion]) -> None:
    """Write JSONL that :func:`read_choices` reads back; ``answer_index`` counts from 0."""
    lines = []
    for question in questions:
        record = {k: v for k, v in asdict(question).items() if v is not None and k != "source"}
        record["answer_index"] = record.pop("answer")
        lines.append(json.dumps(record, ensure_ascii=False) + "\n")
    write_stream_atomic(path, lines)


def _options(values: Mapping[str, Any], path: Path, line: int) -> tuple[str, ...]:
    given = values.get("options")
    if given is None:
        given = [values[key] for n in range(10) if values.get(key := f"option{n}")]
    elif isinstance(given, str):
        given = [_MARK.sub("", part) for part in given.split("\n")]
    elif isinstance(given, dict):
        # ARC keeps texts and labels apart; others map the letter to the text.
        given = given["text"] if isinstance(given.get("text"), list) else list(given.values())
    listed = given if isinstance(given, list) else []
    options = tuple(text for option in listed if (text := str(option).strip()))
    if len(options) < 2:
        raise _fault(path, line, "選択肢が2つ以上ありません")
    if len(set(options)) < len(options):
        raise _fault(path, line, "同じ選択肢が重なっています")
    return options


def _start(
    found: list[tuple[Any, tuple[str, ...], int]], heading: str, notes: list[str], path: Path
) -> int:
    """The number of the first option: by the numbers used as answers, else by the heading."""
    numbers = [
        (number, len(options))
        for values, options, _ in found
        if (number := _number(values.get("answer"))) is not None
    ]
    if not numbers:
        return 1
    if any(number == 0 for number, _ in numbers):
        start = 0
    elif any(number == count for number, count in numbers):
        start = 1
    else:
        start = 0 if heading.isascii() else 1
    notes.append(f"{path.name}: 正解の番号は {start} から数えました（1つ目の選択肢が {start}）。")
    return start


def _number(value: Any) -> int | None:
    if isinstance(value, bool) or value is None:
        return None
    text = unicodedata.normalize("NFKC", str(value)).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else None


def _question(
    values: Mapping[str, Any],
    options: tuple[str, ...],
    start: int,
    source: Source,
    fallback: str,
) -> ChoiceQuestion:
    path, line = Path(source.file), source.line
    question = str(values.get("question") or "").strip()
    if not question:
        raise _fault(path, line, "問題文が空です")
    index = _index(values.get("answer"), options, start)
    if index is None:
        raise _fault(path, line, "正解がどの選択肢でもありません")
    context, field = (str(values.get(key) or "").strip() or None for key in ("context", "field"))
    return ChoiceQuestion(
        id=str(values.get("id") or fallback).strip(),
        question=question,
        options=options,
        answer=index,
        context=context,
        field=field,
        source=source,
    )


def _index(answer: Any, options: tuple[str, ...], start: int) -> int | None:
    number = _number(answer)
    if number is not None:
        return number - start if 0 <= number - start < len(options) else None
    text = str(answer).strip() if answer is not None else ""
    if text in options:
        return options.index(text)
    mark = unicodedata.normalize("NFKC", text).lower().strip("().、:")
    places = [letters.index(mark) for letters in _LETTERS if len(mark) == 1 and mark in letters]
    return places[0] if places and places[0] < len(options) else None


def _fault(path: Path, line: int, what: str) -> UserError:
    return UserError(
        f"{what}。", remedy="問題・選択肢・正解を確認してください。", file=path, line=line
    )
