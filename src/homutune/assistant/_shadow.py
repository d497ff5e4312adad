"""A copy of the text made for matching, with the way back to the text as it is written.

Line breaks and spaces inside a sentence, full-width digits and the radicals that PDF fonts give
for ordinary kanji would make a clause that is there look missing. They are evened out here and
only here: every quote is taken from the text itself.
"""

from __future__ import annotations

import bisect
import unicodedata

# Zero-width and direction marks (Cf), variation selectors: seen by nobody.
_SELECTORS = range(0xFE00, 0xFE10)
#: Radicals of the Kangxi and CJK supplement blocks, full-width forms, compatibility kanji.
#: Not ①, ⅳ and the like: NFKC would make 12iv of ①②ⅳ.
_FOLDED = ((0x2E80, 0x2FDF), (0xF900, 0xFAFF), (0xFF00, 0xFFEF), (0x3200, 0x321E), (0x3231, 0x3231))
_SAME = {"〜": "~", "～": "~", "―": "ー", "‐": "-", "−": "-", "ヶ": "か", "ヵ": "か", "箇": "か"}
# 6ヶ月, 6カ月, 六箇月, 6か月 are one thing; カ is only folded before 月・年・所・国.
_COUNTERS = "月年所国"


class Shadow:
    """The evened-out form of ``text``; ``offsets[i]`` is where its character ``i`` comes from."""

    def __init__(self, text: str) -> None:
        characters: list[str] = []
        offsets: list[int] = []
        for offset, char in enumerate(text):
            # （以下「甲」という。） does not end the sentence it stands in.
            if char == "。" and text[offset + 1 : offset + 2] in ("）", ")"):
                continue
            for folded in _fold(char):
                characters.append(folded)
                offsets.append(offset)
        for index in range(1, len(characters) - 1):
            if characters[index] in "カケ" and characters[index + 1] in _COUNTERS:
                before = characters[index - 1]
                if before.isdigit() or before in "〇一二三四五六七八九十数":
                    characters[index] = "か"
        self.text = "".join(characters)
        self.offsets = offsets
        self._end = len(text)

    def index(self, offset: int) -> int:
        """The first position of the shadow that lies at or behind ``offset`` of the text."""
        return bisect.bisect_left(self.offsets, offset)

    def slice(self, start: int, end: int) -> str:
        """The shadow of ``text[start:end]``."""
        return self.text[self.index(start) : self.index(end)]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where shadow[start:end] stands in the text."""
        if start >= end:
            at = self.offsets[start] if start < len(self.offsets) else self._end
            return at, at
        return self.offsets[start], self.offsets[end - 1] + 1


def _fold(char: str) -> str:
    if "一" <= char <= "鿿":
        return "か" if char == "箇" else char
    if char in _SAME:
        return _SAME[char]
    code = ord(char)
    if char.isspace() or code in _SELECTORS or unicodedata.category(char) == "Cf":
        return ""
    if any(low <= code <= high for low, high in _FOLDED):
        return unicodedata.normalize("NFKC", char).replace(" ", "")
    return char


def invisible_characters(text: str) -> list[str]:
    """Names of the characters in ``text`` that are drawn nowhere (zero width, direction, tags)."""
    return sorted(
        {
            unicodedata.name(char, f"U+{ord(char):04X}")
            for char in text
            if unicodedata.category(char) == "Cf" and char != "\ufeff"
        }
    )
