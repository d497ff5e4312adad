"""How often retrieval brings the right cards, and how well its score says that there is none.

.venv/bin/python bench/retrieval.py
"""

from __future__ import annotations

from collections.abc import Sequence

from homutune.data import (
    RELEVANT,
    Card,
    Example,
    Retriever,
    corpus_path,
    read_cards,
    read_examples,
)
from homutune.law import normalize

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
THRESHOLDS = (0.38, 0.40, 0.42, 0.44, 0.46, 0.48, 0.50)


def main() -> None:
    """Print recall@k of all right cards, and both mistakes at every threshold."""
    cards = read_cards(corpus_path() / "cards")
    asks = sum(len(card.asks) for card in cards)
    print(f"{len(cards)} cards with {asks} questions they answer")
    for part in ("qa", "heldout"):
        examples = [e for e in read_examples(corpus_path() / part) if e.meta.cards]
        print(f"\n{part}: {len(examples)} questions; right cards all among the first 1, 3, 5, 10:")
        for name, retriever in (
            ("default", Retriever(cards)),
            ("1-2 characters", Retriever(cards, ngrams=(1, 2))),
            ("without asks", Retriever(cards, asks=False)),
        ):
            print(
                f"  {name:15}", *(f"{n / len(examples):6.1%}" for n in recall(retriever, examples))
            )
        thresholds(Retriever(cards), examples)
    print(f"\nnearest question a card answers: {nearest(cards)}")


def recall(retriever: Retriever, examples: Sequence[Example]) -> list[int]:
    """Questions whose right cards are all among the first 1, 3, 5 and 10."""
    found = [[card.id for card in retriever.search(e.question, 10)] for e in examples]
    return [
        sum(set(e.meta.cards) <= set(ids[:k]) for e, ids in zip(examples, found, strict=True))
        for k in (1, 3, 5, 10)
    ]


def thresholds(retriever: Retriever, examples: Sequence[Example]) -> None:
    """What a threshold costs where the right card is there, and brings where it is not."""
    there = [retriever.hits(e.question, 3) for e in examples]
    missing = [retriever.hits(e.question, 1, exclude=e.meta.cards)[0].score for e in examples]
    elsewhere = [retriever.hits(question, 1)[0].score for question in ELSEWHERE]
    found = [
        hits
        for e, hits in zip(examples, there, strict=True)
        if {hit.card.id for hit in hits} & set(e.meta.cards)
    ]
    right = [
        hits for e, hits in zip(examples, there, strict=True) if hits[0].card.id in e.meta.cards
    ]
    print(
        f"  threshold | a right card among 3 ({len(found)}): shown, and first "
        f"| withheld ({len(missing)}): no note | elsewhere ({len(elsewhere)}): no note"
    )
    for limit in THRESHOLDS:
        print(
            f"  {limit:9.2f} |{share([h[0].score >= limit for h in found]):7}"
            f"{sum(h[0].score >= limit for h in right) / len(found):7.1%}"
            f" |{share([score < limit for score in missing]):7}"
            f" |{share([score < limit for score in elsewhere]):7}"
            + (" (default)" if limit == RELEVANT else "")
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
