"""Near duplicates among any number of texts, in bounded memory: MinHash and banded LSH.

Each text is kept as 128 two-byte hashes (256 bytes), whatever its length: a million texts are a
quarter of a gigabyte. The libraries for this hash shingle by shingle in Python and keep a dict
for each band, which is ten times the time and the memory; these are a hundred lines of NumPy.

Sources: Broder, "On the resemblance and containment of documents" (1997); Leskovec, Rajaraman
and Ullman, "Mining of Massive Datasets", chapter 3 (bands).
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

#: Shingles of three characters: shorter ones all texts share, longer ones no paraphrase does.
SHINGLE = 3
PERMUTATIONS = 128
#: Four hashes to a band, so that a band is one 64-bit key; 32 bands find a pair of Jaccard 0.6
#: with probability 0.99, one of 0.3 with 0.23 (which is then refused by its estimate).
_BAND = 4
_BATCH = 2000
_COMPARED_AT_ONCE = 50_000

_rng = np.random.default_rng(20261122)
_FACTORS = (_rng.integers(1, 2**32, PERMUTATIONS, dtype=np.uint64) | 1).astype(np.uint32)
_SHIFTS = _rng.integers(0, 2**32, PERMUTATIONS, dtype=np.uint64).astype(np.uint32)
_NO_WORD = re.compile(r"[\W_]+")


def comparable(text: str) -> str:
    """NFKC in lower case, without spaces and punctuation: the form that is compared."""
    return _NO_WORD.sub("", unicodedata.normalize("NFKC", text)).lower()


def overlap(one: str, other: str) -> float:
    """Jaccard coefficient of the shingles of two texts (as :func:`comparable` gives them)."""
    if one == other:
        return 1.0
    a, b = ({t[i : i + SHINGLE] for i in range(len(t) - SHINGLE + 1)} for t in (one, other))
    return len(a & b) / max(1, len(a | b))


class Signatures:
    """MinHash signatures of texts, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._blocks: list[NDArray[np.uint16]] = []

    def add(self, text: str) -> None:
        """Take a text in (as :func:`comparable` gives it)."""
        self._waiting.append(text)
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._blocks.append(_signatures(self._waiting))
            self._waiting = []

    def groups(self, threshold: float) -> list[NDArray[np.int64]]:
        """Groups (indices from 0, at least two each) of texts linked by estimated Jaccard.

        Within a bucket each text is compared with the one before it and with the first, so the
        work is linear in the number of texts. Texts without a single shingle are in no group.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        self._flush()
        if not self._blocks:
            return []
        signatures = np.concatenate(self._blocks)
        self._blocks = [signatures]
        n = len(signatures)
        filled = np.flatnonzero((signatures != _EMPTY).any(axis=1))
        bands = signatures.view(np.uint64)
        labels = np.arange(n, dtype=np.int64)
        for band in range(bands.shape[1]):
            keys = bands[filled, band]
            order = filled[np.argsort(keys, kind="stable")]
            keys = bands[order, band]
            same = np.flatnonzero(keys[1:] == keys[:-1]) + 1
            if not len(same):
                continue
            # The first of the bucket that each of these is in.
            starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
            first = starts[np.searchsorted(starts, same, side="right") - 1]
            left = np.concatenate([order[same - 1], order[first]])
            right = np.concatenate([order[same], order[same]])
            new = labels[left] != labels[right]
            left, right = _alike(signatures, left[new], right[new], threshold)
            if len(left):
                links = coo_array(
                    (np.ones(len(left), np.int8), (labels[left], labels[right])), (n, n)
                )
                labels = connected_components(links, directed=False)[1][labels].astype(np.int64)
        order = np.argsort(labels, kind="stable")
        borders = np.flatnonzero(np.diff(labels[order])) + 1
        return [group for group in np.split(order, borders) if len(group) > 1] if n > 1 else []


_EMPTY = np.uint16(0xFFFF)


def _signatures(texts: list[str]) -> NDArray[np.uint16]:
    """Signatures of ``texts``, one row each; a text shorter than a shingle has only _EMPTY."""
    lengths = np.array([max(0, len(text) - SHINGLE + 1) for text in texts])
    result = np.full((len(texts), PERMUTATIONS), _EMPTY, np.uint16)
    filled = np.flatnonzero(lengths)
    if not len(filled):
        return result
    points = np.frombuffer(
        "".join(texts[i] for i in filled).encode("utf-32-le", "surrogatepass"), np.uint32
    )
    hashes = points[: -SHINGLE + 1].copy()
    for offset in range(1, SHINGLE):
        hashes = (
            hashes * np.uint32(0x01000193) ^ points[offset : len(points) - SHINGLE + 1 + offset]
        )
    hashes = _mix(hashes)
    # Shingles that reach over the end of a text are left out.
    sizes = lengths[filled] + SHINGLE - 1
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    keep = np.concatenate(
        [np.arange(s, s + k) for s, k in zip(starts, lengths[filled], strict=True)]
    )
    hashes = hashes[keep]
    begins = np.concatenate([[0], np.cumsum(lengths[filled])[:-1]])
    for index in range(PERMUTATIONS):
        least = np.minimum.reduceat(hashes * _FACTORS[index] + _SHIFTS[index], begins)
        result[filled, index] = _mix(least) & np.uint32(0x7FFF)
    return result


def _mix(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Every bit depends on every bit (the finaliser of MurmurHash3)."""
    values = (values ^ (values >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    values = (values ^ (values >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return values ^ (values >> np.uint32(16))


def _alike(
    signatures: NDArray[np.uint16],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    threshold: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Those of the pairs whose estimated Jaccard reaches ``threshold``."""
    kept = np.zeros(len(left), bool)
    for begin in range(0, len(left), _COMPARED_AT_ONCE):
        part = slice(begin, begin + _COMPARED_AT_ONCE)
        equal = signatures[left[part]] == signatures[right[part]]
        kept[part] = equal.mean(axis=1) >= threshold
    return left[kept], right[kept]


class Keys:
    """A 64-bit key for each example; equal keys come together in the end. Eight bytes each."""

    def __init__(self) -> None:
        self._keys = array("Q")

    def add(self, key: int) -> None:
        """Take the next example's key; 0 never matches."""
        self._keys.append(key)

    def __getitem__(self, index: int) -> int:
        return self._keys[index]

    def groups(self) -> Iterator[NDArray[np.int64]]:
        """Indices (from 0, in order) of examples that share a key, by the first of them."""
        keys = np.frombuffer(self._keys, np.uint64)
        order = np.argsort(keys, kind="stable")
        borders = np.flatnonzero(np.diff(keys[order])) + 1
        starts = np.r_[0, borders]
        sizes = np.diff(np.r_[starts, len(order)])
        found = [
            order[start : start + size]
            for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True)
            if keys[order[start]]
        ]
        yield from sorted(found, key=lambda group: int(group[0]))
