"""How often retrieval brings the right cards: all questions of the corpus, all cards.

.venv/bin/python bench/retrieval.py
"""

from __future__ import annotations

from homutune.data import Retriever, corpus_path, read_cards, read_examples


def main() -> None:
    """Print recall@k of all right cards."""
    cards = read_cards(corpus_path() / "cards")
    examples = [e for e in read_examples(corpus_path() / "qa") if e.meta.cards]
    print(f"{len(examples)} questions, {len(cards)} cards; found among the first 1, 3, 5, 10:")
    for ngrams in ((1, 2), (2, 2), (2, 4)):
        retriever = Retriever(cards, ngrams=ngrams)
        found = [[card.id for card in retriever.search(e.question, 10)] for e in examples]
        hits = [
            sum(set(e.meta.cards) <= set(ids[:k]) for e, ids in zip(examples, found, strict=True))
            for k in (1, 3, 5, 10)
        ]
        print(f"{ngrams[0]}-{ngrams[1]} characters: {', '.join(map(str, hits))}")


if __name__ == "__main__":
    main()
