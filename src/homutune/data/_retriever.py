"""Finds the 解説カード that answer a question: BM25 over character n-grams, and meaning.

Characters instead of words: no dictionary to install, and 「契約不適合」 matches 「不適合」. A card
is found by its title, its text and the questions it answers (``Card.asks``), because those who
ask do not use the words of the rule. Where vectors are given, the question of a card that means
most nearly the same adds to its score.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from homutune.data._types import Card
from homutune.embedding import TextVectors
from homutune.law import normalize

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Below this score the best card is a chance resemblance rather than an answer: by words alone,
#: and with meaning. Where to put it is a choice between two mistakes: bench/retrieval.py shows
#: both at every threshold.
RELEVANT = (0.46, 0.51)
#: The same for a card without ``asks``, whose words are farther from those of a question.
RELEVANT_WITHOUT_ASKS = (0.25, 0.30)

#: What a cosine counts beside BM25, and how much is alike in all questions of a legal department
#: and in all cards: E5 gives no pair of Japanese texts much less (bench/retrieval.py).
MEANING_WEIGHT = 4.0
ALIKE_QUESTIONS, ALIKE_CARDS = 0.90, 0.87

#: The usual values (Robertson and Zaragoza 2009): how soon repetition stops to count, and how far
#: a long card is discounted. Others find the same cards (bench/retrieval.py).
K1, B = 1.2, 0.75


@dataclass(frozen=True, slots=True)
class Hit:
    """A card and its score: about the share of what is rare in the question that it contains.

    BM25, divided by the sum of the question's inverse document frequencies: 0 to ``K1 + 1``,
    and so comparable between questions. With meaning, :data:`MEANING_WEIGHT` times the cosine
    above what is alike in all comes to it, and may be below 0.
    """

    card: Card
    score: float


class Retriever:
    """Searches a fixed set of cards; the same question always brings the same cards.

    Args:
        cards: what is searched.
        ngrams: shortest and longest character n-gram.
        asks: whether a card is also found by the questions it answers.
        vectors: what compares by meaning; without it characters alone decide.
    """

    def __init__(
        self,
        cards: Sequence[Card],
        *,
        ngrams: tuple[int, int] = (1, 3),
        asks: bool = True,
        vectors: TextVectors | None = None,
    ) -> None:
        self.cards = tuple(sorted(cards, key=lambda card: card.id))
        self._ngrams = ngrams
        self._asks = asks
        self._vectors = vectors
        # A question is often looked up twice: whether anything answers it, and what.
        self._scores = lru_cache(maxsize=16)(self._score)

    def search(
        self,
        question: str,
        k: int = 3,
        exclude: Collection[str] = (),
        *,
        only_relevant: bool = False,
    ) -> list[Card]:
        """The ``k`` best cards for ``question``, best first; fewer if there are fewer.

        Args:
            exclude: ids of cards not to return.
            only_relevant: nothing is returned if the best card scores too little to be an answer.
        """
        hits = self.hits(question, k, exclude)
        if only_relevant and not (hits and hits[0].score >= self.threshold(hits[0].card)):
            return []
        return [hit.card for hit in hits]

    def prepare(self) -> None:
        """Do now what the first search would wait for."""
        if self.cards:
            _ = self._index
            if self._vectors is not None:
                _ = self._known

    def hits(self, question: str, k: int = 3, exclude: Collection[str] = ()) -> list[Hit]:
        """As :meth:`search`, with the scores."""
        if not self.cards:
            return []
        scores = self._scores(question)
        ranked = sorted(range(len(self.cards)), key=lambda index: (-scores[index], index))
        found = (Hit(self.cards[index], float(scores[index])) for index in ranked)
        return [hit for hit in found if hit.card.id not in exclude][:k]

    def threshold(self, card: Card) -> float:
        """The score below which ``card`` is a chance resemblance rather than an answer."""
        limit = RELEVANT if self._asks_of(card) else RELEVANT_WITHOUT_ASKS
        return limit[self._vectors is not None]

    def _score(self, question: str) -> NDArray[Any]:
        """One score for each card."""
        words = self._words(question)
        if self._vectors is None:
            return words
        scores: NDArray[Any] = words + MEANING_WEIGHT * self._meaning(self._vectors, question)
        return scores

    def _meaning(self, vectors: TextVectors, question: str) -> NDArray[Any]:
        import numpy as np

        firsts, known, alike = self._known
        cosines = known @ vectors.questions([normalize(question)])[0] - alike
        nearest: NDArray[Any] = np.maximum.reduceat(cosines, firsts)
        return nearest

    @cached_property
    def _known(self) -> tuple[list[int], NDArray[Any], NDArray[Any]]:
        """Of every card: its first row, its vectors in rows, and what is alike in all such."""
        import numpy as np

        if self._vectors is None:
            raise ValueError("there are no vectors")
        asks = [normalize(ask) for card in self.cards for ask in self._asks_of(card)]
        texts = [normalize(f"{c.title} {c.text}") for c in self.cards if not self._asks_of(c)]
        by_question = iter(self._vectors.questions(asks, keep=True))
        by_text = iter(self._vectors.passages(texts, keep=True))
        firsts: list[int] = []
        rows: list[NDArray[Any]] = []
        alike: list[float] = []
        for card in self.cards:
            firsts.append(len(rows))
            if of_card := self._asks_of(card):
                rows += [next(by_question) for _ in of_card]
                alike += [ALIKE_QUESTIONS] * len(of_card)
            else:
                rows.append(next(by_text))
                alike.append(ALIKE_CARDS)
        return firsts, np.stack(rows), np.array(alike, np.float32)

    def _asks_of(self, card: Card) -> Sequence[str]:
        return card.asks if self._asks else ()

    def _words(self, question: str) -> NDArray[Any]:
        counter, weights, idf = self._index
        text = normalize(question)
        asked = counter.transform([text])
        asked.data[:] = 1
        # A character that no card has is as rare as can be: a question about something else
        # consists of them, and of the particles that every text has.
        unknown = {c for c in text if c not in counter.vocabulary_ and not c.isspace()}
        unseen = math.log1p((len(self.cards) + 0.5) / 0.5)
        rarity = max(1e-9, float((asked @ idf)[0]) + unseen * len(unknown))
        scores: NDArray[Any] = (weights @ asked.T).toarray().ravel() / rarity
        return scores

    @cached_property
    def _index(self) -> tuple[Any, Any, NDArray[Any]]:
        """Counter of n-grams, their BM25 weight in every card, and their rarity."""
        # sklearn takes a second to import: only those who search pay for it.
        import numpy as np
        from sklearn.feature_extraction.text import CountVectorizer

        counter = CountVectorizer(analyzer="char", ngram_range=self._ngrams)
        counts = counter.fit_transform([self._text(card) for card in self.cards]).tocoo()
        lengths = np.bincount(counts.row, counts.data, len(self.cards))
        holding = np.bincount(counts.col, minlength=counts.shape[1])
        idf = np.log1p((len(self.cards) - holding + 0.5) / (holding + 0.5))
        penalty = K1 * (1 - B + B * lengths / lengths.mean())
        counts.data = counts.data * (K1 + 1) / (counts.data + penalty[counts.row])
        counts.data *= idf[counts.col]
        return counter, counts.tocsr(), idf

    def _text(self, card: Card) -> str:
        return normalize(" ".join((card.title, card.field + card.text, *self._asks_of(card))))
