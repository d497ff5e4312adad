"""Documents drafted from a template, the answers of its form and the wording of the playbook."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from homutune.assistant._answers import Answers, check_answers
from homutune.assistant._clauses import segment
from homutune.assistant._playbook import Playbook
from homutune.assistant._read import text_document
from homutune.assistant._shadow import Shadow
from homutune.assistant._templates import ClauseTemplate, Template
from homutune.assistant._terms import find_parties, find_terms
from homutune.errors import UserError


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted document.

    ``problems`` are what the checks of the whole text found; ``options`` the wording chosen for
    each clause that has a choice.
    """

    type: str
    title: str
    side: str
    text: str
    options: dict[str, str]
    playbook_version: str
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def draft(
    template: Template,
    given: Mapping[str, Any],
    *,
    playbook: Playbook | None = None,
    side: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Draft:
    """Fill ``template``.

    Args:
        given: answers by field name.
        playbook: gives the wording of clauses taken from it; needed for a contract.
        side: one of the playbook's sides, whose wording is used.
        options: the option wanted for clauses that have several.

    Raises:
        UserError: an answer, an option or the side is wrong.
    """
    if template.kind == "契約書" and (
        playbook is None or side not in [s.name for s in playbook.sides]
    ):
        names = [s.name for s in playbook.sides] if playbook else []
        raise UserError(
            f"立場を指定してください（{template.title}）。"
            if side is None
            else f"立場「{side}」は {template.title} にありません。",
            remedy=" か ".join(f"--side {name}" for name in names) + " を付けてください。",
        )
    answers = check_answers(template, given)
    wording = _Wording(template, answers, playbook, side or "")
    chosen = _choose(template, dict(options or {}))
    text = wording.document(chosen) if template.clauses else wording.render(template.text)
    return Draft(
        type=template.type,
        title=template.title,
        side=side or "",
        text=text.strip() + "\n",
        options=chosen,
        playbook_version=playbook.version if playbook else "",
        problems=tuple(consistency(text)) if template.clauses else (),
        notes=template.notes,
    )


def _choose(template: Template, wanted: dict[str, str]) -> dict[str, str]:
    chosen = {}
    for clause in template.clauses:
        if not clause.options:
            continue
        option = wanted.pop(clause.id, next(iter(clause.options)))
        if option not in clause.options:
            raise UserError(
                f"条「{clause.title}」に「{option}」という文言はありません。",
                remedy=f"選べるのは {'・'.join(clause.options)} です。",
            )
        chosen[clause.id] = option
    if wanted:
        able = [clause.id for clause in template.clauses if clause.options]
        raise UserError(
            f"選択肢のない条です: {'、'.join(wanted)}",
            remedy=f"選べる条は {'・'.join(able) or 'ありません'}（id）です。",
        )
    return chosen


class _Wording:
    """Renders the texts of one template."""

    def __init__(
        self, template: Template, answers: Answers, playbook: Playbook | None, side: str
    ) -> None:
        from jinja2 import StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        self._template = template
        self._answers = answers
        self._playbook = playbook
        self._side = side
        # The text is plain, not HTML; answers are values and never parsed as templates.
        self._jinja = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
        )
        self.clauses = [c for c in template.clauses if not c.when or answers[c.when]]

    def document(self, chosen: Mapping[str, str]) -> str:
        """Title, preamble, clauses, signatures and annex."""
        parts = [self._template.title, self.render(self._template.preamble)]
        for number, clause in enumerate(self.clauses, start=1):
            parts.append(f"第{number}条（{clause.title}）\n{self._body(clause, chosen)}")
        parts += [self.render(self._template.closing), self.render(self._template.annex)]
        return "\n".join(part.strip("\n") for part in parts if part.strip())

    def _body(self, clause: ClauseTemplate, chosen: Mapping[str, str]) -> str:
        source = clause.options[chosen[clause.id]] if clause.options else clause.text
        text = self.render(source) if source else "\n".join(map(self.sample, clause.rules))
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        paragraphs = [line for line in lines if not line.startswith("（")]
        if len(paragraphs) < 2:
            return "\n".join(lines)
        numbers = iter(range(1, len(lines) + 1))
        return "\n".join(
            line if line.startswith("（") else f"{next(numbers)}　{line}" for line in lines
        )

    def render(self, text: str) -> str:
        """``text`` with the answers put in."""
        from jinja2 import TemplateError

        helpers: dict[str, Callable[..., str]] = {
            "sample": self.sample,
            "ref": self.ref,
            "refs": self.refs,
        }
        try:
            return self._jinja.from_string(text).render(**self._answers, **helpers)
        except TemplateError as error:
            raise UserError(
                f"ひな形 {self._template.type} の文を組み立てられません（{error}）。",
                remedy="corpus/templates の {{ }} の中の名前を確認してください。",
            ) from None

    def sample(self, rule_id: str) -> str:
        """The playbook's sample wording, with 甲 and 乙 for the names of the sides."""
        book = self._playbook
        rule = next((r for r in book.rules if r.id == rule_id), None) if book else None
        text = rule.text("sample", self._side) if rule else ""
        if book is None or not text:
            raise UserError(
                f"プレイブックに {rule_id} の文例がありません。",
                remedy="corpus/templates の sample・rules に書いたルールの id を確認してください。",
            )
        for side, letter in zip(book.sides, "甲乙", strict=True):
            text = text.replace(side.name, letter)
        return text

    def ref(self, clause_id: str) -> str:
        """第5条（検査）."""
        for number, clause in enumerate(self.clauses, start=1):
            if clause.id == clause_id:
                return f"第{number}条（{clause.title}）"
        raise UserError(
            f"ひな形 {self._template.type} に条 {clause_id} がありません。",
            remedy="corpus/templates の ref の中の id を確認してください。",
        )

    def refs(self, *clause_ids: str) -> str:
        """第5条（検査）、第6条（…）及び第9条（…）; clauses left out of the draft are skipped."""
        present = {clause.id for clause in self.clauses}
        known = {clause.id for clause in self._template.clauses}
        found = [self.ref(name) for name in clause_ids if name in present or name not in known]
        head, last = found[:-1], found[-1]
        return f"{'、'.join(head)}及び{last}" if head else last


def consistency(text: str) -> list[str]:
    """What does not fit together in a contract: parties, terms, signatures."""
    document = text_document("下書き.txt", text)
    shadow, clauses = Shadow(document.text), segment(document)
    problems = []
    # 貸主である株式会社…: the role stands in front of the name.
    parties = {p.alias: re.sub("^.*である", "", p.name) for p in find_parties(shadow, clauses)}
    signatures = "".join(shadow.slice(c.start, c.end) for c in clauses if c.kind == "署名欄")
    for letter in ("甲", "乙"):
        name = parties.get(letter)
        if not name:
            problems.append(f"前文に「{letter}」の名称がありません")
        elif name not in signatures:
            problems.append(f"署名欄に「{letter}」（{name}）の名称がありません")
    names: dict[str, int] = {}
    for term in find_terms(shadow):
        names[term.name] = names.get(term.name, 0) + 1
    for name, count in names.items():
        uses = len(re.findall(re.escape(name), shadow.text))
        if count > 1:
            problems.append(f"「{name}」が {count} か所で定義されています")
        elif uses < 2:
            problems.append(f"「{name}」は定義されていますが、使われていません")
    return problems
