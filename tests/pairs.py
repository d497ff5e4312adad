"""Small examples and cards for tests."""

from __future__ import annotations

from typing import Any

from homutune.data import Card, Example, Meta

ANSWER = (
    "結論：不適合を知った時から1年以内に、その旨を売主に通知する必要があります。\n"
    "根拠：民法566条は、種類または品質の不適合について、買主が知った時から1年以内に通知しないと、"
    "追完や損害賠償などを求められなくなると定めています。\n"
    "留意点：会社どうしの売買では、受け取った後の検査と通知の義務も別に問題になるため、"
    "気づいた日と通知の内容を記録に残します。"
)


def pair(number: int, answer: str = ANSWER, question: str = "", **meta: Any) -> Example:
    """A sound pair; its question differs from that of every other number."""
    question = question or f"第{number}号案件では、いつまでに売主へ連絡すべきですか。"
    return Example(
        messages=({"role": "user", "content": question}, {"role": "assistant", "content": answer}),
        meta=Meta(**{"id": f"q-{number:03d}", **meta}),
    )


def card(number: int, text: str = "", title: str = "") -> Card:
    """A card whose words are its own."""
    return Card(
        id=f"c-{number:03d}",
        title=title or f"題目{number}",
        field="売買",
        text=text or f"第{number}規則は、当事者{number}に義務{number}を課す。",
    )


def linked(count: int, per_card: int = 2) -> tuple[list[Example], list[Card]]:
    """``count`` pairs, each ``per_card`` of them about one card and in one group."""
    cards = [card(n) for n in range((count + per_card - 1) // per_card)]
    kinds = ("契約書に関する質問", "法律解釈に関する質問")
    examples = [
        pair(
            n,
            question=f"規則{n // per_card}の義務{n // per_card}について、問い{n}です。",
            cards=(cards[n // per_card].id,),
            group=cards[n // per_card].id,
            kind=kinds[n % 2],
        )
        for n in range(count)
    ]
    return examples, cards
