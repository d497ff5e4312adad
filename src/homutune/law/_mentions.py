"""Which laws a text names, and the short names it defines for them.

Needed to read 同法 and （以下「法」という。）; a text with neither is not searched at all.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator

from homutune.law import _patterns as patterns
from homutune.law._names import NamedLaw, law_names

# 会社法人, 法令 and the like name no law.
_NAME_ENDS = re.compile(
    r"(?:法律|法|憲法|民訴|刑訴|規則|細則|(?<!法)令|条例|条約|CISG)"
    r"(?![人典令律学制務的理則廷曹定益源規]|第[一二三四五六七八九十百千0-9]+号)"
)
_SAME_ORDINANCE = re.compile(r"同法律?(?P<ordinance>施行令|施行規則|施行細則)")


class Mentions:
    """The laws named in a text (half width), with or without an article."""

    def __init__(self, plain: str) -> None:
        self._plain = plain
        self._laws: list[NamedLaw] = []
        if patterns.TAKES_UP.search(plain):
            self._laws = list(_named_laws(plain))
            again = [
                NamedLaw(found.start(), found.end(), law.law + found["ordinance"])
                for found in _SAME_ORDINANCE.finditer(plain)
                if (law := self.last(found.start()))
            ]
            self._laws = sorted(self._laws + again, key=lambda named: named.end)
        self._aliases = list(self._defined())

    def last(self, before: int, kind: str | None = None) -> NamedLaw | None:
        """The last law of a kind (規則, 令 …) before a place; without a kind, no ordinance."""
        count = bisect.bisect_right(self._laws, before, key=lambda named: named.end)
        for position in range(count - 1, -1, -1):
            named = self._laws[position]
            ordinance = named.law.endswith(("令", "規則", "細則"))
            if named.law.endswith(kind) if kind else not ordinance:
                return named
        # 同施行規則 of a law whose 施行規則 was not named yet.
        return self.last(before) if kind in {"施行令", "施行規則"} else None

    def alias_ending_at(self, end: int) -> NamedLaw | None:
        """The law whose defined short name ends at ``end``."""
        for alias, law, since in self._aliases:
            start = end - len(alias)
            whole = not re.search(r"[一-龥]\Z", self._plain[max(0, start - 1) : max(0, start)])
            if since <= start and whole and self._plain.startswith(alias, start):
                return NamedLaw(start, end, law)
        return None

    def _defined(self) -> Iterator[tuple[str, str, int]]:
        """Short names with their law and where they begin to hold."""
        for named in self._laws:
            window = self._plain[named.end : named.end + 200]
            bracket = patterns.IN_BRACKETS.match(window)
            found = bracket and patterns.DEFINED_IN_BRACKETS.search(bracket["content"])
            found = found or patterns.DEFINED_IN_SENTENCE.match(window)
            if found:
                groups = found.groupdict()
                yield str(groups["alias"] or groups.get("bare")), named.law, named.end


def with_ordinance(law: str, same: re.Match[str]) -> str:
    """The law that 同法施行令, 同施行令 or 同規則 means after ``law``."""
    kind = same["kind"]
    return law + kind if kind and not law.endswith(kind) else law + (same["ordinance"] or "")


def _named_laws(text: str) -> Iterator[NamedLaw]:
    names = law_names()
    previous: NamedLaw | None = None
    for match in _NAME_ENDS.finditer(text):
        named = names.ending_at(text, match.end())
        if named is None:
            continue
        if previous and named.start > previous.start:
            yield previous
        previous = named
    if previous:
        yield previous
