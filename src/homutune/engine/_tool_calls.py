"""Tool calls in the form most open models write them (Hermes, Qwen): JSON between two tags."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

#: Opens a call; a template that does not speak of it writes its calls in another form.
OPENING = "<tool_call>"
_CALL = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)


class ToolCall(NamedTuple):
    """A function to call; ``arguments`` is JSON text."""

    name: str
    arguments: str


def parse_tool_calls(text: str) -> tuple[str, list[ToolCall]]:
    """The text outside of calls, and the calls; what cannot be read as a call stays text."""
    calls = []

    def take(match: re.Match[str]) -> str:
        try:
            call = json.loads(match[1])
            arguments = json.dumps(call.get("arguments", {}), ensure_ascii=False)
            calls.append(ToolCall(str(call["name"]), arguments))
        except (ValueError, KeyError, AttributeError):
            return match[0]
        return ""

    return _CALL.sub(take, text).strip(), calls
