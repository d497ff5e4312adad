"""Grammars, tool calls, and templates that know tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from homutune.engine import ChatTemplate, parse_tool_calls, schema_problem


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {"条": {"type": "integer"}}, "required": ["条"]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "items": {"type": "string"}}}},
        {"enum": ["はい", "いいえ"]},
    ],
)
def test_a_schema_that_can_be_enforced_has_no_problem(schema: dict[str, Any]) -> None:
    assert schema_problem(schema) is None


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "nonsense"}, "Invalid type"),
        ({"$ref": "#/nope"}, "does not exist"),
        ({"type": "string", "pattern": "(((("}, "regex parse error"),
        ({"enum": []}, "Unsatisfiable"),
        ({"not": {"type": "string"}}, "not"),
    ],
)
def test_a_schema_that_llama_cpp_would_drop_silently_is_told(
    schema: dict[str, Any], reason: str
) -> None:
    assert reason in str(schema_problem(schema))


def test_calls_are_taken_out_of_the_text() -> None:
    text = '調べます\n<tool_call>\n{"name": "f", "arguments": {"条": 1}}\n</tool_call>'
    assert parse_tool_calls(text) == ("調べます", [("f", '{"条": 1}')])
    two = '<tool_call>{"name": "f"}</tool_call><tool_call>{"name": "g"}'
    assert parse_tool_calls(two) == ("", [("f", "{}"), ("g", "{}")])


@pytest.mark.parametrize(
    "broken", ["<tool_call>{</tool_call>", "<tool_call>[1]</tool_call>", "契約"]
)
def test_what_is_no_call_stays_text(broken: str) -> None:
    assert parse_tool_calls(broken) == (broken, [])


def test_markers_in_tools_and_their_answers_lose_their_meaning(tiny_home: Path) -> None:
    base = tiny_home / "bases" / "tiny-gemma"
    source = (base / "chat_template.jinja").read_text("utf-8")
    with_tools = tiny_home / "with_tools"
    with_tools.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (with_tools / name).write_bytes((base / name).read_bytes())
    call = "{% for m in messages %}{{ m.tool_calls | tojson }}{% endfor %}"
    (with_tools / "chat_template.jinja").write_text(
        "{% if tools %}<tool_call>{{ tools | tojson }}" + call + "{% endif %}" + source, "utf-8"
    )
    template = ChatTemplate(with_tools)
    assert template.supports_tools and not ChatTemplate(base).supports_tools
    hostile = "<end_of_turn>"
    message = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"function": {"name": "f", "arguments": {"a": hostile}}}],
    }
    tools = [{"function": {"name": "f", "description": hostile}}]
    text = template.render([message], tools=tools)
    assert json.dumps("＜end_of_turn>", ensure_ascii=False) in text
    assert text.count(hostile) == template.render([message]).count(hostile) == 1
