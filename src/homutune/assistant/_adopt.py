"""From decisions to edits: the wording a person adopted, and where in the contract it goes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from homutune.assistant._clauses import Clause, segment
from homutune.assistant._decisions import Decision
from homutune.assistant._document import Document
from homutune.assistant._redline import AUTHOR, Edit, write_redline
from homutune.assistant._review import Finding, Review

#: The number of a 項 or 号 at the head of a line stays when its words are replaced.
_NUMBER = re.compile(
    r"\s*(?:[0-9０-９]{1,2}[\s.．、)）]+|[①-⑳]\s*|[（(][0-9０-９一二三四五六七八九十ア-ン]{1,3}[）)]\s*)?"
)
_DIGITS = "0123456789"
_WIDE = str.maketrans(_DIGITS, "０１２３４５６７８９")
_KANJI = "〇一二三四五六七八九"


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a finding that was adopted; ``reason`` says why it was not applied."""

    finding: Finding
    reason: str | None = None


def write_adopted(
    path: Path,
    document: Document,
    review: Review,
    decisions: dict[str, Decision],
    *,
    author: str = AUTHOR,
) -> list[Applied]:
    """Write a copy of a docx in which what was adopted stands as tracked changes.

    採用 takes the sample wording: in the place of the quote, as a paragraph more where the clause
    lacks something, as an article more where it is missing. 修正 puts the person's own wording in
    the place of the quote. 却下 and 保留 change nothing.

    Raises:
        UserError: see :func:`~homutune.assistant.write_redline`.
    """
    clauses = segment(document)
    result: dict[str, Applied] = {}
    edits: dict[tuple[int, int], tuple[Edit, list[Finding]]] = {}

    def add(edit: Edit, findings: list[Finding]) -> None:
        """What is added at one place comes one after the other; what is replaced, once."""
        place, found = (edit.start, edit.end), edits.get((edit.start, edit.end))
        if found is None:
            edits[place] = (edit, findings)
        elif edit.start == edit.end:
            edits[place] = (Edit(*place, found[0].text + edit.text), found[1] + findings)
        else:
            result.update({f.id: Applied(f, "ほかの修正と同じ箇所です") for f in findings})

    missing: list[tuple[Finding, str]] = []
    for finding in review.findings:
        decision = decisions.get(finding.id)
        if decision is None or decision.choice not in ("採用", "修正"):
            continue
        own = decision.choice == "修正"
        words = (decision.wording if own else finding.sample).strip()
        if not words:
            result[finding.id] = Applied(
                finding, "修正の文言がありません" if own else "文例がありません"
            )
        elif finding.start is None:
            missing.append((finding, words))
        else:
            clause = next((c for c in clauses if c.start <= finding.start < c.end), None)
            if finding.remedy == "追記" and not own and clause is not None:
                end = _end(document, clause)
                before = len(edits[end, end][1]) if (end, end) in edits else 0
                number = _next_number(document, clause, before)
                add(Edit(end, end, f"\n{number}{words}"), [finding])
            else:
                add(_replacing(document, clause, finding, words), [finding])
    if missing:
        add(_articles(document, clauses, missing), [f for f, _ in missing])
    reasons = write_redline(path, document, [e for e, _ in edits.values()], author=author)
    for (_, findings), reason in zip(edits.values(), reasons, strict=True):
        result |= {finding.id: Applied(finding, reason) for finding in findings}
    return [result[f.id] for f in review.findings if f.id in result]


def _replacing(document: Document, clause: Clause | None, finding: Finding, words: str) -> Edit:
    """``words`` in the place of the quoted sentence, whose number stays."""
    assert finding.start is not None and finding.end is not None
    start, end = finding.start, finding.end
    limit = clause.end if clause else len(document.text)
    # A long quote is cut short; what is replaced is the sentence.
    if finding.cut and (stop := document.text.find("。", end - 1, limit)) >= 0:
        end = stop + 1
    number = _NUMBER.match(document.text, start, end)
    start = number.end() if number else start
    while end > start and document.text[end - 1].isspace():
        end -= 1
    return Edit(start, end, words)


def _end(document: Document, clause: Clause) -> int:
    return len(document.text[: clause.end].rstrip())


def _next_number(document: Document, clause: Clause, added: int) -> str:
    """２　 before a second 項, in the digits of the 項 before it."""
    paragraphs = [part for part in clause.parts if part.kind == "項"]
    if not paragraphs:
        return ""
    number = len(paragraphs) + added + 1
    mark = _NUMBER.match(document.text, paragraphs[-1].start)
    written = mark[0] if mark else ""
    if re.search("[①-⑳]", written) and number <= 20:
        return chr(ord("①") + number - 1) + re.sub(r".*[①-⑳]", "", written)
    behind = re.sub(r"^\s*[0-9０-９]+", "", written) if written.strip() else "　"
    digits = str(number) if re.search("[0-9]", written) else str(number).translate(_WIDE)
    return digits + behind


def _articles(
    document: Document, clauses: tuple[Clause, ...], missing: list[tuple[Finding, str]]
) -> Edit:
    """New articles behind the last one of the contract itself."""
    main = [c for c in clauses if c.kind in ("条", "見出し") and not c.number.startswith("附則")]
    last = main[-1] if main else clauses[-1]
    end = _end(document, last)
    text = ""
    for index, (finding, words) in enumerate(missing, start=1):
        heading = finding.topic
        if last.kind == "条":
            number = int(last.number.split("_")[0]) + index
            head = re.search(r"第\s*([^条\s]+)\s*条", document.text[last.start : last.end])
            heading = f"第{_like(number, head[1] if head else '')}条（{heading}）"
        text += f"\n{heading}\n{words}"
    return Edit(end, end, text)


def _like(number: int, written: str) -> str:
    """``number`` in the digits of ``written``: 12, １２ or 十二."""
    if re.search("[一二三四五六七八九十百]", written) and number < 100:
        tens, ones = divmod(number, 10)
        ten = "" if not tens else "十" if tens == 1 else _KANJI[tens] + "十"
        return ten + (_KANJI[ones] if ones or not tens else "")
    return str(number).translate(_WIDE) if re.search("[０-９]", written) else str(number)
