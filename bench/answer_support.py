"""How well the rule tells a sentence that its notes bear from one that they do not.

.venv/bin/python bench/answer_support.py

Borne: the sentences of the corpus' own answers, held against the cards they were written from.
Not borne: the same sentences, held against the two nearest other cards. Changed: the wrong
halves of the contrast pairs (a number, a negation, a party … exchanged) against the right card.
The threshold was chosen on the training questions; the held-out ones were not used for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from homutune.assistant import _support
from homutune.data import Card, Retriever, corpus_path, read_cards, read_contrast, read_examples

#: (question, sentence, texts of the cards)
Case = tuple[str, str, list[str]]


def main() -> None:
    """Print the shares accepted for several thresholds, and the changes that escape."""
    cards = {card.id: card for card in read_cards(corpus_path() / "cards")}
    retriever = Retriever(list(cards.values()))
    for folder in ("qa", "heldout"):
        borne: list[Case] = []
        others: list[Case] = []
        for example in read_examples(corpus_path() / folder):
            own = [cards[name] for name in example.meta.cards]
            if not own:
                continue
            near = retriever.search(example.question, 2, exclude=example.meta.cards)
            for _, sentence in _support.split_sentences(example.answer):
                borne.append((example.question, sentence, _texts(own)))
                others.append((example.question, sentence, _texts(near)))
        print(f"{folder}: {len(borne)} sentences; accepted with their own, with the nearest cards")
        for threshold in (0.4, 0.5, 0.6, 0.7):
            _support.THRESHOLD = threshold
            print(f"  {threshold}: {_share(borne):.1%}, {_share(others):.1%}")
    _support.THRESHOLD = 0.6
    escaped: Counter[str] = Counter()
    total: Counter[str] = Counter()
    right = 0
    for pair in read_contrast(corpus_path() / "contrast"):
        if pair.card is None:
            continue
        source = _texts([cards[pair.card]])
        total[pair.type] += 1
        right += _support.check_support(pair.right, source)[0].borne
        escaped[pair.type] += all(s.borne for s in _support.check_support(pair.wrong, source))
    print(f"contrast: {right} of {sum(total.values())} right sentences accepted; wrong accepted:")
    print("  " + ", ".join(f"{name} {escaped[name]}/{total[name]}" for name in sorted(total)))


def _texts(cards: Sequence[Card]) -> list[str]:
    return [f"{card.title}。{card.text}" for card in cards]


def _share(cases: Sequence[Case]) -> float:
    accepted = 0
    for question, sentence, sources in cases:
        accepted += all(s.borne for s in _support.check_support(sentence, sources, question))
    return accepted / len(cases)


if __name__ == "__main__":
    main()
