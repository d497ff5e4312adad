"""A contract made ready for rules: clauses, parties, and who is who."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from homutune.assistant._clauses import Clause, segment
from homutune.assistant._document import Document
from homutune.assistant._playbook import Find, Playbook, fill_sides
from homutune.assistant._shadow import Shadow
from homutune.assistant._terms import Party, find_parties, find_terms
from homutune.law import extract_citations

#: Between the names of both sides where they act together.
AND = "(?:及び|および|又は|または|もしくは|若しくは|と|並びに|、|・)?"
#: Subjects that mean either side alike, as a regular expression.
MUTUAL = (
    "両当事者|各当事者|両者|双方|当事者(?:の一方|双方)?|いずれの当事者|いずれか一方|一方(?:の)?当事者"
    "|相手方|受領者|開示者"
)
_HEAD = re.compile(
    r"(?:[(【〔\[「][^()】〕\]」]{1,40}[)】〕\]」])?第[^条]{1,6}条(?:の[0-9一二三四五六七八九十]+)*"
    r"(?:[(【〔\[「][^()】〕\]」]{1,40}[)】〕\]」])?"
)


@dataclass(frozen=True, slots=True)
class Section:
    """The shadow of one clause; ``start`` is its place in the whole shadow."""

    clause: Clause | None
    text: str
    start: int

    @property
    def body(self) -> int:
        """Where the text behind the number and the title begins."""
        if self.clause is None:
            return 0
        if self.clause.kind == "見出し":
            return len(Shadow(self.clause.title).text)
        if head := _HEAD.match(self.text):
            return head.end()
        # 13.補則, in a contract that numbers its headings.
        head = re.match(rf"[0-9.、:]*{re.escape(Shadow(self.clause.title).text)}", self.text)
        return head.end() if head else 0

    def sentences(self) -> list[tuple[int, int]]:
        """Sentences as stretches of ``text``, the heading left out."""
        return [m.span() for m in re.compile("[^。]+。?").finditer(self.text, self.body)]


@dataclass(frozen=True, slots=True)
class Hit:
    """A place (shadow offsets) that a check stopped at; ``detail`` completes its gap."""

    start: int | None
    end: int | None
    detail: str = ""


Sections = list[Section]


@dataclass
class Contract:
    """What the checks look at; ``us`` and ``them`` are regular expressions for the two sides."""

    document: Document
    shadow: Shadow
    clauses: tuple[Clause, ...]
    parties: list[Party]
    us: str = ""
    them: str = ""
    _sections: list[Section] = field(default_factory=list)
    _laws: list[tuple[int, int]] | None = None

    def sections(self) -> list[Section]:
        """The numbered (or titled) clauses, and what stands in a supplement without numbers."""
        if not self._sections:
            for clause in self.clauses:
                if clause.kind in ("条", "見出し", "附則"):
                    self._sections.append(self.section(clause))
        return self._sections

    def section(self, clause: Clause) -> Section:
        """The shadow of ``clause``."""
        start, end = self.shadow.index(clause.start), self.shadow.index(clause.end)
        return Section(clause, self.shadow.text[start:end], start)

    def whole(self) -> Section:
        """The whole body, title and signatures included."""
        end = self.shadow.index(self.clauses[-1].end) if self.clauses else 0
        return Section(None, self.shadow.text[:end], 0)

    def find(self, find: Find) -> list[Section]:
        """The clauses a rule is about; the whole contract for a rule that names none."""
        if find.heading is None and find.body is None:
            return [self.whole()]
        by_heading, by_body = [], []
        for section in self.sections():
            title = Shadow(section.clause.title).text if section.clause else ""
            if find.skip and self.regex(find.skip).search(section.text):
                continue
            if find.heading and title and self.regex(find.heading).search(title):
                by_heading.append(section)
            elif find.heading and re.search("存続|残存", title):
                continue  # a list of the clauses that survive names them and is none of them
            elif find.body and self.regex(find.body).search(section.text):
                by_body.append(section)
        if find.both:
            return sorted(by_heading + by_body, key=lambda section: section.start)
        return by_heading or by_body

    def regex(self, pattern: str) -> re.Pattern[str]:
        """``pattern`` with the names of the sides put in."""
        return re.compile(fill_sides(pattern, self.us, self.them))

    def clause_at(self, offset: int) -> Clause | None:
        """The clause around an offset of the document."""
        return next((c for c in self.clauses if c.start <= offset < c.end), None)

    def is_statute(self, start: int, end: int) -> bool:
        """Whether shadow[start:end] is part of a citation of a law."""
        if self._laws is None:
            # On the shadow: a line end inside the name of a law would hide it.
            self._laws = [(c.start, c.end) for c in extract_citations(self.shadow.text)]
        return any(low < end and start < high for low, high in self._laws)


def read_contract(document: Document) -> Contract:
    """Cut ``document`` into clauses and find its parties."""
    shadow = Shadow(document.text)
    clauses = segment(document)
    return Contract(document, shadow, clauses, find_parties(shadow, clauses))


def detect_type(contract: Contract, playbooks: dict[str, Playbook]) -> list[tuple[str, int]]:
    """Types by how much speaks for them, best first.

    Left out are those that neither the title nor most of the words of the type speak for: a few
    stray words are no type.
    """
    title = contract.clauses[0] if contract.clauses else None
    heading = contract.shadow.slice(title.start, title.end) if title else ""
    heading = heading[:60] or contract.document.path.stem
    scores = {}
    for name, playbook in playbooks.items():
        titled = bool(re.search(playbook.detect.title, heading))
        words = [bool(re.search(p, contract.shadow.text)) for p in playbook.detect.body]
        if titled or sum(words) >= max(2, 0.6 * len(words)):
            scores[name] = 5 * titled + sum(words)
    return sorted(scores.items(), key=lambda item: -item[1])


def assign_sides(contract: Contract, playbook: Playbook, side: str, party: str | None) -> str:
    """Set which words of the contract mean the user's side; returns how that was known.

    ``party`` (甲 or 乙) is the user's own word for it; otherwise the patterns of the playbook
    are tried, and 甲 is taken for the first side where none fits.
    """
    first, second = playbook.sides
    letter, how = "甲", "甲を" + first.name + "と仮定"
    # What both do tells nothing about who is who: 甲及び乙は….
    text = re.sub(rf"[甲乙]{AND}[甲乙](?=は|が)", "双方", contract.shadow.text)
    for pattern in playbook.detect.first_side:
        if match := re.search(pattern, text):
            letter, how = match["p"], "条文から判定"
            break
    if party:
        ours_is_first = side == first.name
        letter = party if ours_is_first else ("乙" if party == "甲" else "甲")
        how = "指定どおり"
    other = "乙" if letter == "甲" else "甲"
    aliases = {party.alias for party in contract.parties}
    if not aliases & {"甲", "乙"}:
        # Terms of service name one party in the preamble and the other among the definitions.
        of_sides = {name for side in playbook.sides for name in (side.name, *side.names)}
        aliases |= of_sides & {term.name for term in find_terms(contract.shadow)}
    # Where the parties are 甲 and 乙, 開示者 may be either of them: a role, not a party.
    names = {}
    for named, own in ((first, letter), (second, other)):
        roles = [name for name in (named.name, *named.names) if not aliases or name in aliases]
        names[named.name] = [*([own] if not roles or own in aliases else []), *roles]
    words = {
        first.name: _either(names[first.name], names[second.name]),
        second.name: _either(names[second.name], names[first.name]),
    }
    if not aliases & {"甲", "乙"} and aliases and how != "指定どおり":
        how = "当事者の名称どおり"
    contract.us = words[side]
    contract.them = words[second.name if side == first.name else first.name]
    if how == "当事者の名称どおり":
        return how
    return f"{first.name}＝{letter}、{second.name}＝{other}（{how}）"


def _either(names: list[str], others: list[str]) -> str:
    """Any of ``names`` where it is no end of one of ``others``: 許諾者 but not 被許諾者."""
    patterns = []
    for name in names:
        longer = [o.removesuffix(name) for o in others if o.endswith(name) and o != name]
        patterns.append("".join(f"(?<!{re.escape(head)})" for head in longer) + re.escape(name))
    return "(?:" + "|".join(patterns) + ")"
