"""``/v1/embeddings``."""

from __future__ import annotations

import base64
import struct
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BeforeValidator, Field

from homutune.engine import EMBEDDING_SIZE, MAX_EMBEDDING_TOKENS, Embeddings, TextTooLong
from homutune.server._engine import Engine
from homutune.server._errors import ApiError, model_not_found
from homutune.server._schemas import RequestBody


def _texts(value: Any) -> Any:
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list) and not all(isinstance(text, str) for text in texts):
        raise ValueError("must be a string or a list of strings (トークン番号では指定できません)")
    return texts


class EmbeddingRequest(RequestBody):
    """``POST /v1/embeddings``."""

    model: str
    input: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        BeforeValidator(_texts),
        Field(min_length=1, max_length=2048),
    ]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    user: str | None = None


def embeddings_router(engine: Engine) -> APIRouter:
    """The one route of the embeddings API."""
    router = APIRouter(prefix="/v1/embeddings")

    @router.post("")
    def create_embedding(body: EmbeddingRequest) -> dict[str, Any]:
        if body.model not in {model.id for model in engine.embedding_models()}:
            raise model_not_found(body.model)
        if body.dimensions not in (None, EMBEDDING_SIZE):
            raise ApiError(
                400,
                f"This model's vectors have {EMBEDDING_SIZE} dimensions; 'dimensions' cannot be "
                "changed. (次元数は変えられません)",
                param="dimensions",
                code="unsupported_value",
            )
        return _shown(body, _embed(engine, body.input))

    return router


def _embed(engine: Engine, texts: list[str]) -> Embeddings:
    try:
        return engine.embed(texts)
    except TextTooLong as error:
        raise ApiError(
            400,
            f"This model's maximum context length is {MAX_EMBEDDING_TOKENS} tokens. However, "
            f"input[{error.position}] has {error.tokens} tokens. (文章を分けてください)",
            param="input",
            code="context_length_exceeded",
        ) from None


def _shown(asked: EmbeddingRequest, result: Embeddings) -> dict[str, Any]:
    vectors: list[Any] = result.vectors
    if asked.encoding_format == "base64":
        vectors = [
            base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
            for vector in vectors
        ]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ],
        "model": asked.model,
        "usage": {"prompt_tokens": result.tokens, "total_tokens": result.tokens},
    }
