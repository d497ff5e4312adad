"""Drafts to reviewers in Excel, and their decisions back: the sheet of ``data review``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from homutune.data import (
    Dataset,
    Review,
    Split,
    open_dataset,
    read_review,
    review_base,
    write_review,
)
from homutune.errors import UserError
from homutune.improvement._drafts import Draft
from homutune.improvement._loops import Decision, Loop, Verdict, open_loop

_ACCEPT, _EDIT = "採用", "修正"
#: What a decision may change; kind, field and articles of a draft follow from its card.
_TEXTS = ("question", "answer")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What came back.

    Attributes:
        decisions: those recorded now.
        refused: ids of drafts that cannot be accepted as they are, with the reason.
        notes: Japanese remarks on what looks forgotten.
    """

    loop: str
    decisions: tuple[Decision, ...]
    refused: dict[str, str]
    notes: tuple[str, ...]


def write_sheet(home: Path, loop: Loop, path: Path) -> int:
    """Write the drafts nobody has decided on as an Excel file; returns their number.

    Raises:
        UserError: there is none, or the file cannot be written.
    """
    pending = loop.pending()
    if not pending:
        raise UserError(
            "判定を待つ下書きがありません。",
            remedy="homutune improve draft で下書きを作ってください。",
        )
    comments = {d.id: "\n".join((*d.problems, *d.remarks)) for d in pending}
    write_review(path, _as_dataset(home, loop, pending), comments=comments)
    return len(pending)


def read_sheet(home: Path, path: Path, *, by: str, loop: str = "latest") -> Reviewed:
    """Record the decisions of a filled-in sheet; reading it again changes nothing.

    Raises:
        UserError: not such a sheet, or one of another loop.
    """
    opened = open_loop(home, loop)
    drafts = opened.drafts()
    base = _as_dataset(home, opened, list(drafts.values()))
    if review_base(path) != base.name:
        raise UserError(
            f"この Excel は {opened.id} の下書きのものではありません。",
            remedy="--loop で、書き出したときの計画を指定してください。",
            file=path,
        )
    known = opened.decisions()
    decisions: list[Decision] = []
    refused: dict[str, str] = {}
    wanted, notes = _wanted(read_review(path, base))
    for key, (verdict, texts, comment) in wanted.items():
        question, answer = texts.get("question"), texts.get("answer")
        before = known.get(key)
        same = (verdict, question, answer)
        if before is not None and (before.verdict, before.question, before.answer) == same:
            continue
        try:
            decisions.append(
                opened.decide(
                    home,
                    drafts[key],
                    verdict,
                    by=by,
                    question=question,
                    answer=answer,
                    comment=comment,
                )
            )
        except UserError as error:
            refused[key] = error.message
    return Reviewed(opened.id, tuple(decisions), refused, tuple(notes))


def _wanted(review: Review) -> tuple[dict[str, tuple[Verdict, dict[str, str], str]], list[str]]:
    """Verdict, changed texts and comment by draft; and what is not clear enough to act on."""
    remarks = {remark.id: remark for remark in review.remarks}
    texts: dict[str, dict[str, str]] = {}
    notes: list[str] = []
    for edit in review.edits:
        if edit.field in _TEXTS:
            texts.setdefault(edit.id, {})[edit.field] = edit.new
        else:
            notes.append(f"{edit.id}: 種類・分野・条文は、ここでは直せません（無視しました）。")
    wanted: dict[str, tuple[Verdict, dict[str, str], str]] = {}
    for key in dict.fromkeys((*remarks, *texts)):
        decision = remarks[key].decision if key in remarks else ""
        comment = remarks[key].comment if key in remarks else ""
        changed = texts.get(key, {})
        if key in review.dropped:
            wanted[key] = ("reject", {}, comment)
        elif decision == _EDIT and not changed:
            notes.append(f"{key}: 判定が「修正」ですが、直した所がありません（保留）。")
        elif decision in (_ACCEPT, _EDIT):
            wanted[key] = ("edit" if changed else "accept", changed, comment)
        elif changed:
            notes.append(f"{key}: 直してありますが、判定が空です（保留）。")
    return wanted, notes


def _as_dataset(home: Path, loop: Loop, drafts: Sequence[Draft]) -> Dataset:
    """The drafts in the shape the sheet is made of; it names the loop instead of a version."""
    parent = open_dataset(home, loop.weaknesses.dataset)
    name = f"ds-{sha256(loop.id.encode()).hexdigest()[:12]}"
    examples = tuple(draft.example for draft in drafts)
    ids = tuple(example.meta.id for example in examples)
    return replace(
        parent,
        manifest=replace(parent.manifest, name=name),
        examples=examples,
        split=Split(ids, ()),
    )
