"""Personal data put back in place of its placeholders, also while an answer is still coming."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def put_back(value: Any, key: Mapping[str, str]) -> Any:
    """``value``, a text or a JSON value, with the values of ``key`` for its placeholders."""
    if not key:
        return value
    if isinstance(value, str):
        return _pattern(key).sub(lambda match: key[match[0]], value)
    if isinstance(value, list):
        return [put_back(item, key) for item in value]
    if isinstance(value, dict):
        return {put_back(name, key): put_back(item, key) for name, item in value.items()}
    return value


class StreamRestorer:
    """:func:`put_back` for pieces of text: a placeholder may be cut by the end of a piece."""

    def __init__(self, key: Mapping[str, str]) -> None:
        self._key = key
        self._held = ""
        self._beginnings = {name[:end] for name in key for end in range(1, len(name))}
        self._longest = max(map(len, key), default=0)

    def feed(self, piece: str) -> str:
        """What can be shown now."""
        text = self._held + piece
        # The earliest end of the text that may yet become a placeholder waits.
        start = max(0, len(text) - self._longest)
        cut = next((i for i in range(start, len(text)) if text[i:] in self._beginnings), len(text))
        self._held = text[cut:]
        return str(put_back(text[:cut], self._key))

    def end(self) -> str:
        """What was held back."""
        held, self._held = self._held, ""
        return held


def _pattern(key: Mapping[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(key, key=len, reverse=True))))
