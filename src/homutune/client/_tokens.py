"""Tokens counted before a request is made: with OpenAI's o200k, an estimate for other models."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

#: What the markers around a message cost (OpenAI Cookbook).
_PER_MESSAGE = 4


@functools.cache
def _encoding() -> Any:
    # The table comes with the package; building it takes a tenth of a second.
    import bpe_openai

    return bpe_openai.get_encoding("o200k_base")


def count_tokens(text: str) -> int:
    """Tokens of ``text``."""
    return len(_encoding().encode_ordinary(text))


def count_message_tokens(messages: Iterable[Mapping[str, Any]]) -> int:
    """Tokens of ``messages`` with their markers."""
    return sum(_PER_MESSAGE + count_tokens(str(m.get("content") or "")) for m in messages)
