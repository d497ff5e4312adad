"""How often retrieval brings the right cards, and how well its score says that there is none.

.venv/bin/python bench/retrieval.py

Thresholds are to be chosen on the questions for training alone; those of the validation side of
the split and the held-out ones show what they are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from homutune.data import (
    Card,
    Example,
    Retriever,
    corpus_path,
    read_cards,
    read_examples,
    split_examples,
)
from homutune.embedding import TextVectors, text_vectors
from homutune.law import normalize
from homutune.settings import load_settings

#: Questions no card of the corpus is about.
ELSEWHERE = (
    "お昼ご飯は何がよいですか",
    "今日の天気を教えてください",
    "会議室の予約方法は",
    "出張の精算はどうやりますか",
    "離婚したいのですが慰謝料はもらえますか",
    "ビザの申請に必要な書類は",
    "相続税はいくらからかかりますか",
    "社内システムのパスワードを忘れました",
    "来週の取締役の予定を教えて",
    "新製品のキャッチコピーを考えてください",
    "英文メールを翻訳してください",
    "健康診断の予約はどこでしますか",
    "最近の円安の理由は",
    "エクセルで合計を出す関数は",
    "駅までの道順を教えてほしい",
)
#: Thresholds shown: this far below and above the one in use.
STEPS = (-0.06, -0.04, -0.02, 0.0, 0.02, 0.04)


def main() -> None:
    """Print recall@k of all right cards, and both mistakes at every threshold."""
    cards = read_cards(corpus_path() / "cards")
    asks = sum(len(card.asks) for card in cards)
    print(f"{len(cards)} cards with {asks} questions they answer")
    qa = [e for e in read_examples(corpus_path() / "qa") if e.meta.cards]
    valid = set(split_examples(qa).valid)
    parts = {
        "training": [e for e in qa if e.meta.id not in valid],
        "validation": [e for e in qa if e.meta.id in valid],
        "held-out": [e for e in read_examples(corpus_path() / "heldout") if e.meta.cards],
    }
    vectors = text_vectors(load_settings())
    if vectors is not None:
        # The same questions are asked over and over here.
        vectors.questions = partial(vectors.questions, keep=True)
    else:
        print("The embedding model is not installed or switched off: words alone are measured.")
    ways = retrievers(cards, vectors)
    for part, examples in parts.items():
        print(f"\n{part}: {len(examples)} questions; right cards all among the first 1, 3, 5, 10:")
        for name, retriever in ways.items():
            found = recall(retriever, examples)
            print(f"  {name:27}", *(f"{n / len(examples):6.1%}" for n in found))
    for name, retriever in ways.items():
        if "1-2" not in name:
            print(f"\n{name}")
            for part, examples in parts.items():
                thresholds(retriever, part, examples)
    print(f"\nnearest question a card answers: {nearest(cards)}")


def retrievers(cards: Sequence[Card], vectors: TextVectors | None) -> dict[str, Retriever]:
    """The ways to be compared."""
    ways = {
        "words": Retriever(cards),
        "words, 1-2 characters": Retriever(cards, ngrams=(1, 2)),
        "words, without asks": Retriever(cards, asks=False),
    }
    if vectors is None:
        return ways
    return {
        "words and meaning": Retriever(cards, vectors=vectors),
        "both, without asks": Retriever(cards, asks=False, vectors=vectors),
        **ways,
    }


def recall(retriever: Retriever, examples: Sequence[Example]) -> list[int]:
    """Questions whose right cards are all among the first 1, 3, 5 and 10."""
    found = [[card.id for card in retriever.search(e.question, 10)] for e in examples]
    return [
        sum(set(e.meta.cards) <= set(ids[:k]) for e, ids in zip(examples, found, strict=True))
        for k in (1, 3, 5, 10)
    ]


def thresholds(retriever: Retriever, part: str, examples: Sequence[Example]) -> None:
    """What a threshold costs where the right card is there, and brings where it is not."""
    there = [retriever.hits(e.question, 3) for e in examples]
    missing = [retriever.hits(e.question, 1, exclude=e.meta.cards)[0] for e in examples]
    elsewhere = [retriever.hits(question, 1)[0] for question in ELSEWHERE]
    found = [
        hits
        for e, hits in zip(examples, there, strict=True)
        if {hit.card.id for hit in hits} & set(e.meta.cards)
    ]
    right = [
        hits for e, hits in zip(examples, there, strict=True) if hits[0].card.id in e.meta.cards
    ]
    print(
        f"  {part:10} | a right card among 3 ({len(found)}): shown, and first "
        f"| withheld ({len(missing)}): no note | elsewhere ({len(elsewhere)}): no note"
    )
    for step in STEPS:
        limit = retriever.threshold(there[0][0].card) + step
        print(
            f"  {limit:10.2f} |{share([h[0].score >= limit for h in found]):7}"
            f"{sum(h[0].score >= limit for h in right) / len(found):7.1%}"
            f" |{share([hit.score < limit for hit in missing]):7}"
            f" |{share([hit.score < limit for hit in elsewhere]):7}"
            + (" (in use)" if step == 0 else "")
        )


def share(values: Sequence[bool]) -> str:
    """As a percentage."""
    return f"{sum(values) / len(values):6.1%}"


def nearest(cards: Sequence[Card]) -> str:
    """The evaluation question most like one of ``asks``: a copy would spoil the measurement."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    asks = [normalize(ask) for card in cards for ask in card.asks]
    questions = [
        normalize(e.question)
        for part in ("qa", "heldout")
        for e in read_examples(corpus_path() / part)
    ]
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(3, 3), binary=True, use_idf=False)
    both = vectorizer.fit_transform([*asks, *questions])
    both.data[:] = 1
    ask, question = both[: len(asks)], both[len(asks) :]
    shared = (question @ ask.T).tocoo()
    sizes_q, sizes_a = question.sum(1).A1, ask.sum(1).A1
    jaccard = shared.data / (sizes_q[shared.row] + sizes_a[shared.col] - shared.data)
    best = jaccard.argmax()
    over = sum(value >= 0.5 for value in jaccard)
    return (
        f"Jaccard of 3-grams {jaccard[best]:.2f} "
        f"({questions[shared.row[best]]} / {asks[shared.col[best]]}); {over} pairs of 0.5 or more"
    )


if __name__ == "__main__":
    main()
