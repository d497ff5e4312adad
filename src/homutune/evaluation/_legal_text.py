"""A legal text in one form, with its citations set apart and the way back to its offsets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from homutune.law import Citation, extract_citations

#: Stands for every character of a citation, so that 566条1項 is no number and no word.
BLANK = "\ufffc"
# A voiced half-width kana is two characters that NFKC joins: ｶﾞ.
_CLUSTER = re.compile(r".[\uff9e\uff9f\u3099\u309a]*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LegalText:
    """``plain``: NFKC, no white space, a line break as 。; ``body``: the same without citations.

    Both have one length; ``span`` leads from their offsets to those of ``text``.
    """

    text: str
    plain: str
    body: str
    citations: tuple[Citation, ...]
    _starts: tuple[int, ...]
    _ends: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> LegalText:
        """Normalise ``text`` and find its citations."""
        plain: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for cluster in _CLUSTER.finditer(text):
            written = cluster[0]
            shape = "。" if written == "\n" else unicodedata.normalize("NFKC", written)
            for char in "".join(shape.split()):
                plain.append(char)
                starts.append(cluster.start())
                ends.append(cluster.end())
        joined = "".join(plain)
        citations = tuple(extract_citations(joined))
        body = joined
        for citation in citations:
            blank = BLANK * (citation.end - citation.start)
            body = body[: citation.start] + blank + body[citation.end :]
        return cls(text, joined, body, citations, tuple(starts), tuple(ends))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in ``text`` of ``plain[start:end]`` (not empty)."""
        return self._starts[start], self._ends[end - 1]

    def sentences(self) -> Iterator[tuple[int, int]]:
        """Begin and end of every sentence of ``body``."""
        for match in re.finditer(r"[^。!?]+", self.body):
            yield match.start(), match.end()

    def context(self, start: int, end: int, width: int = 14) -> str:
        """What stands around ``body[start:end]`` in its sentence, the place itself left out."""
        left = re.split(r"[。!?]", self.body[max(0, start - width) : start])[-1]
        right = re.split(r"[。!?]", self.body[end : end + width])[0]
        return f"{left}|{right}".replace(BLANK, "")


def likeness(a: str, b: str) -> float:
    """Dice coefficient of the character bigrams, 0 to 1; 1 for two empty texts."""
    left, right = _bigrams(a), _bigrams(b)
    if not left and not right:
        return 1.0
    return 2 * len(left & right) / (len(left) + len(right))


def _bigrams(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1)}
