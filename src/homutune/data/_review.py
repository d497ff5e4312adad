"""A dataset in an Excel file for reviewers, and their edits back, merged by id.

Several people may review files exported from the same version: each file names it, so every edit
is known as old text → new text and can be merged into a later version too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from homutune.data._datasets import Dataset
from homutune.data._excel import (
    MAX_CELL,
    add_sheet,
    cell_text,
    open_workbook,
    sheet_rows,
    workbook_bytes,
    written_text,
)
from homutune.data._split import Split
from homutune.data._types import Example
from homutune.errors import UserError
from homutune.files import write_atomic

_SHEET, _ABOUT = "確認", "説明"
#: Our name, heading and width of each column.
_COLUMNS = (
    ("id", "ID", 18),
    ("kind", "種類", 16),
    ("field", "分野", 12),
    ("question", "質問", 48),
    ("answer", "回答", 72),
    ("articles", "条文", 22),
    ("comment", "コメント", 32),
    ("decision", "判定", 10),
)
_EDITABLE = ("kind", "field", "question", "answer", "articles")
_DROP = "除外"
_DECISIONS = ("採用", "修正", _DROP)


@dataclass(frozen=True, slots=True)
class Edit:
    """One text of one example, before and after."""

    id: str
    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Remark:
    """What a reviewer wrote beside an example."""

    id: str
    decision: str
    comment: str


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer's file says against the version it was exported from."""

    edits: tuple[Edit, ...]
    #: Ids of the examples to leave out.
    dropped: tuple[str, ...]
    remarks: tuple[Remark, ...]
    #: Japanese remarks on what looks forgotten.
    notes: tuple[str, ...]


def write_review(
    path: Path,
    dataset: Dataset,
    examples: Sequence[Example] | None = None,
    comments: Mapping[str, str] | None = None,
) -> None:
    """Write an Excel file for reviewers.

    Args:
        examples: which examples of ``dataset``; all by default.
        comments: what stands in the column コメント to begin with, by id.

    Raises:
        UserError: the file cannot be written.
    """
    from openpyxl import Workbook
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    book.remove(book.active)
    shown = dataset.examples if examples is None else examples
    remarks = comments or {}
    cells = [{**_cells(e), "comment": remarks.get(e.meta.id, "")} for e in shown]
    rows = [[row[key] for key, _, _ in _COLUMNS] for row in cells]
    headings = [heading for _, heading, _ in _COLUMNS]
    sheet = add_sheet(book, _SHEET, headings, rows, [width for _, _, width in _COLUMNS])
    choice = DataValidation("list", formula1=f'"{",".join(_DECISIONS)}"', allow_blank=True)
    choice.error, choice.errorTitle = "採用・修正・除外から選んでください。", "判定"
    sheet.add_data_validation(choice)
    choice.add(f"H2:H{len(rows) + 1}")
    about = [
        ("書き方", "質問・回答・種類・分野・条文は、そのまま書き直してください。"),
        ("判定", f"{'・'.join(_DECISIONS)}から選びます。「{_DROP}」の行は次の版から外れます。"),
        ("条文", "複数あるときは、セルの中で改行（Alt+Enter）して並べます。"),
        ("注意", "ID とこのシートは変えないでください。行の並べ替えはできます。"),
    ]
    add_sheet(book, _ABOUT, ("データセット", dataset.name), about, (16, 80))
    write_atomic(path, workbook_bytes(book))


def review_base(path: Path) -> str:
    """The name of the dataset version that a reviewer's file was exported from.

    Raises:
        UserError: not such a file.
    """
    with open_workbook(path) as book:
        if {_SHEET, _ABOUT} <= set(book.sheetnames):
            for _, row in sheet_rows(path, book[_ABOUT]):
                if len(row) > 1 and re.fullmatch(r"ds-[0-9a-f]{12}", cell_text(row[1])):
                    return cell_text(row[1])
    raise UserError(
        f"確認用の Excel ではありません（シート「{_SHEET}」か「{_ABOUT}」がありません）。",
        remedy="homutune data review export で書き出したファイルを指定してください。",
        file=path,
    )


def read_review(path: Path, base: Dataset) -> Review:
    """Compare a reviewer's file with the version it was exported from.

    Raises:
        UserError: rows that cannot be merged, the first of them named with its row.
    """
    known = {example.meta.id: example for example in base.examples}
    edits: list[Edit] = []
    dropped: list[str] = []
    remarks: list[Remark] = []
    notes: list[str] = []
    faults: list[tuple[int, str]] = []
    seen: set[str] = set()
    for line, row in _rows(path):
        example_id = row.get("id", "")
        example = known.get(example_id)
        if example is None:
            faults.append((line, f"ID「{example_id}」は {base.name} にありません"))
            continue
        if example_id in seen:
            faults.append((line, f"ID「{example_id}」が重なっています"))
            continue
        seen.add(example_id)
        decision, comment = row.get("decision", ""), row.get("comment", "")
        if decision not in ("", *_DECISIONS):
            faults.append((line, f"判定「{decision}」は使えません"))
        if decision or comment:
            remarks.append(Remark(example_id, decision, comment))
        if decision == _DROP:
            dropped.append(example_id)
            continue
        found = _edits(example, row)
        faults.extend((line, fault) for c in found if (fault := _fault(example, c)))
        edits.extend(found)
        if decision == "修正" and not found:
            notes.append(f"{example_id}: 判定が「修正」ですが、直した所がありません。")
    if faults:
        line, first = faults[0]
        more = f"（ほか {len(faults) - 1} 件）" if len(faults) > 1 else ""
        raise UserError(
            f"{first}{more}。",
            remedy=f"Excel の行を直すか、判定を「{_DROP}」にして、もう一度取り込んでください。"
            "何も変更していません。",
            file=path,
            line=line,
        )
    if missing := len(known) - len(seen):
        notes.append(f"Excel にない {missing} 件は、そのまま残します。")
    return Review(tuple(edits), tuple(dropped), tuple(remarks), tuple(notes))


def merge_review(target: Dataset, review: Review) -> tuple[list[Example], Split]:
    """Examples and split of ``target`` with the edits of ``review``.

    Raises:
        UserError: ``target`` is a later version in which somebody changed the same text otherwise.
    """
    examples = {example.meta.id: example for example in target.examples}
    conflicts = []
    for edit in review.edits:
        example = examples.get(edit.id)
        current = _cells(example)[edit.field] if example else None
        if example is None or current not in (edit.old, edit.new):
            conflicts.append(f"{edit.id} の{_heading(edit.field)}")
        else:
            examples[edit.id] = apply_edits(example, [edit])
    if conflicts:
        raise UserError(
            f"{target.name} では、{'、'.join(conflicts[:5])}"
            f"{' など' if len(conflicts) > 5 else ''}が別の内容に変わっています。",
            remedy=f"{target.name} を homutune data review export で書き出し、"
            "どちらの文にするか決めてから取り込んでください。",
        )
    for example_id in review.dropped:
        examples.pop(example_id, None)
    split = replace(
        target.split,
        train=tuple(i for i in target.split.train if i in examples),
        valid=tuple(i for i in target.split.valid if i in examples),
    )
    return list(examples.values()), split


def texts_of(example: Example) -> dict[str, str]:
    """What may be edited of an example: kind, field, question, answer, and articles by line."""
    cells = _cells(example)
    return {field: cells[field] for field in _EDITABLE}


def edits_of(example: Example, texts: Mapping[str, str]) -> tuple[Edit, ...]:
    """What ``texts`` (as :func:`texts_of` names them) say otherwise than ``example``.

    Raises:
        UserError: a text is empty, or is not to be edited this way.
    """
    found = _edits(example, {field: written_text(text).strip() for field, text in texts.items()})
    if faults := [fault for edit in found if (fault := _fault(example, edit))]:
        raise UserError(f"{faults[0]}。", remedy="入力を直してください。何も変更していません。")
    return tuple(found)


def apply_edits(example: Example, edits: Iterable[Edit]) -> Example:
    """``example`` with the edits made; the line as it was read no longer counts."""
    for edit in edits:
        example = replace(_edited(example, edit), raw=None)
    return example


def _heading(field: str) -> str:
    return next(heading for key, heading, _ in _COLUMNS if key == field)


def _cells(example: Example) -> dict[str, str]:
    """The texts of an example as its row shows them."""
    meta = example.meta
    texts = {
        "id": meta.id,
        "kind": meta.kind or "",
        "field": meta.field or "",
        "question": _question(example),
        "answer": str(example.messages[_last_answer(example)].get("content")),
        "articles": "\n".join(meta.articles),
        "comment": "",
        "decision": "",
    }
    return {key: written_text(text).strip() for key, text in texts.items()}


def _is_pair(example: Example) -> bool:
    roles = [message.get("role") for message in example.messages]
    return [role for role in roles if role != "system"] == ["user", "assistant"]


def _last_answer(example: Example) -> int:
    return max(i for i, m in enumerate(example.messages) if m.get("role") == "assistant")


def _question(example: Example) -> str:
    """The question; of a longer conversation, all that comes before the last answer."""
    turns = [m for m in example.messages[: _last_answer(example)] if m.get("role") != "system"]
    if _is_pair(example):
        return str(turns[0].get("content"))
    names = {"user": "質問", "assistant": "回答"}
    return "\n".join(f"【{names.get(t['role'], t['role'])}】{t.get('content')}" for t in turns)


def _rows(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    with open_workbook(path) as book:
        rows = iter(sheet_rows(path, book[_SHEET]))
        _, header = next(rows, (1, []))
        by_heading = {heading: key for key, heading, _ in _COLUMNS}
        keys = [by_heading.get(cell_text(cell).strip(), "") for cell in header]
        if missing := [_heading(key) for key in ("id", "question", "answer") if key not in keys]:
            raise UserError(
                f"列「{'・'.join(missing)}」がありません。",
                remedy="1行目の見出しを元に戻してください。",
                file=path,
                line=1,
            )
        absent = [""] * len(keys)
        for line, row in rows:
            cells = [cell_text(value).strip() for value in row]
            yield line, dict(zip(keys, [*cells, *absent], strict=False))


def _edits(example: Example, row: dict[str, str]) -> list[Edit]:
    before = _cells(example)
    after = {**row, "articles": "\n".join(_articles(row.get("articles", before["articles"])))}
    return [
        Edit(example.meta.id, field, before[field], after[field])
        for field in _EDITABLE
        if field in after and after[field] != before[field]
    ]


def _articles(text: str) -> tuple[str, ...]:
    return tuple(part for item in re.split(r"[\n;；、]", text) if (part := item.strip()))


def _fault(example: Example, edit: Edit) -> str | None:
    name = _heading(edit.field)
    if edit.field in ("question", "answer") and not edit.new:
        return f"{name}が空です"
    if edit.field == "question" and not _is_pair(example):
        return "やり取りが続く会話の質問は直せません（最後の回答は直せます）"
    if len(edit.old) >= MAX_CELL:
        return f"{name}は上限（{MAX_CELL:,}字）で切れているため直せません"
    return None


def _edited(example: Example, edit: Edit) -> Example:
    if edit.field in ("question", "answer"):
        where = _last_answer(example)
        if edit.field == "question":
            where = next(i for i, m in enumerate(example.messages) if m.get("role") == "user")
        messages = list(example.messages)
        messages[where] = {**messages[where], "content": edit.new}
        return replace(example, messages=tuple(messages))
    values: dict[str, Any] = {edit.field: edit.new or None}
    if edit.field == "articles":
        values["articles"] = _articles(edit.new)
    return replace(example, meta=replace(example.meta, **values))
