"""Finds the 解説カード that look like a question: TF-IDF over character n-grams.

Characters instead of words: no dictionary to install, and 「契約不適合」 matches 「不適合」.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from homutune.data._types import Card
from homutune.law import normalize

# The title names the rule in a few words; said twice, it outweighs an example in the text.
_TITLE_WEIGHT = 2


class Retriever:
    """Searches a fixed set of cards; the same question always brings the same cards.

    Args:
        cards: what is searched.
        ngrams: shortest and longest character n-gram. Single kanji carry meaning; longer ranges
            find fewer of the right cards (bench/retrieval.py).
    """

    def __init__(self, cards: Sequence[Card], *, ngrams: tuple[int, int] = (1, 2)) -> None:
        # sklearn takes a second to import: only those who search pay for it.
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.cards = tuple(sorted(cards, key=lambda card: card.id))
        self._vectorizer = TfidfVectorizer(
            analyzer="char",
            ngram_range=ngrams,
            sublinear_tf=True,
        )
        texts = [
            normalize(f"{card.title} " * _TITLE_WEIGHT + card.field + card.text)
            for card in self.cards
        ]
        self._matrix = self._vectorizer.fit_transform(texts) if texts else None

    def search(self, question: str, k: int = 3, exclude: Collection[str] = ()) -> list[Card]:
        """The ``k`` cards nearest to ``question`` by cosine, best first; fewer if there are fewer.

        Args:
            exclude: ids of cards not to return.
        """
        if self._matrix is None:
            return []
        query = self._vectorizer.transform([normalize(question)])
        # Rows are normalised to length 1, so the product is the cosine.
        scores = (self._matrix @ query.T).toarray().ravel()
        ranked = sorted(range(len(self.cards)), key=lambda index: (-scores[index], index))
        found = (self.cards[index] for index in ranked)
        return [card for card in found if card.id not in exclude][:k]
