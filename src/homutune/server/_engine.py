"""What the server needs of an engine, and the local engine behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from homutune.engine import (
    EMBEDDING_CREATED,
    EMBEDDING_MODEL,
    BaseModels,
    Chunk,
    Embeddings,
    GenerationPool,
    GenerationRequest,
    shared_embedder,
    training_memory,
)
from homutune.settings import Settings


class Base(NamedTuple):
    """A base model as ``/v1/models`` shows it; ``created`` in seconds since 1970."""

    id: str
    created: int
    owned_by: str


class Weights(NamedTuple):
    """Where a base model's weights lie: a folder for training, a GGUF file for llama.cpp."""

    path: Path
    gguf: Path


class Engine(Protocol):
    """Base models and generation. Methods block and are called from many threads."""

    def bases(self) -> Sequence[Base]:
        """All base models."""

    def prepare(self, name: str) -> Weights:
        """Make a base model ready to train on; the first time this takes about a minute."""

    def supports_tools(self, name: str) -> bool:
        """Whether the chat template of a base model knows tools."""

    def training_memory(self, name: str) -> int | None:
        """Bytes a training of it takes, by estimate; None where nothing is known yet."""

    def stream(self, request: GenerationRequest) -> Iterator[Chunk]:
        """Generate; closing the iterator stops the work."""

    def embedding_models(self) -> Sequence[Base]:
        """Models for :meth:`embed`."""

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Vectors of texts."""

    def close(self) -> None:
        """Let go of memory and threads."""


class LocalEngine:
    """:class:`Engine` over :mod:`homutune.engine`."""

    def __init__(self, settings: Settings) -> None:
        self._models = BaseModels(settings.home)
        self._embedder = shared_embedder()
        self._pool = GenerationPool(settings.home, threads=settings.threads)

    def bases(self) -> Sequence[Base]:
        """All base models, those not converted yet too: they are when first needed."""
        return [Base(model.id, model.created, model.owned_by) for model in self._models.list()]

    def prepare(self, name: str) -> Weights:
        """Convert the base model if that has not been done."""
        model = self._models.ensure(name)
        return Weights(model.path, model.gguf)

    def supports_tools(self, name: str) -> bool:
        """Read from the template."""
        return self._pool.supports_tools(name)

    def training_memory(self, name: str) -> int | None:
        """An estimate from the model's shape, once it has been converted."""
        model = self._models.get(name)
        return training_memory(model.path) if model.ready else None

    def stream(self, request: GenerationRequest) -> Iterator[Chunk]:
        """Generate with llama.cpp."""
        return self._pool.stream(request)

    def embedding_models(self) -> Sequence[Base]:
        """E5 where its package is installed."""
        e5 = Base(EMBEDDING_MODEL, EMBEDDING_CREATED, "intfloat")
        return [e5] if self._embedder.installed() else []

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """With E5."""
        return self._embedder.embed(texts)

    def close(self) -> None:
        """Stop the pool."""
        self._pool.close()
