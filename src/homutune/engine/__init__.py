"""The local engine: base models, chat template, loss, training, generation.

Training is a program of its own, ``python -m homutune.engine.train <job folder>``. torch and
transformers are imported there and when a base model is converted, not for generation.
"""

from homutune.engine._bases import BaseModel, BaseModels, UnknownModel
from homutune.engine._chat import ChatTemplate, Tokens
from homutune.engine._generate import (
    SLOTS,
    Chunk,
    Completion,
    GenerationPool,
    GenerationRequest,
)
from homutune.engine._journal import METRICS_HEADER
from homutune.engine._memory import training_memory
from homutune.engine._tokens import count_tokens
from homutune.files import write_atomic

__all__ = [
    "METRICS_HEADER",
    "SLOTS",
    "BaseModel",
    "BaseModels",
    "ChatTemplate",
    "Chunk",
    "Completion",
    "GenerationPool",
    "GenerationRequest",
    "Tokens",
    "UnknownModel",
    "count_tokens",
    "training_memory",
    "write_atomic",
]
