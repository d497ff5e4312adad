"""How often the accepted pair shown beside an answer is one on the same note.

Some of the bundled training pairs play the accepted ones; all other bundled questions are asked.
A pair shown is right where it shares a card with the question. Run from the project root:
``python bench/vetted_answers.py``.
"""

from __future__ import annotations

import random

from homutune.assistant import VettedAnswer, nearest_vetted
from homutune.data import Retriever, corpus_path, read_cards, read_examples


def main() -> None:
    pairs = read_examples(corpus_path() / "qa")
    asked = [*pairs, *read_examples(corpus_path() / "heldout")]
    cards = Retriever(read_cards(corpus_path() / "cards"))
    best = {
        example.meta.id: next(iter(cards.search(example.question, 1, only_relevant=True)), None)
        for example in asked
    }
    for size in (20, 100):
        chosen = {e.meta.id: e for e in random.Random(1).sample(list(pairs), size)}
        vetted = [
            VettedAnswer(name, e.question, e.answer, e.meta.cards) for name, e in chosen.items()
        ]
        possible = shown = right = 0
        for example in asked:
            if example.meta.id in chosen:
                continue
            wanted = set(example.meta.cards)
            possible += any(wanted & set(e.meta.cards) for e in chosen.values())
            card = best[example.meta.id]
            found = nearest_vetted(example.question, card.id, vetted) if card else None
            if found:
                shown += 1
                right += bool(wanted & set(found.cards))
        print(f"accepted {size}: possible {possible}, shown {shown}, right {right}")


if __name__ == "__main__":
    main()
