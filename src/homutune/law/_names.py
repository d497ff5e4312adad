"""Names of laws: what lawyers write, the one short name we compare by, and the laws they mean.

The names come from three places: the titles and law numbers of the index, ``names.yaml`` (通称 and
略称), and ``changes.yaml`` (laws renamed, renumbered or repealed). ``amendments.yaml`` holds what
is known to have changed since the date of the index.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from homutune.law._index import Law, law_index
from homutune.law._text import half_width

_ORDINANCE = re.compile(r"施行(?:令|規則|細則)\Z")
# These end with \\Z, as $ would also match before a line break, and no name goes on over one.
_WORD = "[一-龥々ァ-ヺーA-Za-z]"

#: 旧民法, 改正前の民法: the law as it was. 改正民法, 新民法: the law as it is.
_PREFIX = re.compile(r"(?P<old>旧|改正前の?)\Z|(?:改正後の?|改正|現行|新)\Z")
#: What may stand right before a short name without being part of it; after any other kanji the
#: whole run is another law (韓国民法, 東京都暴力団排除条例).
_JOINT = re.compile(
    r"(?:本件|日本|[上前下]記|[上前]掲|[上前]述|原則|通常|他方|一方|関係|特|当該|同|各|等|根拠|参照|場合|以上|以下"
    r"|際|時|後|前|条|項|号|円|点|例|現在|以降|以後|結果|我が国)\Z"
)
_RUN = re.compile(rf"(?:(?!第){_WORD})+\Z")
#: From this length on a name is not mistaken for the end of a longer one.
_LONG_NAME = 8
_UNKNOWN = (
    re.compile(
        r"(?!第)[一-龥々ァ-ヺー](?:[一-龥々ァ-ヺー・のにをる]|及び|又は|並びに|その他|する|等){1,60}?"
        r"(?:に関する|の一部を改正する|のための)(?:法律|条例)(?:施行(?:令|規則|細則))?\Z"
    ),
    re.compile(
        rf"(?:(?!第){_WORD}){{2,30}}?(?:法律|法|条例)(?:施行(?:令|規則|細則))?\Z",
    ),
)
#: Runs that end like a law and are none.
_NO_LAW = re.compile(
    r"(?:^(?:[同本当各他新旧右左]|当該|この|その|[前上]掲|前述|上述)?法律?|年(?:法律|政令|省令|府令)|[方手用作技療文寸製工解話論戦兵剣魔違適"
    r"合不無司立公私]法|準拠法|国内法|外国法|実体法|手続法|特別法|一般法|新法|旧法|現行法|国際法|判例法|慣習法"
    r"|成文法|自然法|強行法|関係法|関連法|関係法律|適用法|根拠法|各種法|業法|税法|労働法|個別法|上位法|施行法|"
    r"本条例|同条例|当条例|該条例|関係条例)\Z"
)
_LEADING = re.compile(
    r"^(?:改正後?|現行|新|本件|日本|[上前下]記|[上前]掲|原則|通常|他方|一方|関係|特)"
)


@dataclass(frozen=True, slots=True)
class Change:
    """A law that was renamed, renumbered or repealed, as ``changes.yaml`` tells."""

    old: str
    now: str
    #: ISO date, "" where we do not know it.
    since: str
    note: str
    #: Old article number → new one; empty where the numbers were not compared.
    articles: dict[str, str]
    #: Whether ``articles`` holds every article of the old law.
    complete: bool
    #: Provisions that moved within their article: 4条2項2号 → 5条1項2号.
    provisions: dict[str, str]


@dataclass(frozen=True, slots=True)
class NamedLaw:
    """A law named in a text, from ``start`` to ``end``, by its short name."""

    start: int
    end: int
    law: str


class LawNames:
    """All names of laws; texts are expected in :func:`half_width` form."""

    def __init__(self) -> None:
        self.changes = {old: _change(old, row) for old, row in _read("changes.yaml").items()}
        #: short name → a sentence about an amendment younger than the index.
        self.amendments: dict[str, str] = _read("amendments.yaml")
        self._known: dict[str, str] = {}
        #: short name → official title, for the laws that have both.
        self._titles: dict[str, str] = {}
        index = law_index()
        short_of = {}
        for short, others in _read("names.yaml").items():
            self._known.update(dict.fromkeys(map(half_width, (short, *others)), short))
            title = next((name for name in (short, *others) if name in index), None)
            if title:
                self._titles[short] = title
                short_of[title] = short
        for old, row in _read("changes.yaml").items():
            self._known.update(dict.fromkeys(map(half_width, (old, *row["titles"])), old))
            for title in filter(index.__contains__, (old, *row["titles"])):
                self._titles[old] = title
        for title, law_num in index.titles():
            name = short_of.get(title) or _short_ordinance(title, short_of)
            if name != title:
                self._titles.setdefault(name, title)
            name = self._known.setdefault(half_width(title), name)
            if law_num:  # a few 臨時措置法 come without one
                self._known.setdefault(law_num, name)
        # Longest first, by last character: most characters of a text end no name at all.
        lengths: dict[str, set[int]] = {}
        for known in self._known:
            lengths.setdefault(known[-1:], set()).add(len(known))
        self._lengths = {last: sorted(some, reverse=True) for last, some in lengths.items()}

    def short(self, name: str) -> str | None:
        """The short name of the law whose name is exactly ``name``."""
        return self._known.get(half_width(name))

    def laws(self, short: str) -> list[Law]:
        """What the index knows under a short name; [] for a law it does not hold."""
        return law_index().find(self._titles.get(short, short))

    def names_of(self, law: Law) -> list[str]:
        """Every name by which ``law`` is found but its law number."""
        short = self._known.get(half_width(law.title), law.title)
        return [name for name, of in self._known.items() if of == short and name != law.law_num]

    def known_names(self, like: str) -> list[str]:
        """The names that begin like ``like``, to be offered where it is none."""
        return [name for name in self._known if name[:1] == half_width(like)[:1]]

    def ending_at(self, text: str, end: int) -> NamedLaw | None:
        """The law whose name ends at ``end``, be it known to us or only look like one."""
        named = self._ending_at(text, end)
        if ordinance := _ORDINANCE.search(text, max(0, end - 4), end):
            parent = self._ending_at(text, ordinance.start())
            if parent and (named is None or parent.start < named.start):
                return NamedLaw(parent.start, end, parent.law + ordinance[0])
        return named

    def _ending_at(self, text: str, end: int) -> NamedLaw | None:
        start, law = self._longest(text, end)
        if law is None:
            return _unknown(text, end)
        before = text[max(0, start - 30) : start]
        if prefix := _PREFIX.search(before):
            return NamedLaw(start - len(prefix[0]), end, ("旧" if prefix["old"] else "") + law)
        run = _RUN.search(before)
        if run and end - start < _LONG_NAME and not _JOINT.search(before):
            return NamedLaw(start - len(run[0]), end, run[0] + text[start:end])
        return NamedLaw(start, end, law)

    def _longest(self, text: str, end: int) -> tuple[int, str | None]:
        for length in self._lengths.get(text[end - 1 : end], ()):
            if length <= end and (law := self._known.get(text[end - length : end])):
                return end - length, law
        return end, None


def _unknown(text: str, end: int) -> NamedLaw | None:
    """A name we do not know, but which is built like a law's."""
    window = max(0, end - 80)
    for pattern in _UNKNOWN:
        match = pattern.search(text[window:end])
        if match:
            name = _LEADING.sub("", match[0])
            # Both ways: 特別法 must not become 別法, nor 上記法律 the name 法律.
            if any(_NO_LAW.search(_ORDINANCE.sub("", one)) for one in (match[0], name)):
                return None
            return NamedLaw(end - len(name), end, name)
    return None


def _short_ordinance(title: str, short_of: dict[str, str]) -> str:
    """個人情報の保護に関する法律施行規則 → 個人情報保護法施行規則."""
    ordinance = _ORDINANCE.search(title)
    parent = short_of.get(title[: ordinance.start()]) if ordinance else None
    return f"{parent}{ordinance[0]}" if parent and ordinance else title


def _change(old: str, row: dict[str, Any]) -> Change:
    return Change(
        old=old,
        now=row["now"],
        since=str(row.get("since", "")),
        note=row.get("note", ""),
        articles=row.get("articles", {}),
        complete=row.get("complete", False),
        provisions=row.get("provisions", {}),
    )


@functools.cache
def _read(name: str) -> dict[str, Any]:
    text = (resources.files("homutune.law") / name).read_text("utf-8")
    # The C loader is ten times faster; not every installation of PyYAML has it.
    loaded: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return loaded


@functools.cache
def law_names() -> LawNames:
    """The names of the package; built once per process, on first use."""
    return LawNames()


def canonical_law(name: str) -> str | None:
    """The short name by which we compare, or None where ``name`` is not a law.

    An unknown name ending like a law is returned as it is. 旧 is kept: 旧民法570条 is not
    民法570条.
    """
    name = half_width(name.strip())
    named = law_names().ending_at(name, len(name)) if name else None
    return named.law if named and named.start == 0 else None
