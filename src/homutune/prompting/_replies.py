"""Reading what a model wrote: a JSON object among other text."""

from __future__ import annotations

import json
import re
from typing import Any


def json_object(reply: str) -> dict[str, Any] | None:
    """The JSON object in ``reply``; reasoning before it and a code fence around it are allowed."""
    text = re.sub(r"<think>.*?</think>", "", reply, flags=re.DOTALL)
    start = text.find("{")
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start:])
    except (json.JSONDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
