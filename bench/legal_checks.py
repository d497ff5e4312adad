"""What the legal checks find on the contrast set, beside what similarity prefers.

.venv/bin/python bench/legal_checks.py
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Sequence

from homutune.data import (
    CONTRAST_TYPES,
    ContrastPair,
    corpus_path,
    read_cards,
    read_contrast,
    read_examples,
)
from homutune.evaluation import compare
from homutune.law import normalize


def char_f_score(reference: str, text: str, longest: int = 6, beta: float = 2.0) -> float:
    """ChrF of one sentence: mean over n-gram lengths of the F score (Popović 2015), 0 to 1."""
    a, b = normalize(reference), normalize(text)
    scores = []
    for n in range(1, longest + 1):
        ours = Counter(a[i : i + n] for i in range(len(a) - n + 1))
        theirs = Counter(b[i : i + n] for i in range(len(b) - n + 1))
        hits = (ours & theirs).total()
        if not ours or not theirs:
            continue
        precision, recall = hits / theirs.total(), hits / ours.total()
        down = beta**2 * precision + recall
        scores.append((1 + beta**2) * precision * recall / down if down else 0.0)
    return sum(scores) / len(scores) if scores else 0.0


def difflib_ratio(reference: str, text: str) -> float:
    """Python's ``SequenceMatcher`` ratio of the normalised texts."""
    return difflib.SequenceMatcher(None, normalize(reference), normalize(text)).ratio()


def prefers_wrong(pair: ContrastPair, measure: Callable[[str, str], float]) -> int:
    """How many paraphrases lie farther from the right side than the wrong side does."""
    wrong = measure(pair.right, pair.wrong)
    return sum(measure(pair.right, text) < wrong for text in pair.paraphrases)


def table(title: str, pairs: Sequence[ContrastPair]) -> None:
    """One row per type, and the sum."""
    print(f"\n{title}\n")
    print(
        "| 種類 | 組 | 誤りを検出 | うち同じ種類として | 言い換えを基準に検出 | 言い換えへの誤報 "
        "| chrF が誤りを選ぶ | difflib が誤りを選ぶ |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for kind, name in [*CONTRAST_TYPES.items(), ("", "合計")]:
        rows = [pair for pair in pairs if kind in ("", pair.type)]
        wrong = [compare(pair.right, pair.wrong) for pair in rows]
        same = sum(any(d.type == p.type for d in w) for p, w in zip(rows, wrong, strict=True))
        texts = [(pair, text) for pair in rows for text in pair.paraphrases]
        far = sum(bool(compare(text, pair.wrong)) for pair, text in texts)
        alarms = sum(bool(compare(pair.right, text)) for pair, text in texts)
        chrf = sum(prefers_wrong(pair, char_f_score) for pair in rows)
        ratio = sum(prefers_wrong(pair, difflib_ratio) for pair in rows)
        n = len(texts)
        print(
            f"| {name} | {len(rows)} | {sum(map(bool, wrong))}/{len(rows)} | {same}/{len(rows)} "
            f"| {far}/{n} | {alarms}/{n} | {chrf}/{n} | {ratio}/{n} |"
        )


def alarms_on_answers(part: str) -> None:
    """Right answers of the corpus against the card they rest on: every difference is false."""
    cards = {card.id: card for card in read_cards(corpus_path())}
    examples = [e for e in read_examples(corpus_path() / part) if len(e.meta.cards) == 1]
    found = [compare(cards[e.meta.cards[0]].text, e.answer) for e in examples]
    kinds = Counter(kind for differences in found for kind in {d.type for d in differences})
    print(f"{part}: {sum(map(bool, found))}/{len(found)} {dict(kinds)}")


def main() -> None:
    """Print both halves of the set, and false alarms on the corpus's own answers."""
    pairs = read_contrast(corpus_path())
    odd = [int(pair.id.rsplit("-", 1)[1]) % 2 == 1 for pair in pairs]
    table("規則を書くときに見た半分（奇数番号）", [p for p, o in zip(pairs, odd, strict=True) if o])
    table("見ていない半分（偶数番号）", [p for p, o in zip(pairs, odd, strict=True) if not o])
    print("\nカードと正しい回答の比較での誤報:")
    for part in ("qa", "heldout"):
        alarms_on_answers(part)


if __name__ == "__main__":
    main()
