"""The findings as comments in a copy of the contract: the text itself is never changed."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from homutune.assistant._decisions import Decision
from homutune.assistant._document import Document
from homutune.assistant._docx import open_parts
from homutune.assistant._review import DISCLAIMER, DISPUTE, Finding, Opinion, Review
from homutune.errors import UserError
from homutune.files import write_atomic

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_BODY = "word/document.xml"
_AUTHOR = "法務チューン"


def write_comments(
    path: Path, document: Document, review: Review, decisions: dict[str, Decision]
) -> None:
    """Write a copy of a docx with one comment for each finding that was not rejected.

    A comment lies on the runs that hold the quote, whole runs: splitting them would change what
    others wrote. Findings without a place are gathered in one comment on the first words.

    Raises:
        UserError: the contract is not a docx, or has no words in its body to hang a comment on.
    """
    if document.format != "docx":
        raise UserError(
            "コメント付きの Word ファイルは、docx の契約書からだけ作れます。",
            remedy="--out に .html を指定するか、契約書を docx で渡してください。",
            file=document.path,
        )
    import docx

    data = document.path.read_bytes()
    open_parts(document.path, data)
    copy = docx.Document(io.BytesIO(data))
    paragraphs = list(copy.element.iter(f"{_W}p"))
    shown = [
        f for f in review.findings if f.id not in decisions or decisions[f.id].choice != "却下"
    ]
    whole = []
    for finding in shown:
        runs = _runs(document, finding, paragraphs)
        if runs:
            _comment(copy, runs, _words(finding))
        else:
            whole.append(finding)
    for opinion in review.opinions:
        if runs := _runs(document, opinion, paragraphs):
            _comment(
                copy,
                runs,
                f"【モデルの意見】{opinion.remark}\n出所：モデル（{review.model}。内容は確かめていません）",
            )
    first = next((r for p in paragraphs for r in p.iter(f"{_W}r") if _is_text(r)), None)
    if first is None:
        raise UserError(
            "コメントを付ける本文がありません。",
            remedy="元のファイルを確認してください。",
            file=document.path,
        )
    head = f"{DISCLAIMER}{DISPUTE}データ基準日 {review.as_of}。\n{review.title}・{review.side}"
    _comment(copy, [first], "\n\n".join([head, *map(_words, whole)]))
    target = io.BytesIO()
    copy.save(target)
    write_atomic(path, target.getvalue())


def _runs(document: Document, finding: Finding | Opinion, paragraphs: list[Any]) -> list[Any]:
    """The runs of the body that hold the quote, in order."""
    if finding.start is None or finding.end is None:
        return []
    found = []
    for piece in document.sources(finding.start, finding.end):
        if piece.part != _BODY or piece.source_start == piece.source_end:
            continue
        offset = 0
        paragraph = paragraphs[piece.paragraph]
        for run in paragraph.iter(f"{_W}r"):
            if next(run.iterancestors(f"{_W}p")) is not paragraph:
                continue
            if any(a.tag in (f"{_W}del", f"{_W}moveFrom") for a in run.iterancestors()):
                continue
            length = _length(run)
            inside = offset < piece.source_end and piece.source_start < offset + length
            if inside and run not in found:
                found.append(run)
            offset += length
    return found


def _length(run: Any) -> int:
    from homutune.assistant._docx import run_text

    return len(run_text(run))


def _is_text(run: Any) -> bool:
    return bool(_length(run)) and not any(
        a.tag in (f"{_W}del", f"{_W}moveFrom") for a in run.iterancestors()
    )


def _comment(copy: Any, runs: list[Any], text: str) -> None:
    from docx.text.run import Run

    wrapped = [Run(run, copy) for run in (runs[0], runs[-1])]
    clean = re.sub(r"[\x00-\x08\x0b-\x1f]", "", text)
    copy.add_comment(wrapped, text=clean, author=_AUTHOR, initials="法")


def _words(finding: Finding) -> str:
    lines = [
        f"【確認優先度 {finding.priority}】{finding.topic}",
        f"差異：{finding.gap}",
        f"標準：{finding.playbook_says}",
        f"留意点：{finding.note}",
    ]
    if finding.sample:
        lines.append(f"文例：{finding.sample}")
    if finding.basis:
        lines.append("根拠：" + "、".join(f"{b.label}（{b.status}）" for b in finding.basis))
    lines.append(f"出所：{finding.source}（{finding.rule}）")
    return "\n".join(lines)
