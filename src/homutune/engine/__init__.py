"""The local engine: base models, chat template, loss, training, generation.

Training is a program of its own, ``python -m homutune.engine.train <job folder>``. torch and
transformers are imported there and when a base model is converted, not for generation.
"""

from homutune.embedding import (
    EMBEDDING_CREATED,
    EMBEDDING_MODEL,
    EMBEDDING_SIZE,
    MAX_EMBEDDING_TOKENS,
    Embedder,
    Embeddings,
    TextTooLong,
    shared_embedder,
)
from homutune.engine._bases import BaseModel, BaseModels, UnknownModel
from homutune.engine._card import model_card
from homutune.engine._card import notice as license_notice
from homutune.engine._chat import ChatTemplate, Tokens
from homutune.engine._export import export_model
from homutune.engine._generate import CONTEXT_PER_SLOT, SLOTS, GenerationPool
from homutune.engine._grammar import schema_problem
from homutune.engine._import import add_base
from homutune.engine._journal import DISK_FULL_STATUS, METRICS_HEADER, append_event
from homutune.engine._lora_gguf import write_lora_gguf
from homutune.engine._memory import training_memory
from homutune.engine._requests import (
    Chunk,
    Completion,
    ContextTooLong,
    GenerationRequest,
    Logprob,
    TokenLogprobs,
)
from homutune.engine._tokens import Piece, count_tokens, loss_mask
from homutune.engine._tool_calls import ToolCall, parse_tool_calls
from homutune.engine._tuned import TunedModel, tuned_models
from homutune.files import write_atomic

__all__ = [
    "CONTEXT_PER_SLOT",
    "DISK_FULL_STATUS",
    "EMBEDDING_CREATED",
    "EMBEDDING_MODEL",
    "EMBEDDING_SIZE",
    "MAX_EMBEDDING_TOKENS",
    "METRICS_HEADER",
    "SLOTS",
    "BaseModel",
    "BaseModels",
    "ChatTemplate",
    "Chunk",
    "Completion",
    "ContextTooLong",
    "Embedder",
    "Embeddings",
    "GenerationPool",
    "GenerationRequest",
    "Logprob",
    "Piece",
    "TextTooLong",
    "TokenLogprobs",
    "Tokens",
    "ToolCall",
    "TunedModel",
    "UnknownModel",
    "add_base",
    "append_event",
    "count_tokens",
    "export_model",
    "license_notice",
    "loss_mask",
    "model_card",
    "parse_tool_calls",
    "schema_problem",
    "shared_embedder",
    "training_memory",
    "tuned_models",
    "write_atomic",
    "write_lora_gguf",
]
