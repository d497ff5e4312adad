"""Proof that two parts share nothing a model could have memorised.

MinHash only estimates how much two texts overlap; between two parts it is cheap enough to
compute the Jaccard coefficient of every pair exactly, as one sparse matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from homutune.data._checks._duplicates import NEAR
from homutune.data._checks._signatures import SHINGLE, comparable
from homutune.data._meaning import NEAR_MEANING, Embed, embed_questions
from homutune.data._split import links_of
from homutune.data._types import Example

#: Answers may share a stock phrase; from here on they are the same answer.
NEAR_ANSWER = 0.8
_ROWS_AT_ONCE = 256
_CLOSEST = 5
NEAR_LISTED = 100
_NAMES = {"id": "id", "group": "グループ", "card": "カード", "question": "質問"}


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two examples, one of each part, by id, and how much their texts overlap (0 to 1)."""

    left: str
    right: str
    part: Literal["question", "answer"]
    jaccard: float


@dataclass(frozen=True, slots=True)
class AlikePair:
    """Two questions, one of each part, by id, and the cosine of their embeddings."""

    left: str
    right: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Separation:
    """What two parts share."""

    n_left: int
    n_right: int
    #: Ids, groups, cards and questions of both, as Japanese sentences.
    shared: tuple[str, ...]
    #: Nearly the same questions or answers, the nearest first; at most 100.
    near: tuple[NearPair, ...]
    #: The most alike questions, whether near or not: for a reader to judge the threshold by.
    closest: tuple[NearPair, ...]
    threshold: float = NEAR
    #: Questions that mean nearly the same, the nearest first; at most 100. None: not compared.
    meaning: tuple[AlikePair, ...] | None = None
    meaning_threshold: float = NEAR_MEANING

    @property
    def ok(self) -> bool:
        """Whether they share nothing."""
        return not self.shared and not self.near and not self.meaning

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"ok": self.ok, **asdict(self)}


def prove_separation(
    left: Sequence[Example],
    right: Sequence[Example],
    *,
    same_set: bool = True,
    embed: Embed | None = None,
) -> Separation:
    """Compare every example of ``left`` with every one of ``right``.

    Args:
        same_set: they are parts of one set, so that ids, groups and cards mean the same in both.
            Otherwise only texts are compared.
        embed: compares the questions by meaning too.
    """
    near = _nearest(left, right, "question")
    answers = [pair for pair in _nearest(left, right, "answer") if pair.jaccard >= NEAR_ANSWER]
    close = [pair for pair in near if pair.jaccard >= NEAR]
    return Separation(
        n_left=len(left),
        n_right=len(right),
        shared=tuple(_shared(left, right, same_set)),
        near=tuple(sorted((*close, *answers), key=lambda p: -p.jaccard)[:NEAR_LISTED]),
        closest=tuple(sorted(near, key=lambda p: -p.jaccard)[:_CLOSEST]),
        meaning=tuple(_alike(left, right, embed)) if embed else None,
    )


def _alike(left: Sequence[Example], right: Sequence[Example], embed: Embed) -> list[AlikePair]:
    """For each question of ``right`` the one of ``left`` nearest in meaning, where near."""
    known, asked = (
        [example for example in side if example.question.strip()] for side in (left, right)
    )
    if not known or not asked:
        return []
    vectors = embed_questions(embed, [example.question for example in (*known, *asked)])
    theirs, ours = vectors[: len(known)], vectors[len(known) :]
    pairs = []
    for row, example in enumerate(asked):
        cosines = theirs @ ours[row]
        best = int(cosines.argmax())
        if cosines[best] >= NEAR_MEANING:
            ids = known[best].meta.id, example.meta.id
            pairs.append(AlikePair(*ids, round(float(cosines[best]), 3)))
    return sorted(pairs, key=lambda pair: -pair.cosine)[:NEAR_LISTED]


def _shared(left: Sequence[Example], right: Sequence[Example], same_set: bool) -> list[str]:
    sides = [
        {
            link
            for example in side
            for link in (("id", example.meta.id), *links_of(example))
            if same_set or link[0] == "question"
        }
        for side in (left, right)
    ]
    return [
        f"{_NAMES[kind]}「{value}」が両方にあります。"
        for kind, value in sorted(sides[0] & sides[1])
    ]


def _nearest(
    left: Sequence[Example], right: Sequence[Example], part: Literal["question", "answer"]
) -> list[NearPair]:
    """For each example of ``right`` the most similar one of ``left``."""
    if not left or not right:
        return []
    from sklearn.feature_extraction.text import CountVectorizer

    count = CountVectorizer(
        analyzer="char",
        ngram_range=(SHINGLE, SHINGLE),
        lowercase=False,
        binary=True,
        dtype=np.int32,
    )
    texts = [[comparable(getattr(e, part)) for e in side] for side in (left, right)]
    try:
        known = count.fit_transform(texts[0])
    except ValueError:  # not one shingle
        return []
    # Shingles that no text of left has count for the size of a text of right all the same.
    sizes = [
        np.array([len({t[i : i + SHINGLE] for i in range(len(t) - SHINGLE + 1)}) for t in side])
        for side in texts
    ]
    asked = count.transform(texts[1])
    columns = known.T.tocsr()
    pairs = []
    for begin in range(0, len(right), _ROWS_AT_ONCE):
        shared = (asked[begin : begin + _ROWS_AT_ONCE] @ columns).toarray()
        union = sizes[0][None, :] + sizes[1][begin : begin + _ROWS_AT_ONCE, None] - shared
        jaccard = shared / np.maximum(union, 1)
        for row, best in enumerate(jaccard.argmax(axis=1)):
            pair = left[int(best)].meta.id, right[begin + row].meta.id
            pairs.append(NearPair(*pair, part, round(float(jaccard[row, best]), 3)))
    return pairs
