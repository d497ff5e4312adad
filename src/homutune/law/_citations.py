"""Citations of articles in running Japanese text.

Made for answers, contracts and questions, not for statute text: a law must be named (or taken up
again by 同法, 同条, a short name the text defined), because a bare 第5条 is a clause of the
contract at hand.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from homutune.law import _patterns as patterns
from homutune.law._mentions import Mentions, with_ordinance
from homutune.law._names import NamedLaw, law_names
from homutune.law._text import half_width, kanji_to_int

#: What the words between a law's name and an article can end with; saves most of the searches.
_GAP_ENDS = frozenset("」』】)(「『【のはもるくして上中ちう、,則抄同 \n\t")
#: How far, in characters, a word like 前条 and the look at its sentence reach.
_REACH = 300


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
        self.mentions = Mentions(plain)
        #: What 同条 takes up: None after a bare 第5条, which is a clause of some contract.
        self.last: Citation | None = None
        #: What a list goes on from, whatever stood between.
        self.previous: Citation | None = None
        #: Where the last article without a law stood.
        self.bare = -1

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
        if owner is None and self.last and self._goes_on(match):
            owner = _Owner(start, self.last.law)
        if owner is None:
            self.last, self.bare = None, match.start()
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
        if not self._near(last.end, match.start()) or self._of_a_contract(match.start()):
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
        mark = match.groupdict().get("mark")
        written = str(int(unicodedata.numeric(mark))) if mark else match["paragraph"]
        paragraphs = [*_shared(match["more_paragraphs"]), written]
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
        if previous and start - previous.end <= _REACH:
            prefix = "附則" if previous.article.startswith("附則") else ""
            joined = self.plain[previous.end : start]
            if patterns.CONNECTOR.fullmatch(joined):
                return _Owner(start, previous.law, prefix)
            if joined.endswith("附則") and patterns.CONNECTOR.fullmatch(joined[:-2]):
                return _Owner(start - 2, previous.law, "附則")
        window = max(0, start - _REACH)
        if named := self._law_ending_at(start):
            return _Owner(named.start, named.law)
        if self.plain[start - 1 : start] not in _GAP_ENDS:
            return None
        gap = patterns.GAP.search(self.plain, window, start)
        if gap is None:
            return None
        prefix = "附則" if gap["supplement"] else ""
        certain = not gap["loose"] or not self._of_a_contract(start)
        named = self._law_ending_at(gap.start()) if certain and gap.start() < start else None
        if named:
            old = patterns.AS_IT_WAS.search(gap[0]) and not named.law.startswith("旧")
            return _Owner(named.start, ("旧" if old else "") + named.law, prefix)
        if patterns.SAME_NUMBER.search(self.plain, window, start) and self.last:
            return _Owner(start - 1, self.last.law)
        if prefix and not self._of_a_contract(start):
            last = self.mentions.last(gap.start())
            if last and self._near(last.end, gap.start(), "。\n"):
                return _Owner(gap.start("supplement"), last.law, prefix)
        return None

    def _law_ending_at(self, end: int) -> NamedLaw | None:
        """The law named right before ``end``: by an alias, by its name, or by 同法."""
        named = law_names().ending_at(self.plain, end)
        alias = self.mentions.alias_ending_at(end)
        if alias and (named is None or named.start >= alias.start):
            return alias
        same = patterns.SAME_LAW.search(self.plain, max(0, end - 8), end)
        if same is None:
            return named
        last, cited = self.mentions.last(same.start(), same["kind"]), self.previous
        law = last.law if last else None
        if cited and not same["kind"] and (last is None or cited.start > last.start):
            law = cited.law
        return NamedLaw(same.start(), end, with_ordinance(law, same)) if law else None

    def _goes_on(self, match: re.Match[str]) -> bool:
        """Whether a bare 29条 goes on with the law cited before in the same sentence.

        Clauses of a contract are written 第29条, or stand in a sentence that speaks of one.
        """
        last, start = self.last, match.start()
        if last is None or match["shared"] or not match[0][0].isdigit():
            return False
        if not self._near(last.end, start, "。\n") or self._of_a_contract(start):
            return False
        begin = max(0, last.start - _REACH)
        sentence = max(self.plain.rfind(mark, begin, last.start) for mark in "。\n")
        if self.bare > sentence or not patterns.BEFORE_FURTHER.search(self.plain, last.end, start):
            return False
        laws = law_names().laws(last.law)
        return bool(laws) and _number(match["article"], match["branch"]) in laws[0].articles

    def _of_a_contract(self, position: int) -> bool:
        """Whether the sentence around ``position`` speaks of a contract."""
        before = re.split(r"[。\n]", self.plain[max(0, position - _REACH) : position])[-1]
        after = re.split(r"[。\n]", self.plain[position : position + _REACH], maxsplit=1)[0]
        return patterns.OF_A_CONTRACT.search(before + after) is not None

    def _near(self, end: int, start: int, borders: str = "\n") -> bool:
        """Whether ``start`` follows ``end`` closely, with no border in between."""
        if start - end > _REACH:
            return False
        return not any(border in self.plain[end:start] for border in borders)

    def _cite(self, start: int, end: int, law: str, article: str) -> Citation:
        return Citation(self.text[start:end], start, end, law, article)

    def _remember(self, citation: Citation) -> Citation:
        self.last = self.previous = citation
        return citation


def _shared(numbers: str | None) -> list[str]:
    return re.findall(r"[0-9]+", numbers or "")


def _number(main: str, branches: str | None = None) -> str:
    parts = [*main.split("_"), *re.findall(patterns.NUMBER, branches or "")]
    return "_".join(str(kanji_to_int(part)) for part in parts)


def _suffix(written: str | None) -> str | None:
    return "ただし書" if written and written.startswith("但") else written
