"""Playbooks: what a team wants in a contract of one type, as rules that a machine can compare.

A playbook is a YAML file; its version is the hash of everything it says, so that a review can
name exactly what it was made with.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from homutune.data import corpus_path, read_yaml
from homutune.errors import UserError

Priority = Literal["高", "中", "低"]
PRIORITIES: tuple[Priority, ...] = ("高", "中", "低")
CheckKind = Literal[
    "lacks",
    "contains",
    "limit",
    "one_sided",
    "late_payment",
    "references",
    "undefined_terms",
    "numbering",
    "annexes",
    "parties",
    "dates",
]
_TEXT_CHECKS = ("lacks", "contains", "one_sided")
#: Stand for the user's own side and the other side in every pattern.
US, THEM = "{us}", "{them}"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _compiles(pattern: str | None) -> str | None:
    if pattern is not None:
        try:
            re.compile(fill_sides(pattern, "甲", "乙"))
        except re.error as error:
            raise ValueError(f"正規表現が正しくありません: {error}") from None
    return pattern


def fill_sides(pattern: str, us: str, them: str) -> str:
    """``pattern`` with the names of the two sides put in, as regular expressions."""
    return pattern.replace(US, us).replace(THEM, them)


class Side(_Model):
    """One of the two roles; ``names`` are words for it in a contract, 甲 or 乙 aside."""

    name: str
    names: tuple[str, ...] = ()


class Find(_Model):
    """How the clause of a rule is recognised, on text without spaces.

    Headings are tried first; ``body`` is tried where no heading matches, or besides the headings
    with ``both``; clauses matching ``skip`` are passed over. With neither heading nor body given
    the rule looks at the whole contract.
    """

    heading: str | None = None
    body: str | None = None
    both: bool = False
    skip: str | None = None

    _check = field_validator("heading", "body", "skip")(_compiles)


class Check(_Model):
    """One comparison with the contract.

    Attributes:
        kind: lacks / contains (``pattern``), limit (numbers of ``unit`` in sentences matching
            ``near`` above ``max`` or below ``min``), one_sided (sentences matching ``pattern`` of
            which only ``actor`` is the subject), late_payment (more than 60 days after receipt), or
            one of the checks of the whole contract.
        gap: what a finding says is different from the playbook.
        unless: no finding where this is found in the clause.
        sides: the sides the check is made for; all where empty.
        priority: overrides that of the rule.
    """

    kind: CheckKind
    gap: str
    pattern: str | None = None
    near: str | None = None
    unless: str | None = None
    unit: Literal["日", "か月", "年", "%"] | None = None
    max: float | None = None
    min: float | None = None
    actor: Literal["us", "them"] | None = None
    terms: tuple[str, ...] = ()
    sides: tuple[str, ...] = ()
    priority: Priority | None = None

    _check = field_validator("pattern", "near", "unless")(_compiles)

    @model_validator(mode="after")
    def _complete(self) -> Check:
        if self.kind in _TEXT_CHECKS and not self.pattern:
            raise ValueError(f"{self.kind} には pattern が必要です")
        if self.kind == "limit" and (not self.unit or (self.max is None and self.min is None)):
            raise ValueError("limit には unit と、max か min が必要です")
        if self.kind == "one_sided" and not self.actor:
            raise ValueError("one_sided には actor が必要です")
        return self


class Rule(_Model):
    """One topic of a playbook.

    ``standard``, ``fallback``, ``unacceptable`` and ``sample`` are one text for both sides or
    one for each side. ``missing`` says what a finding says where no clause is recognised.
    """

    id: str = Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
    topic: str
    priority: Priority
    find: Find = Find()
    missing: str | None = None
    sides: tuple[str, ...] = ()
    standard: str | dict[str, str]
    fallback: str | dict[str, str] = ""
    unacceptable: str | dict[str, str] = ""
    checks: tuple[Check, ...] = ()
    law: tuple[str, ...] = ()
    commentary: str
    sample: str | dict[str, str] = ""

    def text(self, name: str, side: str) -> str:
        """One of the positions or the sample wording, for ``side``."""
        value = getattr(self, name)
        return str(value.get(side, "")) if isinstance(value, dict) else str(value)


class Reminder(_Model):
    """Something to think of outside the text, shown unless ``unless`` is found in it."""

    text: str
    law: tuple[str, ...] = ()
    unless: str | None = None


class Detect(_Model):
    """How a contract of this type is recognised; ``first_side`` captures 甲 or 乙 as ``p``."""

    title: str
    body: tuple[str, ...] = ()
    first_side: tuple[str, ...] = ()


class Playbook(_Model):
    """All rules for one type of contract, those taken from the common ones included."""

    type: str = Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
    title: str
    as_of: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    sides: tuple[Side, Side]
    detect: Detect
    rules: tuple[Rule, ...]
    reminders: tuple[Reminder, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Playbook:
        ids = [rule.id for rule in self.rules]
        if twice := {name for name in ids if ids.count(name) > 1}:
            raise ValueError(f"ルール id が重複しています: {'、'.join(sorted(twice))}")
        names = {side.name for side in self.sides}
        for rule in self.rules:
            used = {*rule.sides, *(side for check in rule.checks for side in check.sides)}
            for field in ("standard", "fallback", "unacceptable", "sample"):
                value = getattr(rule, field)
                used |= set(value) if isinstance(value, dict) else set()
            if unknown := used - names:
                raise ValueError(
                    f"{rule.id}: 立場 {'、'.join(sorted(unknown))} は定義されていません"
                )
        return self

    @property
    def version(self) -> str:
        """Date and hash of the content: 2026-11-22+1a2b3c4d."""
        digest = hashlib.sha256(self.model_dump_json().encode()).hexdigest()
        return f"{self.as_of}+{digest[:8]}"


def playbook_folder() -> Path:
    """Where the playbooks that come with homutune lie."""
    return corpus_path() / "playbooks"


def load_playbooks(folder: Path | None = None) -> dict[str, Playbook]:
    """All playbooks of ``folder`` (default: the bundled ones) by type.

    Raises:
        UserError: one cannot be read or breaks the schema.
    """
    folder = folder or playbook_folder()
    common_path = folder / "_common.yaml"
    common = _load(common_path)["rules"] if common_path.is_file() else []
    shared = {rule["id"]: rule for rule in common}
    playbooks = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name.startswith("_"):
            continue
        book = _playbook(path, _load(path), shared)
        playbooks[book.type] = book
    if not playbooks:
        raise UserError(
            "プレイブックがありません。",
            remedy="*.yaml のあるフォルダーを指定してください。",
            file=folder,
        )
    return playbooks


def _load(path: Path) -> Any:
    content = read_yaml(path, "プレイブック")
    if not isinstance(content, dict) or not isinstance(content.get("rules"), list):
        raise UserError(
            "プレイブックに rules がありません。",
            remedy="同梱の corpus/playbooks の形に合わせてください。",
            file=path,
        )
    return content


def _playbook(path: Path, content: dict[str, Any], shared: dict[str, Any]) -> Playbook:
    """The playbook with the common rules it names, changed where it says so."""
    content = dict(content)
    rules = list(content["rules"])
    for entry in content.pop("common", []):
        changed = {"id": entry} if isinstance(entry, str) else dict(entry)
        base = shared.get(str(changed.get("id")))
        if base is None:
            raise UserError(
                f"共通ルール {changed.get('id')} はありません。",
                remedy="_common.yaml にある id を指定してください。",
                file=path,
            )
        rules.append({**base, **changed})
    try:
        return Playbook.model_validate({**content, "rules": rules})
    except ValidationError as error:
        first = error.errors()[0]
        where = list(first["loc"])
        if len(where) > 1 and where[0] == "rules" and isinstance(where[1], int):
            where[1] = str(rules[where[1]].get("id", where[1]))
        raise UserError(
            f"プレイブックの {' → '.join(map(str, where))} が正しくありません（{first['msg']}）。",
            remedy="同梱の corpus/playbooks の形に合わせてください。",
            file=path,
        ) from None
