"""A register of risks: the findings of a review, or the points a described plan touches.

Nothing here weighs how likely or how grave something is in the case at hand: what is shown is
the 確認優先度 of the playbook (the rules) and where the text gives cause for it.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from homutune.assistant._contract import assign_sides, read_contract
from homutune.assistant._document import Document
from homutune.assistant._obligations import Obligation, find_obligations
from homutune.assistant._playbook import PRIORITIES, Playbook, Priority
from homutune.assistant._review import (
    DISCLAIMER,
    DISPUTE,
    Basis,
    legal_basis,
    review_document,
)
from homutune.assistant._shadow import Shadow
from homutune.data import corpus_path, read_yaml
from homutune.errors import UserError

_PLAN_NOTICE = (
    "弁護士等が自ら精査・修正することを前提とした、語の有無による機械的な抽出です。挙がらない論点も"
    "あります。法的助言・鑑定ではありません。すでに争いがある場合は、弁護士に相談してください。"
)


@dataclass(frozen=True, slots=True)
class Risk:
    """One line of the register; ``document.text[start:end] == quote`` where there is a quote."""

    id: str
    number: int
    category: str
    topic: str
    priority: Priority
    cause: str
    consequence: str
    clause: str
    quote: str
    start: int | None
    end: int | None
    mitigation: str
    wording: str
    owner: str
    basis: tuple[Basis, ...]
    rule: str
    source: str = "規則"


@dataclass(frozen=True, slots=True)
class Register:
    """All risks, the most pressing first, and what has to be done by when."""

    file: str
    kind: str
    title: str
    side: str
    sides: str
    version: str
    as_of: str
    risks: tuple[Risk, ...]
    obligations: tuple[Obligation, ...]
    categories: tuple[str, ...]

    @property
    def notice(self) -> str:
        """What every reader is told: no advice, what it was made by, how old it is."""
        words = _PLAN_NOTICE if self.kind == "計画" else DISCLAIMER + DISPUTE
        return f"{words}データ基準日 {self.as_of}。"

    def cell(self, category: str, priority: Priority) -> tuple[Risk, ...]:
        """The risks of one field of the matrix."""
        return tuple(r for r in self.risks if (r.category, r.priority) == (category, priority))


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Category(_Model):
    name: str
    owner: str
    rules: dict[str, str]


class _PlanRule(_Model):
    id: str
    category: str
    owner: str
    priority: Priority
    topic: str
    find: str
    cause: str
    consequence: str
    mitigation: str
    law: tuple[str, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """How rules are sorted into categories, and what speaks for a risk in a plan."""

    consequences: Mapping[str, tuple[str, str, str]]
    plan: tuple[_PlanRule, ...]
    categories: tuple[str, ...]


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """The bundled categories (``contract.yaml``) and points of plans (``plan.yaml``).

    Raises:
        UserError: a file cannot be read or breaks the schema.
    """
    folder = folder or corpus_path() / "risks"
    try:
        categories = [_Category.model_validate(c) for c in _load(folder, "contract", "categories")]
        plan = tuple(_PlanRule.model_validate(r) for r in _load(folder, "plan", "rules"))
        for rule in plan:
            re.compile(rule.find)
    except (ValidationError, re.error) as error:
        raise UserError(
            f"リスクの分類が正しくありません（{str(error).splitlines()[0]}）。",
            remedy="同梱の corpus/risks の形に合わせてください。",
            file=folder,
        ) from None
    consequences = {
        rule.strip(): (category.name, category.owner, text)
        for category in categories
        for rules, text in category.rules.items()
        for rule in rules.split(",")
    }
    return Catalogue(consequences, plan, tuple(category.name for category in categories))


def _load(folder: Path, name: str, key: str) -> list[Any]:
    path = folder / f"{name}.yaml"
    try:
        return list(read_yaml(path, "リスクの分類")[key])
    except (KeyError, TypeError):
        raise UserError(
            f"リスクの分類に {key} がありません。",
            remedy="同梱の corpus/risks の形に合わせてください。",
            file=path,
        ) from None


#: Where a rule of the user's own playbook is in no category.
_OTHER = ("その他", "法務", "プレイブックの標準と違う条件のまま、契約に拘束される。")


def contract_register(
    document: Document,
    playbooks: dict[str, Playbook],
    *,
    contract_type: str | None = None,
    side: str | None = None,
    party: str | None = None,
    signed: datetime.date | None = None,
    owners: Mapping[str, str] | None = None,
) -> Register:
    """The register of a contract, from its review.

    Args:
        contract_type, side, party: as for :func:`review_document`.
        signed: the day of signature for the calendar.
        owners: who looks after a category, instead of the catalogue's.

    Raises:
        UserError: the type or the side cannot be told.
    """
    catalogue = load_catalogue()
    review = review_document(
        document, playbooks, contract_type=contract_type, side=side, party=party
    )
    contract = read_contract(document)
    assign_sides(contract, playbooks[review.type], review.side, party)
    risks = []
    for number, finding in enumerate(review.findings, start=1):
        category, owner, consequence = catalogue.consequences.get(finding.rule, _OTHER)
        risks.append(
            Risk(
                id=finding.id,
                number=number,
                category=category,
                topic=finding.topic,
                priority=finding.priority,
                cause=finding.gap,
                consequence=consequence,
                clause=finding.clause,
                quote=finding.quote,
                start=finding.start,
                end=finding.end,
                mitigation=finding.playbook_says
                + (f"譲歩案：{finding.fallback}" if finding.fallback else ""),
                wording=finding.sample,
                owner=(owners or {}).get(category, owner),
                basis=finding.basis,
                rule=finding.rule,
                source=finding.source,
            )
        )
    return Register(
        file=review.file,
        kind="契約書",
        title=review.title,
        side=review.side,
        sides=review.sides,
        version=f"{review.type} {review.playbook_version}",
        as_of=review.as_of,
        risks=tuple(risks),
        obligations=find_obligations(contract, signed=signed),
        categories=_used(catalogue, risks),
    )


def plan_register(document: Document, *, owners: Mapping[str, str] | None = None) -> Register:
    """The register of a described plan: the points whose words occur in it.

    That words occur is all that is checked; whether a law applies is for a person to see.
    """
    catalogue = load_catalogue()
    shadow = Shadow(document.text)
    found = []
    for rule in catalogue.plan:
        match = re.search(rule.find, shadow.text)
        if match is None:
            continue
        start, end = _around(shadow, match.start(), match.end(), document.text)
        found.append((PRIORITIES.index(rule.priority), start, end, rule))
    found.sort(key=lambda item: item[:2])
    risks = [
        Risk(
            id=hashlib.sha256(f"{rule.id}\n{document.text[start:end]}".encode()).hexdigest()[:8],
            number=number,
            category=rule.category,
            topic=rule.topic,
            priority=rule.priority,
            cause=rule.cause,
            consequence=rule.consequence,
            clause="",
            quote=document.text[start:end],
            start=start,
            end=end,
            mitigation=rule.mitigation,
            wording="",
            owner=(owners or {}).get(rule.category, rule.owner),
            basis=legal_basis(rule.law),
            rule=rule.id,
        )
        for number, (_, start, end, rule) in enumerate(found, start=1)
    ]
    digest = hashlib.sha256(repr(catalogue.plan).encode()).hexdigest()[:8]
    return Register(
        file=document.path.name,
        kind="計画",
        title="計画の説明",
        side="",
        sides="",
        version=f"plan {digest}",
        as_of="2026-11-22",
        risks=tuple(risks),
        obligations=(),
        categories=_used(catalogue, risks),
    )


def _used(catalogue: Catalogue, risks: list[Risk]) -> tuple[str, ...]:
    order = (*catalogue.categories, _OTHER[0])
    return tuple(name for name in order if any(risk.category == name for risk in risks))


def _around(shadow: Shadow, start: int, end: int, text: str) -> tuple[int, int]:
    """The sentence (or line) of the document around a stretch of the shadow."""
    low, high = shadow.span(start, end)
    begin = max(text.rfind("。", 0, low), text.rfind("\n", 0, low)) + 1
    stops = [at for at in (text.find("。", high - 1), text.find("\n", high)) if at >= 0]
    finish = min(stops) if stops else len(text)
    finish += text[finish : finish + 1] == "。"
    return begin, max(finish, high)
