"""Counting and showing tokens the way the local engine trains on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homutune.engine._bases import BaseModels
from homutune.engine._chat import NOT_SCORED, ChatTemplate


def count_tokens(
    home: Path, model: str, examples: Sequence[Sequence[Mapping[str, Any]]]
) -> list[int]:
    """Tokens of each conversation, the chat template's markers included.

    Raises:
        UnknownModel: no such base model.
        UserError: its package is missing.
    """
    template = ChatTemplate(BaseModels(home).ensure(model).path)
    return [len(template.training_tokens(messages).ids) for messages in examples]


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighbouring tokens that make whole characters, and whether the loss is computed on them."""

    text: str
    scored: bool
    n_tokens: int


def loss_mask(home: Path, model: str, messages: Sequence[Mapping[str, Any]]) -> list[Piece]:
    """What the model reads of a conversation, token by token, and what it learns to write.

    A character of several tokens (byte fallback) is one piece.

    Raises:
        UnknownModel: no such base model.
        UserError: its package is missing, or the conversation does not fit its template.
    """
    template = ChatTemplate(BaseModels(home).ensure(model).path)
    tokens = template.training_tokens(messages)
    pieces: list[Piece] = []
    waiting: list[int] = []
    for number, (token, label) in enumerate(zip(tokens.ids, tokens.labels, strict=True), 1):
        waiting.append(token)
        text = template.decode(waiting)
        scored = label != NOT_SCORED
        ends = number == len(tokens.ids) or (tokens.labels[number] != NOT_SCORED) != scored
        if not text.endswith("\ufffd") or ends or len(waiting) == 4:  # 4 bytes at most
            pieces.append(Piece(text, scored, len(waiting)))
            waiting = []
    return pieces
