"""The local engine: base models, chat template, loss, training, generation.

Training is a program of its own, ``python -m homutune.engine.train <job folder>``. torch and
transformers are imported there and when a base model is converted, not for generation.
"""

from homutune.engine._bases import BaseModel, BaseModels, UnknownModel
from homutune.engine._chat import ChatTemplate, Tokens
from homutune.engine._generate import (
    CONTEXT_PER_SLOT,
    SLOTS,
    Chunk,
    Completion,
    GenerationPool,
    GenerationRequest,
)
from homutune.engine._journal import METRICS_HEADER
from homutune.engine._tokens import Piece, count_tokens, loss_mask
from homutune.files import write_atomic

__all__ = [
    "CONTEXT_PER_SLOT",
    "METRICS_HEADER",
    "SLOTS",
    "BaseModel",
    "BaseModels",
    "ChatTemplate",
    "Chunk",
    "Completion",
    "GenerationPool",
    "GenerationRequest",
    "Piece",
    "Tokens",
    "UnknownModel",
    "count_tokens",
    "loss_mask",
    "write_atomic",
]
