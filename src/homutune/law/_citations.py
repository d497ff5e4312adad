"""Citations of articles in running Japanese text.

Made for answers, contracts and questions, not for statute text: a law must be named (or taken up
again by 同法, 同条, a short name the text defined), because a bare 第5条 is a clause of the
contract at hand.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from homutune.law import _patterns as patterns
from homutune.law._names import NamedLaw, law_names, named_laws
from homutune.law._text import half_width, kanji_to_int


@dataclass(frozen=True, slots=True)
class Citation:
    """One article named in a text; ``text[start:end]`` is what was written."""

    text: str
    start: int
    end: int
    #: Canonical short name, e.g. 個人情報保護法.
    law: str
    #: ``"548_2"`` for 第548条の2; supplementary provisions as ``"附則2"``, or ``"附則"`` where
    #: they have paragraphs only.
    article: str
    paragraph: int | None = None
    #: ``"2"``, or ``"6_2"`` for 6号の2.
    item: str | None = None
    #: ただし書, 前段, 後段, 中段, 本文, 柱書 or 各号.
    suffix: str | None = None
    #: イ, ロ, ハ … under an item.
    subitem: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Law and article: what two citations are compared by."""
        return self.law, self.article

    @property
    def label(self) -> str:
        """The normal form, e.g. 民法566条1項, 民法548条の2第3項."""
        supplement = "附則" if self.article.startswith("附則") else ""
        number, *branches = self.article.removeprefix("附則").split("_")
        label = f"{self.law}{supplement}" + (f"{number}条" if number else "")
        label += "".join(f"の{part}" for part in branches)
        if self.paragraph is not None:
            label += f"{'第' if branches else ''}{self.paragraph}項"
        if self.item is not None:
            first, *rest = self.item.split("_")
            needs_mark = bool(branches) and self.paragraph is None
            label += f"{'第' if needs_mark else ''}{first}号" + "".join(f"の{p}" for p in rest)
        return label + (self.subitem or "") + (self.suffix or "")


def extract_citations(text: str) -> list[Citation]:
    """All articles of named laws in ``text``, in order.

    Takes half- and full-width digits and 漢数字, 第 or none, 枝番, 項, 号, イロハ, ただし書 and the
    like, lists (民法709条、710条及び715条; 423・429条; of a range both ends), 附則, 同法, 同条,
    前条, 同項, 前項, and short names the text defines itself (以下「法」という).
    """
    plain = half_width(text)
    if "条" not in plain and "附則" not in plain:
        return []
    return list(_Reader(text, plain).citations())


@dataclass(frozen=True, slots=True)
class _Owner:
    """The law an article belongs to, and where the citation begins."""

    start: int
    law: str
    prefix: str = ""


class _Reader:
    """Reads one text from its beginning to its end and remembers what was cited last."""

    def __init__(self, text: str, plain: str) -> None:
        self.text = text
        self.plain = plain
        self.mentions = _with_taken_up(plain, list(named_laws(plain)))
        self.aliases = _defined_aliases(plain, self.mentions)
        #: What 同条 takes up: None after a bare 第5条, which is a clause of some contract.
        self.last: Citation | None = None
        #: What a list goes on from, whatever stood between.
        self.previous: Citation | None = None

    def citations(self) -> Iterator[Citation]:
        position = 0
        while match := patterns.REFERENCE.search(self.plain, position):
            position = match.end()
            found = list(self._read(match))
            if not found:
                continue
            yield from found
            # 415条1項及び2項: further paragraphs or items of the same article.
            while (joint := patterns.CONNECTOR.match(self.plain, position)) and (
                more := patterns.MORE.match(self.plain, joint.end())
            ):
                yield from self._parts(more, more.start(), found[-1])
                position = more.end()

    def _read(self, match: re.Match[str]) -> Iterator[Citation]:
        if match["part"] or match["same_paragraph"]:
            yield from self._part_again(match)
        elif match["again"]:
            base = self._article_again(match)
            if base:
                yield from self._parts(match, match.start(), base)
        else:
            yield from self._article(match)

    def _article(self, match: re.Match[str]) -> Iterator[Citation]:
        start = match.start()
        shared = list(patterns.SHARED_NUMBER.finditer(match["shared"] or ""))
        owner = self._owner(start)
        if owner is None and shared:
            # The numbers before were no articles: 表1、民法 … 3条.
            start, shared = match.end("shared"), []
            owner = self._owner(start)
        if owner is None:
            self.last = None
            return
        begin = owner.start
        for number in shared:
            article = owner.prefix + _number(number[0].replace("の", "_"))
            end = match.start("shared") + number.end()
            yield self._remember(self._cite(begin, end, owner.law, article))
            begin = end + 1
        if match["supplement"]:
            article = "附則"
        else:
            article = owner.prefix + _number(match["article"], match["branch"])
        begin = match.end("shared") if shared else begin
        yield from self._parts(match, begin, self._cite(begin, match.end(), owner.law, article))

    def _article_again(self, match: re.Match[str]) -> Citation | None:
        """同条, or the article before or after the one cited last (前条, 次条)."""
        last = self.last
        if last is None or match["again"] == "同条":
            return last and replace(last, paragraph=None)
        if self._of_a_contract(match.start()) or "\n" in self.plain[last.end : match.start()]:
            return None
        step = -1 if match["again"] == "前条" else 1
        laws = law_names().laws(last.law)
        article = laws[0].neighbour(last.article, step) if laws else None
        return self._cite(match.start(), match.end(), last.law, article) if article else None

    def _part_again(self, match: re.Match[str]) -> Iterator[Citation]:
        """同項2号, 前項ただし書, 同2項: a paragraph or item of the article cited last."""
        last = self.last
        if last is None:
            return
        paragraph: int | None = last.paragraph
        item: str | None = match["same_item"] or match["number"]
        if match["same_paragraph"]:
            paragraph = kanji_to_int(match["same_paragraph"])
        elif match["part"] != "同項":
            if self._of_a_contract(match.start()):
                return
            step = {"前": -1, "同": 0, "次": 1}[match["part"][0]]
            if match["part"][1] == "項":
                paragraph = (paragraph or 0) + step
                if last.paragraph is None or paragraph < 1:
                    return
            else:
                if last.item is None or not last.item.isdigit() or int(last.item) + step < 1:
                    return
                item = str(int(last.item) + step)
        elif paragraph is None and not item:
            return
        cited = self._cite(match.start(), match.end(), last.law, last.article)
        yield self._remember(
            replace(
                cited,
                paragraph=paragraph,
                item=_number(item) if item else None,
                suffix=_suffix(match["part_suffix"]),
            )
        )

    def _parts(self, match: re.Match[str], start: int, base: Citation) -> Iterator[Citation]:
        """The citation of ``match`` in the article of ``base``: one, or one for 1・2項 each."""
        paragraphs = [*_shared(match["more_paragraphs"]), match["paragraph"]]
        items = [*_shared(match["more_items"]), match["item"]]
        for paragraph in paragraphs:
            for item in items:
                last_one = (paragraph, item) == (paragraphs[-1], items[-1])
                branch = match["item_branch"] if last_one else None
                yield self._remember(
                    replace(
                        self._cite(start, match.end(), base.law, base.article),
                        paragraph=kanji_to_int(paragraph) if paragraph else base.paragraph,
                        item=_number(item, branch) if item else None,
                        suffix=_suffix(match["suffix"]),
                        subitem=match["subitem"],
                    )
                )

    def _owner(self, start: int) -> _Owner | None:
        """The law that the article beginning at ``start`` belongs to."""
        previous = self.previous
        if previous:
            prefix = "附則" if previous.article.startswith("附則") else ""
            joined = self.plain[previous.end : start]
            if patterns.CONNECTOR.fullmatch(joined):
                return _Owner(start, previous.law, prefix)
            if joined.endswith("附則") and patterns.CONNECTOR.fullmatch(joined[:-2]):
                return _Owner(start - 2, previous.law, "附則")
        window = max(0, start - 300)
        if named := self._law_ending_at(start):
            return _Owner(named.start, named.law)
        gap = patterns.GAP.search(self.plain, window, start)
        if gap is None:
            return None
        prefix = "附則" if gap["supplement"] else ""
        certain = not gap["loose"] or not self._of_a_contract(start)
        named = self._law_ending_at(gap.start()) if certain and gap.start() < start else None
        if named:
            return _Owner(named.start, named.law, prefix)
        if patterns.SAME_NUMBER.search(self.plain, window, start) and self.last:
            return _Owner(start - 1, self.last.law)
        if prefix and self.mentions and not self._of_a_contract(start):
            last = self._last_named(gap.start())
            if last and "。" not in self.plain[last.end : gap.start()]:
                return _Owner(gap.start("supplement"), last.law, prefix)
        return None

    def _law_ending_at(self, end: int) -> NamedLaw | None:
        """The law named right before ``end``: by an alias, by 同法, or by its name."""
        named = law_names().ending_at(self.plain, end)
        for alias, law, since in self.aliases:
            start = end - len(alias)
            if since <= start and self.plain.startswith(alias, start):
                if named and named.start < start:
                    break
                if not re.search(r"[一-龥]$", self.plain[max(0, start - 1) : start]):
                    return NamedLaw(start, end, law)
        if same := patterns.SAME_LAW.search(self.plain, max(0, end - 8), end):
            taken_up = self._same_law(same)
            return NamedLaw(same.start(), end, taken_up) if taken_up else None
        return named

    def _same_law(self, same: re.Match[str]) -> str | None:
        last = self._last_named(same.start(), same["kind"])
        cited = self.previous
        if cited and (last is None or cited.start > last.start) and not same["kind"]:
            return cited.law + (same["ordinance"] or "")
        return _taken_up(last, same) if last else None

    def _last_named(self, before: int, kind: str | None = None) -> NamedLaw | None:
        count = bisect.bisect_right(self.mentions, before, key=lambda named: named.end)
        return _of_kind(self.mentions[:count], kind)

    def _of_a_contract(self, position: int) -> bool:
        begin = max(self.plain.rfind("。", 0, position), self.plain.rfind("\n", 0, position)) + 1
        ends = [self.plain.find(mark, position) for mark in "。\n"]
        end = min((end for end in ends if end >= 0), default=len(self.plain))
        return patterns.OF_A_CONTRACT.search(self.plain, begin, end) is not None

    def _cite(self, start: int, end: int, law: str, article: str) -> Citation:
        return Citation(self.text[start:end], start, end, law, article)

    def _remember(self, citation: Citation) -> Citation:
        self.last = self.previous = citation
        return citation


def _defined_aliases(plain: str, mentions: list[NamedLaw]) -> list[tuple[str, str, int]]:
    """Short names the text defines, with the law and where they begin to hold; longest first."""
    aliases = []
    for named in mentions:
        window = plain[named.end : named.end + 200]
        bracket = patterns.IN_BRACKETS.match(window)
        found = bracket and patterns.DEFINED_IN_BRACKETS.search(bracket["content"])
        found = found or patterns.DEFINED_IN_SENTENCE.match(window)
        if found:
            groups = found.groupdict()
            alias = groups["alias"] or groups.get("bare")
            aliases.append((str(alias), named.law, named.end))
    return sorted(aliases, key=lambda alias: -len(alias[0]))


def _with_taken_up(plain: str, mentions: list[NamedLaw]) -> list[NamedLaw]:
    """The laws named, and 同法施行令 and the like where they are named without an article."""
    for found in re.finditer(r"同法律?(?P<ordinance>施行令|施行規則|施行細則)", plain):
        law = _of_kind([m for m in mentions if m.end <= found.start()], None)
        if law:
            mentions.append(NamedLaw(found.start(), found.end(), law.law + found["ordinance"]))
    return sorted(mentions, key=lambda named: named.end)


def _of_kind(mentions: list[NamedLaw], kind: str | None) -> NamedLaw | None:
    """The last law of a kind (規則, 令 …); without a kind the last that is no ordinance."""
    for named in reversed(mentions):
        ordinance = named.law.endswith(("令", "規則", "細則"))
        if named.law.endswith(kind) if kind else not ordinance:
            return named
    return _of_kind(mentions, None) if kind in {"施行令", "施行規則"} else None


def _taken_up(named: NamedLaw, same: re.Match[str]) -> str:
    kind = same["kind"]
    if kind and not named.law.endswith(kind):
        return named.law + str(kind)
    return named.law + (same["ordinance"] or "")


def _shared(numbers: str | None) -> list[str]:
    return re.findall(r"[0-9]+", numbers or "")


def _number(main: str, branches: str | None = None) -> str:
    parts = [*main.split("_"), *re.findall(patterns.NUMBER, branches or "")]
    return "_".join(str(kanji_to_int(part)) for part in parts)


def _suffix(written: str | None) -> str | None:
    return "ただし書" if written and written.startswith("但") else written
