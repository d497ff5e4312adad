"""A contract compared with a playbook, rule by rule; no model takes part in it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from homutune.assistant._checks import run_check
from homutune.assistant._contract import Contract, Hit, assign_sides, detect_type, read_contract
from homutune.assistant._document import Document
from homutune.assistant._instructions import readings
from homutune.assistant._playbook import PRIORITIES, Playbook, Priority, Rule
from homutune.errors import UserError
from homutune.law import check_citation, extract_citations

DISCLAIMER = (
    "弁護士等が自ら精査・修正することを前提とした、プレイブックとの機械的な比較です。"
    "法的助言・鑑定ではありません。"
)
DISPUTE = "この契約についてすでに争いがある場合は、この結果を使わず、弁護士に相談してください。"
_QUOTE = 400
Remedy = Literal["置換", "追記", "新設"]


@dataclass(frozen=True, slots=True)
class Basis:
    """An article a rule rests on, with its verdict (確認済み, 要確認, 該当なし, 旧法)."""

    label: str
    status: str
    #: The law at e-Gov; None where the law is not known.
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between the contract and the playbook.

    ``document.text[start:end] == quote``; a missing clause has no quote and no offsets.
    """

    id: str
    rule: str
    topic: str
    priority: Priority
    kind: Literal["差異", "欠落", "追加"]
    clause: str
    quote: str
    start: int | None
    end: int | None
    playbook_says: str
    fallback: str
    unacceptable: str
    gap: str
    note: str
    sample: str
    basis: tuple[Basis, ...]
    source: Literal["規則", "モデル"] = "規則"
    #: What adopting the sample does: takes the place of the quote, adds a paragraph or an article.
    remedy: Remedy = "置換"
    #: Whether the sentence goes on behind the quote.
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Reminder:
    """Something to think of that the text of the contract cannot show."""

    text: str
    basis: tuple[Basis, ...]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model says about a place: ``document.text[start:end] == quote``.

    ``basis`` are the articles the remark names, looked up; the remark itself is not checked.
    """

    id: str
    clause: str
    quote: str
    start: int
    end: int
    remark: str
    basis: tuple[Basis, ...]
    source: Literal["モデル"] = "モデル"


@dataclass(frozen=True, slots=True)
class Review:
    """All findings, the most pressing first, with what they were made from."""

    file: str
    document_sha256: str
    type: str
    title: str
    type_source: str
    side: str
    sides: str
    playbook_version: str
    as_of: str
    findings: tuple[Finding, ...]
    reminders: tuple[Reminder, ...]
    clauses: tuple[str, ...]
    hidden: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    opinions: tuple[Opinion, ...] = ()
    #: The model that was asked, "" where none was.
    model: str = ""
    #: Opinions left out because their quote does not stand in the contract.
    opinions_dropped: int = 0

    @property
    def counts(self) -> dict[Priority, int]:
        """Findings by 確認優先度."""
        found = Counter(finding.priority for finding in self.findings)
        return {priority: found[priority] for priority in PRIORITIES}


def legal_basis(texts: tuple[str, ...]) -> tuple[Basis, ...]:
    """The articles named in ``texts``, each looked up in the index of articles."""
    found = [check_citation(citation) for text in texts for citation in extract_citations(text)]
    return tuple(
        Basis(f.citation.label, str(f.verdict), f.law.url if f.law else None) for f in found
    )


def review_document(
    document: Document,
    playbooks: dict[str, Playbook],
    *,
    contract_type: str | None = None,
    side: str | None = None,
    party: str | None = None,
) -> Review:
    """Compare ``document`` with the playbook of its type.

    Args:
        contract_type: a type of ``playbooks``; detected where None.
        side: one of the playbook's sides (受託者); needed.
        party: 甲 or 乙, where the contract does not show which of them that is.

    Raises:
        UserError: the type is unknown or cannot be told, or the side is not one of the two.
    """
    contract = read_contract(document)
    playbook, source = _choose(contract, playbooks, contract_type)
    names = [s.name for s in playbook.sides]
    if side not in names:
        raise UserError(
            f"立場を指定してください（{playbook.title}）。"
            if side is None
            else f"立場「{side}」は {playbook.title} にありません。",
            remedy=f"--side {names[0]} か --side {names[1]} を付けてください。",
        )
    sides = assign_sides(contract, playbook, side, party)
    documents, addressed = readings(document, contract.shadow)
    findings: list[Finding] = []
    for reading in documents:
        looked_at = contract
        if reading is not document:
            looked_at = read_contract(reading)
            assign_sides(looked_at, playbook, side, party)
            looked_at.document = document  # same offsets: quotes are what is written
        known = {finding.id for finding in findings}
        for rule in playbook.rules:
            if not rule.sides or side in rule.sides:
                findings += [f for f in _apply(rule, looked_at, side) if f.id not in known]
    findings.sort(key=lambda f: (PRIORITIES.index(f.priority), f.start is None, f.start or 0))
    text = contract.shadow.text
    return Review(
        file=document.path.name,
        document_sha256=hashlib.sha256(document.text.encode()).hexdigest(),
        type=playbook.type,
        title=playbook.title,
        type_source=source,
        side=side,
        sides=sides,
        playbook_version=playbook.version,
        as_of=playbook.as_of,
        findings=tuple(findings),
        reminders=tuple(
            Reminder(r.text, legal_basis(r.law))
            for r in playbook.reminders
            if not (r.unless and re.search(r.unless, text))
        ),
        clauses=tuple(c.label for c in contract.clauses),
        hidden=tuple((h.reason, h.text[:200]) for h in document.hidden),
        warnings=(*document.warnings, *map(warn_addressed, addressed)),
    )


def warn_addressed(sentence: str) -> str:
    """What a review says about a sentence that speaks to a machine."""
    return f"機械への指示とみられる文があります（従わずに比べました）: {sentence[:120]}"


def _choose(
    contract: Contract, playbooks: dict[str, Playbook], wanted: str | None
) -> tuple[Playbook, str]:
    listed = "、".join(f"{name}（{book.title}）" for name, book in playbooks.items())
    if wanted is not None:
        for name, book in playbooks.items():
            if wanted in (name, book.title):
                return book, "指定"
        raise UserError(f"契約類型「{wanted}」はありません。", remedy=f"使えるのは {listed} です。")
    found = detect_type(contract, playbooks)
    if not found:
        raise UserError(
            "契約類型を判定できませんでした。", remedy=f"--type で指定してください: {listed}"
        )
    return playbooks[found[0][0]], "自動判定"


def _apply(rule: Rule, contract: Contract, side: str) -> list[Finding]:
    sections = contract.find(rule.find)
    if not sections:
        if rule.missing is None:
            return []
        return [
            _finding(rule, rule.priority, contract, side, Hit(None, None), rule.missing, "新設")
        ]
    found = []
    for check in rule.checks:
        if check.sides and side not in check.sides:
            continue
        for hit in run_check(check, contract, sections):
            gap = f"{check.gap}（{hit.detail}）" if hit.detail else check.gap
            remedy: Remedy = "追記" if check.kind == "lacks" else "置換"
            found.append(
                _finding(rule, check.priority or rule.priority, contract, side, hit, gap, remedy)
            )
    return found


def _finding(
    rule: Rule,
    priority: Priority,
    contract: Contract,
    side: str,
    hit: Hit,
    gap: str,
    remedy: Remedy,
) -> Finding:
    quote, start, end, place, cut = "", None, None, "", False
    if hit.start is not None and hit.end is not None:
        start, end = contract.shadow.span(hit.start, hit.end)
        cut = end > start + _QUOTE
        end = min(end, start + _QUOTE)
        quote = contract.document.text[start:end]
        clause = contract.clause_at(start)
        place = clause.place(start) if clause else ""
    # Offsets change when the contract is edited elsewhere; rule, gap and words do not.
    key = "\n".join((rule.id, gap, re.sub(r"\s", "", quote)))
    return Finding(
        id=hashlib.sha256(key.encode()).hexdigest()[:8],
        rule=rule.id,
        topic=rule.topic,
        priority=priority,
        kind="欠落" if start is None else "差異",
        clause=place,
        quote=quote,
        start=start,
        end=end,
        playbook_says=rule.text("standard", side),
        fallback=rule.text("fallback", side),
        unacceptable=rule.text("unacceptable", side),
        gap=gap,
        note=rule.commentary,
        sample=rule.text("sample", side),
        basis=legal_basis(rule.law),
        remedy=remedy if start is not None else "新設",
        cut=cut,
    )
