"""Text brought to one form, and Japanese numerals."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

_DIGITS = {char: value for value, char in enumerate("〇一二三四五六七八九")}
_UNITS = {"十": 10, "百": 100, "千": 1000}

#: One to one, so that offsets stay those of the text as given (NFKC would move them).
_HALF_WIDTH = str.maketrans(
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {"　": " ", "‐": "-", "－": "-"}
)
#: A number in running text. Bounded, so that endless digits cost no more than they are worth.
NUMERAL = r"(?:[0-9][0-9,]{0,14}(?:\.[0-9]{1,9})?|[〇一二三四五六七八九十百千]{1,12})"
_SCALED = re.compile(rf"({NUMERAL})([千万億]*)")
_SCALE = {"千": 1_000, "万": 10_000, "億": 100_000_000}


def normalize(text: str) -> str:
    """NFKC without any whitespace: the form in which rubric points are looked for in answers.

    >>> normalize("１年 以内")
    '1年以内'
    """
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def half_width(text: str) -> str:
    """ASCII characters and spaces in half width; every character keeps its offset."""
    return text.translate(_HALF_WIDTH)


def numeral_value(written: str) -> Fraction:
    """The value of numerals with their scales: ``1億2千万`` → 120,000,000, ``二十万`` → 200,000.

    Args:
        written: :data:`NUMERAL` one or more times, each with 千, 万 or 億 behind it or without.
    """
    total = Fraction(0)
    for digits, scales in _SCALED.findall(written):
        digits = digits.replace(",", "")
        number = Fraction(digits) if digits[0].isascii() else Fraction(kanji_to_int(digits))
        for scale in scales:
            number *= _SCALE[scale]
        total += number
    return total


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
