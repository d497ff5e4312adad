"""Text brought to one form, and Japanese numerals."""

from __future__ import annotations

import re
import unicodedata

_DIGITS = {char: value for value, char in enumerate("〇一二三四五六七八九")}
_UNITS = {"十": 10, "百": 100, "千": 1000}

#: One to one, so that offsets stay those of the text as given (NFKC would move them).
_HALF_WIDTH = str.maketrans(
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {"　": " ", "‐": "-", "－": "-"}
)


def normalize(text: str) -> str:
    """NFKC without any whitespace: the form in which rubric points are looked for in answers.

    >>> normalize("１年 以内")
    '1年以内'
    """
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def half_width(text: str) -> str:
    """ASCII characters and spaces in half width; every character keeps its offset."""
    return text.translate(_HALF_WIDTH)


def kanji_to_int(numeral: str) -> int:
    """``三百六十二`` → 362, ``一〇三`` → 103, ``42`` → 42 (below 10,000).

    Raises:
        ValueError: a character is no numeral.
    """
    if numeral.isascii():
        return int(numeral)
    total, current = 0, 0
    for char in numeral:
        if char in _UNITS:
            total += (current or 1) * _UNITS[char]
            current = 0
        elif char in _DIGITS:
            current = current * 10 + _DIGITS[char]
        else:
            raise ValueError(f"not a numeral: {numeral!r}")
    return total + current
