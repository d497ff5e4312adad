"""Few-shot examples: the training pairs nearest to a question, no two about the same matter."""

from __future__ import annotations

from collections.abc import Sequence

from homutune.data import Card, Example, Retriever
from homutune.embedding import TextVectors


class Shots:
    """Chooses from training pairs.

    Nearness is that of the retriever of the cards, with a pair in the place of a card; diversity
    is one pair of each family (group or cards), and other kinds of question while there are any.

    Args:
        examples: training pairs and nothing else.
        cards: the cards that training may show; pairs whose cards are not among them are left out.
        vectors: how questions that mean the same are found; without it characters alone decide.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        cards: Sequence[Card],
        vectors: TextVectors | None = None,
    ) -> None:
        known = {card.id: card for card in cards}
        self._examples = {
            example.meta.id: (example, tuple(known[card] for card in example.meta.cards))
            for example in examples
            if all(card in known for card in example.meta.cards)
        }
        self._retriever = Retriever(
            [
                Card(key, "", example.meta.field or "", example.answer, asks=(example.question,))
                for key, (example, _) in self._examples.items()
            ],
            vectors=vectors,
        )

    def choose(self, question: str, n: int) -> list[tuple[Example, tuple[Card, ...]]]:
        """``n`` pairs with their cards, the nearest last: what stands last is remembered best."""
        ranked = [self._examples[c.id] for c in self._retriever.search(question, k=len(self))]
        families: set[str] = set()
        kinds: set[str | None] = set()
        chosen: list[tuple[Example, tuple[Card, ...]]] = []
        later: list[tuple[Example, tuple[Card, ...]]] = []
        for example, cards in ranked:
            family = {*example.meta.cards, example.meta.group or example.meta.id}
            if family & families:
                continue
            families |= family
            fresh = example.meta.kind is None or example.meta.kind not in kinds
            (chosen if fresh else later).append((example, cards))
            kinds.add(example.meta.kind)
            if len(chosen) == n:
                break
        return [*chosen, *later][:n][::-1]

    def __len__(self) -> int:
        """Number of pairs to choose from."""
        return len(self._examples)
