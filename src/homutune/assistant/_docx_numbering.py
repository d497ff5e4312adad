"""Word's automatic numbers: 第1条, 2. and (3) that stand in no text of the file."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_KANJI = "〇一二三四五六七八九"
_IROHA = (
    "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス"
)
_AIUEO = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
)
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


class Numbering:
    """Counts the numbered paragraphs of a document, in order, and tells their labels."""

    def __init__(self, root: Any) -> None:
        self._levels: dict[str, dict[int, Any]] = {}
        self._counters: dict[str, dict[int, int]] = defaultdict(dict)
        abstract: dict[str, dict[int, Any]] = {}
        self._abstract_of: dict[str, str] = {}
        if root is None:
            return
        for item in root.iter(f"{_W}abstractNum"):
            abstract[item.get(f"{_W}abstractNumId")] = {
                int(level.get(f"{_W}ilvl", "0")): level for level in item.iter(f"{_W}lvl")
            }
        for number in root.iter(f"{_W}num"):
            link = number.find(f"{_W}abstractNumId")
            key, value = number.get(f"{_W}numId"), link.get(f"{_W}val") if link is not None else ""
            self._levels[key] = dict(abstract.get(value, {}))
            # Lists that restart have a number of their own; others share the count.
            restarts = number.find(f"{_W}lvlOverride") is not None
            self._abstract_of[key] = key if restarts else f"a{value}"

    def label(self, paragraph: Any, styles: list[Any]) -> str:
        """The label of ``paragraph``, "" where it has none; counts it."""
        number_id, level = None, 0
        for holder in (paragraph, *styles):
            properties = holder.find(f"{_W}pPr/{_W}numPr")
            if properties is None:
                continue
            id_element, level_element = properties.find(f"{_W}numId"), properties.find(f"{_W}ilvl")
            if level_element is not None:
                level = int(level_element.get(f"{_W}val", "0"))
            if id_element is not None:
                number_id = id_element.get(f"{_W}val")
                break
        levels = self._levels.get(number_id or "0", {})
        if level not in levels:
            return ""
        counters = self._counters[self._abstract_of[str(number_id)]]
        counters[level] = counters.get(level, _start(levels[level]) - 1) + 1
        for deeper in [key for key in counters if key > level]:
            del counters[deeper]
        template = levels[level].find(f"{_W}lvlText")
        text = template.get(f"{_W}val", "") if template is not None else ""

        def fill(match: re.Match[str]) -> str:
            index = int(match[1]) - 1
            if index not in levels:
                return ""
            kind = levels[index].find(f"{_W}numFmt")
            name = kind.get(f"{_W}val", "decimal") if kind is not None else "decimal"
            return format_number(counters.get(index, _start(levels[index])), name)

        label = re.sub(r"%(\d)", fill, text)
        # Bullets of symbol fonts lie in the private use area.
        return label + "　" if re.search(r"[\w①-⑳㈠-㈩]", label) else ""


def _start(level: Any) -> int:
    start = level.find(f"{_W}start")
    return int(start.get(f"{_W}val", "1")) if start is not None else 1


def format_number(number: int, name: str) -> str:
    """``number`` in one of Word's number formats (``w:numFmt``, ISO/IEC 29500-1 17.18.59)."""
    if name == "decimalFullWidth":
        return str(number).translate(_FULL_WIDTH)
    if name in {"japaneseCounting", "ideographDigital", "japaneseLegal", "chineseCounting"}:
        return _kanji(number)
    if name.startswith("decimalEnclosedCircle") and number <= 20:
        return chr(ord("①") + number - 1)
    if name.startswith("iroha") and number <= len(_IROHA):
        return _IROHA[number - 1]
    if name.startswith("aiueo") and number <= len(_AIUEO):
        return _AIUEO[number - 1]
    if name in {"lowerLetter", "upperLetter"} and number <= 26:
        return chr((97 if name == "lowerLetter" else 65) + number - 1)
    return "" if name in {"bullet", "none"} else str(number)


def _kanji(number: int) -> str:
    """Below 1000."""
    text = ""
    for unit, name in ((100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            text += ("" if digit == 1 and name else _KANJI[digit]) + name
    return text
