"""Training files as the worker reads them: tokenised, or refused with the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from homutune.engine._chat import ChatTemplate, Pair, Tokens
from homutune.engine._job import Method
from homutune.engine._options import cut
from homutune.errors import UserError


class Examples(NamedTuple):
    """The examples of a file, and the numbers (from 1) of those that were cut."""

    examples: list[Any]
    cut: list[int]


def read_examples(
    path: Path, template: ChatTemplate, max_length: int | None, method: Method
) -> Examples:
    """Tokenise a JSONL file of OpenAI's; longer examples are cut to ``max_length`` tokens.

    Returns:
        :class:`Tokens` of conversations, :class:`Pair` of preferences (method ``dpo``).

    Raises:
        UserError: a line cannot be trained on.
    """
    read = Examples([], [])
    for number, line in enumerate(path.read_text("utf-8-sig").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            whole = [
                template.training_tokens(messages)
                for messages in _conversations(json.loads(line), method)
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"学習データの行を読めません（{type(error).__name__}）。",
                file=path.name,
                line=number,
                remedy="homutune data check で確認してください。",
            ) from error
        tokens = [cut(answer, max_length) for answer in whole]
        for before, after in zip(whole, tokens, strict=True):
            _check_scored(path, number, before, after, max_length)
        read.examples.append(Pair(tokens[0], tokens[1]) if method == "dpo" else tokens[0])
        if tokens != whole:
            read.cut.append(len(read.examples))
    return read


def _conversations(line: dict[str, Any], method: Method) -> list[list[dict[str, Any]]]:
    """The conversation of a line, or those that end in the preferred and the other answer."""
    if method == "supervised":
        return [line["messages"]]
    # Answers earlier in the conversation are read, not judged.
    asked = [
        {**message, "weight": 0} if message["role"] == "assistant" else message
        for message in line["input"]["messages"]
    ]
    return [asked + line[key] for key in ("preferred_output", "non_preferred_output")]


def _check_scored(
    path: Path, number: int, whole: Tokens, tokens: Tokens, max_length: int | None
) -> None:
    if whole.scored and not tokens.scored:
        raise UserError(
            f"max_length {max_length} では、この例の答えまで届きません"
            f"（答えの前に {whole.prompt} トークンあります）。",
            file=path.name,
            line=number,
            remedy="max_length を大きくするか、この行を短くしてください。",
        )
    if not tokens.scored:
        raise UserError(
            "学習する答え（assistant）がありません。",
            file=path.name,
            line=number,
            remedy="assistant の発言を加えるか、この行を除いてください。",
        )
