"""Counting tokens the way the local engine trains on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from homutune.engine._bases import BaseModels
from homutune.engine._chat import ChatTemplate


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
