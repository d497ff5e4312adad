"""JSON schemas as grammars for llama.cpp.

llama.cpp compiles them with llguidance, and where that fails it generates freely without a
word. So the same library is asked here beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def schema_problem(schema: Mapping[str, Any]) -> str | None:
    """Why ``schema`` cannot be enforced, or None."""
    from llguidance import LLMatcher

    try:
        problem = LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(_compact(schema)))
    except (ValueError, TypeError, RecursionError) as error:
        problem = str(error)
    return problem.split("\n")[0] or None if problem else None


def grammar_schema(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """The schema as llama.cpp is given it; None stands for any object."""
    return _compact({"type": "object"} if schema is None else schema)


def _compact(schema: Mapping[str, Any]) -> dict[str, Any]:
    # Where white space is free, a small model writes line breaks until its tokens are used up.
    return {**schema, "x-guidance": {"whitespace_flexible": False}}
