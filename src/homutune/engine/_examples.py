"""Training files as the worker reads them: tokenised, or refused with the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from homutune.engine._chat import ChatTemplate, Tokens
from homutune.engine._options import cut
from homutune.errors import UserError


class Examples(NamedTuple):
    """The examples of a file, and the numbers (from 1) of those that were cut."""

    tokens: list[Tokens]
    cut: list[int]


def read_tokens(path: Path, template: ChatTemplate, max_length: int | None = None) -> Examples:
    """Tokenise an OpenAI chat JSONL file; longer examples are cut to ``max_length`` tokens.

    Raises:
        UserError: a line cannot be trained on.
    """
    examples = Examples([], [])
    for number, line in enumerate(path.read_text("utf-8-sig").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            whole = template.training_tokens(json.loads(line)["messages"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"学習データの行を読めません（{type(error).__name__}）。",
                file=path.name,
                line=number,
                remedy="homutune data check で確認してください。",
            ) from error
        tokens = cut(whole, max_length)
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
        examples.tokens.append(tokens)
        if len(tokens.ids) < len(whole.ids):
            examples.cut.append(len(examples.tokens))
    return examples
