"""Which pairs may be shown as examples: none that shares anything with an evaluation item."""

from __future__ import annotations

from collections.abc import Sequence

from homutune.data import Example
from homutune.evaluation._text import ngrams
from homutune.law import normalize

#: Two questions that share this much of their 4-grams (Jaccard) are near duplicates.
NEAR_DUPLICATE = 0.6


def apart_from(pool: Sequence[Example], items: Sequence[Example]) -> list[Example]:
    """The pairs of ``pool`` without id, group, card or nearly the question of an item in common."""
    taken = {link for item in items for link in _links(item)}
    asked = [set(ngrams(item.question, 4)) for item in items]
    return [
        example
        for example in pool
        if not taken.intersection(_links(example)) and not is_near(example.question, asked)
    ]


def is_near(question: str, others: Sequence[set[str]]) -> bool:
    """Whether ``question`` is nearly one of those whose 4-grams are given."""
    own = set(ngrams(question, 4))
    return any(own and len(own & o) >= NEAR_DUPLICATE * len(own | o) for o in others)


def _links(example: Example) -> list[tuple[str, str]]:
    meta = example.meta
    return [
        ("id", meta.id),
        ("question", normalize(example.question)),
        *(("card", card) for card in meta.cards),
        *([("group", meta.group)] if meta.group else []),
    ]
