"""A team's own ひな形 as a playbook: which clauses a contract lacks, adds or words differently."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from homutune.assistant._contract import Contract, Section, read_contract
from homutune.assistant._diff import hunks
from homutune.assistant._document import Document
from homutune.assistant._instructions import addressed_sentences
from homutune.assistant._playbook import PRIORITIES, Priority
from homutune.assistant._review import Finding, Remedy, Review, legal_basis, warn_addressed
from homutune.assistant._shadow import Shadow
from homutune.data import read_yaml
from homutune.errors import UserError
from homutune.files import write_atomic

#: Clauses less alike than this are different clauses.
_SAME_CLAUSE = 0.4
#: What a template leaves open: ●●, 【　】, ＿＿, 20XX. Whatever fills it is no difference.
_BLANK = re.compile(r"(?:[0-9]{0,4}[●○◯■□▲△_Xx×*…・【】\[\]]+[年月日円]*)+")
_SHOWN = 5


class TemplateClause(BaseModel):
    """One clause of a template; ``priority`` is that of a finding about it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    title: str = ""
    text: str
    priority: Priority = "中"


class Template(BaseModel):
    """A ひな形 cut into clauses, in the file that a team can edit (priorities, wording)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    template: str = Field(pattern=r"^[\w\-]{1,60}$")
    as_of: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    source: str
    clauses: tuple[TemplateClause, ...] = Field(min_length=1)

    @property
    def version(self) -> str:
        """Date and hash of the content, as for a playbook."""
        digest = hashlib.sha256(self.model_dump_json().encode()).hexdigest()
        return f"{self.as_of}+{digest[:8]}"


def read_template(document: Document, name: str | None = None) -> Template:
    """The clauses of a ひな形.

    Raises:
        UserError: no clauses in it, or a name that cannot be a file name.
    """
    contract = read_contract(document)
    clauses = [
        TemplateClause(
            label=section.clause.label.split("（")[0],
            title=section.clause.title,
            text=_written(contract, section),
        )
        for section in contract.sections()
        if section.clause is not None and section.text[section.body :]
    ]
    if not clauses:
        raise UserError(
            "ひな形の条項が見つかりません。",
            remedy="「第1条（目的）」のように条のある契約書を指定してください。",
            file=document.path,
        )
    wanted = name or re.sub(r"[^\w\-]+", "-", document.path.stem).strip("-")[:60]
    try:
        return Template(
            template=wanted,
            as_of=date.today().isoformat(),
            source=document.path.name,
            clauses=tuple(clauses),
        )
    except ValidationError:
        raise UserError(
            f"ひな形の名前「{wanted}」は使えません。",
            remedy="--name で、文字・数字・ハイフンだけの名前（60 字まで）を付けてください。",
        ) from None


def imported_template_folder(home: Path) -> Path:
    """Where imported templates lie."""
    return home / "playbooks"


def save_template(home: Path, template: Template) -> Path:
    """Keep the template as YAML; an older one of the same name is kept beside it."""
    path = imported_template_folder(home) / f"{template.template}.yaml"
    text = yaml.safe_dump(
        template.model_dump(mode="json"), allow_unicode=True, sort_keys=False, width=1000
    )
    if path.is_file():
        older = load_template(path)
        if older.version.split("+")[1] != template.version.split("+")[1]:
            write_atomic(path.with_name(f"{path.stem}@{older.version}.yaml"), path.read_bytes())
    write_atomic(path, text)
    return path


def list_templates(home: Path) -> list[Template]:
    """The templates in use, by name."""
    paths = sorted(imported_template_folder(home).glob("*.yaml"))
    return [load_template(path) for path in paths if "@" not in path.name]


def load_template(path: Path) -> Template:
    """Read a template.

    Raises:
        UserError: it is not there or damaged.
    """
    if not path.is_file():
        raise UserError(
            f"ひな形「{path.stem}」がありません。",
            remedy="homutune playbook list で名前を確かめるか、"
            "homutune playbook import で取り込んでください。",
        )
    try:
        return Template.model_validate(read_yaml(path, "ひな形のファイル"))
    except (UserError, ValidationError) as error:
        raise UserError(
            "ひな形のファイルを読めません。",
            remedy="手で直した所を元に戻すか、homutune playbook import で取り込み直してください。",
            file=path,
            line=getattr(error, "line", None),
        ) from None


def compare_template(document: Document, template: Template) -> Review:
    """Findings for every clause that is missing, extra or worded differently."""
    contract = read_contract(document)
    sections = contract.sections()
    matched = _match(template.clauses, sections)
    findings = []
    for index, clause in enumerate(template.clauses):
        found = matched.get(index)
        if found is None:
            gap = f"ひな形の{_name(clause)}に当たる条項が見当たりません"
            findings.append(_finding(contract, None, clause, gap, "新設"))
        elif differences := _differences(clause.text, _written(contract, sections[found])):
            gap = f"ひな形の{_name(clause)}と違います: {differences}"
            findings.append(_finding(contract, sections[found], clause, gap, "置換"))
    for number, section in enumerate(sections):
        if number not in matched.values() and section.text[section.body :]:
            findings.append(_finding(contract, section, None, "ひな形にない条項です", "置換"))
    findings.sort(key=lambda f: (PRIORITIES.index(f.priority), f.start is None, f.start or 0))
    addressed = addressed_sentences(document.text, contract.shadow)
    return Review(
        file=document.path.name,
        document_sha256=hashlib.sha256(document.text.encode()).hexdigest(),
        type=f"hinagata-{template.template}",
        title=f"ひな形「{template.template}」",
        type_source="指定",
        side="",
        sides="",
        playbook_version=template.version,
        as_of=template.as_of,
        findings=tuple(findings),
        reminders=(),
        clauses=tuple(c.label for c in contract.clauses),
        hidden=tuple((h.reason, h.text[:200]) for h in document.hidden),
        warnings=(
            *document.warnings,
            *(warn_addressed(document.text[start:end].strip()) for start, end in addressed),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    score: float
    ours: int
    theirs: int


def _match(clauses: tuple[TemplateClause, ...], sections: list[Section]) -> dict[int, int]:
    """Template clause → section, the most alike first; each at most once."""
    pairs = []
    profiles = [_bigrams(section.text[section.body :]) for section in sections]
    for ours, clause in enumerate(clauses):
        title, profile = Shadow(clause.title).text, _bigrams(Shadow(clause.text).text)
        for theirs, section in enumerate(sections):
            other = Shadow(section.clause.title).text if section.clause else ""
            score = _dice(profile, profiles[theirs]) + 0.5 * (bool(title) and title == other)
            if score >= _SAME_CLAUSE:
                pairs.append(_Pair(score, ours, theirs))
    matched: dict[int, int] = {}
    for pair in sorted(pairs, key=lambda p: (-p.score, abs(p.ours - p.theirs))):
        if pair.ours not in matched and pair.theirs not in matched.values():
            matched[pair.ours] = pair.theirs
    return matched


def _bigrams(text: str) -> Counter[str]:
    return Counter(text[i : i + 2] for i in range(len(text) - 1))


def _dice(one: Counter[str], other: Counter[str]) -> float:
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def _written(contract: Contract, section: Section) -> str:
    start, end = _span(contract, section)
    return contract.document.text[start:end]


def _span(contract: Contract, section: Section) -> tuple[int, int]:
    """The clause behind its heading, in the document."""
    return contract.shadow.span(section.start + section.body, section.start + len(section.text))


def _differences(ours: str, theirs: str) -> str:
    """「30日」→「60日」 for what differs but for spaces, widths and blanks; "" for nothing."""
    old, new = Shadow(ours).text, Shadow(theirs).text
    found = []
    for hunk in hunks(old, new):
        before = old[hunk.start : hunk.end]
        if before and hunk.text and _BLANK.fullmatch(before):
            continue
        found.append(f"「{_short(before)}」→「{_short(hunk.text)}」")
    more = f" ほか {len(found) - _SHOWN} か所" if len(found) > _SHOWN else ""
    return "、".join(found[:_SHOWN]) + more


def _short(text: str) -> str:
    return "（なし）" if not text else text if len(text) <= 40 else f"{text[:40]}…"


def _name(clause: TemplateClause) -> str:
    titled = clause.title and clause.title not in clause.label
    return clause.label + (f"（{clause.title}）" if titled else "")


def _finding(
    contract: Contract,
    section: Section | None,
    clause: TemplateClause | None,
    gap: str,
    remedy: Remedy,
) -> Finding:
    quote, start, end, place = "", None, None, ""
    if section is not None and section.clause is not None:
        start, end = _span(contract, section)
        quote, place = contract.document.text[start:end], section.clause.label
    rule = f"ひな形 {clause.label}" if clause else "ひな形にない条項"
    key = "\n".join((rule, gap, re.sub(r"\s", "", quote)))
    if clause is not None:
        topic = clause.title or clause.label
    else:
        topic = (section.clause.title if section and section.clause else "") or place
    return Finding(
        id=hashlib.sha256(key.encode()).hexdigest()[:8],
        rule=rule,
        topic=topic,
        priority=clause.priority if clause else "中",
        kind="欠落" if section is None else "追加" if clause is None else "差異",
        clause=place.split("（")[0],
        quote=quote,
        start=start,
        end=end,
        playbook_says=f"ひな形の{_name(clause)}のとおり。" if clause else "ひな形に定めがない。",
        fallback="",
        unacceptable="",
        gap=gap,
        note="ひな形との機械的な比較です。違いが受け入れられるかは、担当者が判断してください。",
        sample=clause.text if clause else "",
        basis=legal_basis((clause.text,)) if clause else (),
        remedy=remedy,
    )
