"""Questions that mean the same in other words, by the cosine of their embeddings.

MinHash sees the letters; embeddings see the meaning, at some 0.1 seconds a question. The model
comes from outside (:class:`homutune.embedding.Embedder` gives one), so that nothing here needs it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

T = TypeVar("T")
#: Vectors of length 1, one for each text.
Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]

#: Cosine from which two questions count as one, for multilingual-e5-small. Of 12 rewordings
#: written for the purpose, which MinHash all misses, 8 reach it; of the 87,990 pairs of questions
#: of the bundled corpus 2 do.
NEAR_MEANING = 0.965
#: Questions of a set that are compared; of a larger one as many are drawn. Minutes, not hours.
MOST = 2000
#: Characters of a question that count.
CHARACTERS = 2000
_ROWS_AT_ONCE = 512


def embed_questions(embed: Embed, questions: Sequence[str]) -> NDArray[np.float32]:
    """Vectors, one row for each question; only its first :data:`CHARACTERS` count."""
    if not questions:
        return np.zeros((0, 1), np.float32)
    # E5 wants to be told what a text is; a lone surrogate is no text to it.
    texts = [
        "query: " + text[:CHARACTERS].encode("utf-8", "replace").decode() for text in questions
    ]
    return np.asarray(embed(texts), np.float32)


def alike(vectors: NDArray[np.float32]) -> Iterator[tuple[list[int], float]]:
    """Groups of rows (from 0) that mean nearly the same, with the highest cosine in each."""
    lefts, rights, cosines = [], [], []
    for begin in range(0, len(vectors), _ROWS_AT_ONCE):
        products = vectors[begin : begin + _ROWS_AT_ONCE] @ vectors.T
        left, right = np.nonzero(products >= NEAR_MEANING)
        cosines.append(products[left, right])
        lefts.append(left + begin)
        rights.append(right)
    if not lefts:
        return
    left, right = np.concatenate(lefts), np.concatenate(rights)
    cosine = np.concatenate(cosines)
    upper = left < right
    left, right, cosine = left[upper], right[upper], cosine[upper]
    links = coo_array((np.ones(len(left), np.int8), (left, right)), (len(vectors),) * 2)
    labels = connected_components(links, directed=False)[1]
    for label in dict.fromkeys(labels[left].tolist()):
        group = np.flatnonzero(labels == label)
        yield group.tolist(), float(cosine[labels[left] == label].max())


class Reservoir(Generic[T]):
    """At most ``size`` items of a stream, each with the same chance, however many come."""

    def __init__(self, size: int) -> None:
        self._size, self._seen = size, 0
        self._random = random.Random(20261122)
        self.items: list[T] = []

    def add(self, item: T) -> None:
        """Offer the next item."""
        self._seen += 1
        place = self._seen - 1 if self._seen <= self._size else self._random.randrange(self._seen)
        if place < self._size:
            self.items[place : place + 1] = [item]
