"""Citations of articles in running Japanese text.

Made for answers, contracts and questions, not for statute text: a law must be named (or
taken up again by 同法・同条), because a bare 第5条 is a clause of the contract at hand. 前条
and 前項 are left out for the same reason: they depend on the document they stand in.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

from homutune.law._names import LAW_NAME, canonical_law
from homutune.law._text import half_width, kanji_to_int

_NUM = r"(?:[0-9]+|[〇一二三四五六七八九十百千]+)"
# 709条の2つの要件, 第三条の一部: a counted thing, not a branch number.
_BRANCH = (
    r"の(?:[0-9]+(?![0-9]|[つ個人年月日点種者回件度倍社通割項号かヶヵカ週時分%％])"
    r"|[一二三四五六七八九十]+(?![つ一二三四五六七八九十]|(?![第前後本柱但及又並若])[一-龥]))"
)
_SUFFIX = r"(?:ただし書|但し?書|前段|中段|後段|本文|柱書)"
_PARAGRAPH = rf"(?:第?\s?(?P<paragraph>{_NUM})\s?項(?!目))"
_ITEM = rf"(?:第?\s?(?P<item>{_NUM})\s?号(?P<item_branch>(?:{_BRANCH})*)(?![室機棟車館線]))"
_TAIL = rf"(?:\s?の?{_PARAGRAPH})?(?:\s?{_ITEM})?(?:\s?(?P<suffix>{_SUFFIX})き?)?"

_ARTICLE = re.compile(
    rf"(?:(?P<same>同条)|第?\s?(?P<article>{_NUM})\s?条(?![件約例文理])(?P<branch>(?:{_BRANCH})*)){_TAIL}"
)
_MORE = re.compile(
    rf"(?=第?\s?{_NUM}\s?[項号]){_PARAGRAPH}?\s?{_ITEM}?(?:\s?(?P<suffix>{_SUFFIX})き?)?"
)
_CONNECTOR = re.compile(
    r"(?:\([^()]{0,40}\))?(?:まで)?\s?(?:[、，,・/／~〜～]|及び|および|又は|または|並びに|ならびに|若しくは|もしくは"
    r"|ないし|乃至|から|と|や)+\s?"
)
_SAME_LAW = re.compile(
    r"同(?:法律?(?P<ordinance>施行令|施行規則|施行細則)?|(?P<kind>規則|政令|省令|府令|条例|令))$"
)
_GAP = re.compile(r"(?:\([^()]*\)|[」』】])*\s?の?(?P<supplement>附則)?(?:抄)?\s?$")
_DEFINITION = re.compile(r"以下、?(?:単に|本書面?で)?「(?P<alias>[^」]{1,20})」と")


@dataclass(frozen=True, slots=True)
class Citation:
    """One article named in a text; ``text[start:end]`` is what was written."""

    text: str
    start: int
    end: int
    #: Canonical short name, e.g. 個人情報保護法.
    law: str
    #: ``"548_2"`` for 第548条の2; supplementary provisions as ``"附則2"``.
    article: str
    paragraph: int | None = None
    #: ``"2"``, or ``"6_2"`` for 6号の2.
    item: str | None = None
    #: ただし書, 前段, 後段, 中段, 本文 or 柱書.
    suffix: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Law and article: what two citations are compared by."""
        return self.law, self.article

    @property
    def label(self) -> str:
        """The normal form, e.g. 民法566条1項, 民法548条の2第3項."""
        supplement = "附則" if self.article.startswith("附則") else ""
        number, *branches = self.article.removeprefix("附則").split("_")
        label = f"{self.law}{supplement}{number}条" + "".join(f"の{part}" for part in branches)
        if self.paragraph is not None:
            label += f"{'第' if branches else ''}{self.paragraph}項"
        if self.item is not None:
            first, *rest = self.item.split("_")
            needs_mark = bool(branches) and self.paragraph is None
            label += f"{'第' if needs_mark else ''}{first}号" + "".join(f"の{p}" for p in rest)
        return label + (self.suffix or "")


def extract_citations(text: str) -> list[Citation]:
    """All articles of named laws in ``text``, in order.

    Takes half- and full-width digits and 漢数字, 第 or none, 枝番, 項, 号, ただし書 and the like,
    lists (民法709条、710条及び715条; of a range both ends), 附則, 同法 and 同条, and short names
    the text defines itself (以下「法」という).
    """
    plain = half_width(text)
    laws = [
        _Law(match.start(), match.end(), law)
        for match in LAW_NAME.finditer(plain)
        if (law := canonical_law(match[0]))
    ]
    aliases = _defined_aliases(plain, laws)
    found: list[Citation] = []
    # What 同条 takes up: None after a bare 第5条, which is a clause of some contract.
    last: Citation | None = None
    position = 0
    while match := _ARTICLE.search(plain, position):
        position = match.end()
        start = match.start()
        if match["same"]:
            if last is None:
                continue
            law, article = last.law, last.article
        else:
            owner = _owner(plain, start, laws, aliases, found[-1] if found else None)
            if owner is None:
                last = None
                continue
            law, start = owner.law, owner.start
            article = owner.prefix + _number(match["article"], match["branch"])
        last = _citation(text, start, match, law, article)
        found.append(last)
        # 415条1項及び2項: further paragraphs or items of the same article.
        while (joint := _CONNECTOR.match(plain, position)) and (
            more := _MORE.match(plain, joint.end())
        ):
            last = _citation(text, more.start(), more, law, article, last.paragraph)
            found.append(last)
            position = more.end()
    return found


@dataclass(frozen=True, slots=True)
class _Law:
    """A law named in the text, or the law an article belongs to (``start``: where that begins)."""

    start: int
    end: int
    law: str
    prefix: str = ""


def _defined_aliases(plain: str, laws: list[_Law]) -> dict[str, str]:
    """Short names introduced as （以下「法」という。） right behind a law's name."""
    aliases = {}
    for named in laws:
        bracket = re.match(r"[」』]?\([^()]*\)", plain[named.end : named.end + 120])
        if bracket and (definition := _DEFINITION.search(bracket[0])):
            aliases[definition["alias"]] = named.law
    return aliases


def _owner(
    plain: str,
    start: int,
    laws: list[_Law],
    aliases: dict[str, str],
    previous: Citation | None,
) -> _Law | None:
    """The law that the article beginning at ``start`` belongs to."""
    if previous and _CONNECTOR.fullmatch(plain, previous.end, start):
        prefix = "附則" if previous.article.startswith("附則") else ""
        return _Law(start, start, previous.law, prefix)
    count = bisect.bisect_right(laws, start, key=lambda named: named.end)
    nearest = laws[count - 1] if count else None
    if nearest and (gap := _GAP.fullmatch(plain, nearest.end, start)):
        return _Law(nearest.start, start, nearest.law, gap["supplement"] or "")
    window = max(0, start - 200)
    before = plain[window:start]
    gap = _GAP.search(before)
    prefix = (gap["supplement"] or "") if gap else ""
    before = before[: gap.start()] if gap else before
    if same := _SAME_LAW.search(before):
        named = (law.law for law in reversed(laws[:count]))
        taken_up = next((law for law in named if law.endswith(same["kind"] or "")), None)
        if taken_up is None:
            return None
        return _Law(window + same.start(), start, taken_up + (same["ordinance"] or ""), prefix)
    for alias, law in aliases.items():
        head = before.removesuffix(alias)
        if head != before and not re.search(r"[一-龥]$", head):
            return _Law(window + len(head), start, law, prefix)
    return None


def _number(main: str, branches: str | None) -> str:
    parts = [main, *re.findall(_NUM, branches or "")]
    return "_".join(str(kanji_to_int(part)) for part in parts)


def _citation(
    text: str,
    start: int,
    match: re.Match[str],
    law: str,
    article: str,
    paragraph: int | None = None,
) -> Citation:
    if match["paragraph"]:
        paragraph = kanji_to_int(match["paragraph"])
    suffix = match["suffix"]
    if suffix and suffix.startswith("但"):
        suffix = "ただし書"
    return Citation(
        text=text[start : match.end()],
        start=start,
        end=match.end(),
        law=law,
        article=article,
        paragraph=paragraph,
        item=_number(match["item"], match["item_branch"]) if match["item"] else None,
        suffix=suffix,
    )
