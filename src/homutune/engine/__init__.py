"""The local engine: base models, chat template, loss, training, generation.

Training is a program of its own, ``python -m homutune.engine.train <job folder>``. torch and
transformers are imported there and when a base model is converted, not for generation.
"""

from homutune.engine._bases import BaseModel, BaseModels, UnknownModel
from homutune.engine._card import model_card
from homutune.engine._chat import ChatTemplate, Tokens
from homutune.engine._export import export_model
from homutune.engine._generate import (
    SLOTS,
    Chunk,
    Completion,
    GenerationPool,
    GenerationRequest,
)
from homutune.engine._journal import DISK_FULL_STATUS, METRICS_HEADER, append_event
from homutune.engine._tokens import count_tokens
from homutune.engine._tuned import TunedModel, tuned_models
from homutune.files import write_atomic

__all__ = [
    "DISK_FULL_STATUS",
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
    "TunedModel",
    "UnknownModel",
    "append_event",
    "count_tokens",
    "export_model",
    "model_card",
    "tuned_models",
    "write_atomic",
]
