from __future__ import annotations

from dataclasses import replace

import pytest

from homutune.data import Card, Retriever, grounded_messages, plain_messages
from homutune.prompting import PLANS, build

CARDS = [
    Card(
        "baibai-kensa",
        "検査と通知（商人間の売買）",
        "売買",
        "商人間の売買では、買主は受け取った物を遅滞なく検査する（商法526条1項）。",
    ),
    Card(
        "baibai-kikan",
        "契約不適合の通知期間",
        "売買",
        "買主は不適合を知った時から1年以内に通知する（民法566条）。",
    ),
    Card("rodo-kaiko", "解雇の予告", "労働", "使用者は30日前に解雇を予告する（労働基準法20条）。"),
    Card("rodo-chingin", "賃金の支払", "労働", "賃金は毎月1回以上支払う（労働基準法24条）。"),
    Card("kaisha-gijiroku", "議事録", "会社", "取締役会の議事録を作る（会社法369条3項）。"),
]
QUESTION = "商人間の売買で受け取った物はいつ検査しますか。"


def test_plain_plan_sends_the_question_alone() -> None:
    prompt = build(PLANS["plain"], QUESTION)
    assert prompt.messages == tuple(plain_messages(QUESTION))
    assert prompt.cards == ()


def test_grounded_plan_sends_the_form_used_in_training() -> None:
    prompt = build(PLANS["grounded"], QUESTION, Retriever(CARDS))
    assert len(prompt.cards) == 3
    assert prompt.messages == tuple(grounded_messages(QUESTION, prompt.cards))
    assert prompt.cards[0].id == "baibai-kensa"


def test_without_a_relevant_card_the_question_is_put_without_notes() -> None:
    prompt = build(PLANS["grounded"], "社員食堂の献立を教えて", Retriever(CARDS))
    assert prompt.cards == ()
    assert prompt.messages == tuple(grounded_messages("社員食堂の献立を教えて", []))


def test_excluded_cards_are_not_shown() -> None:
    plan = replace(PLANS["grounded"], only_relevant=False)
    prompt = build(plan, QUESTION, Retriever(CARDS), exclude=("baibai-kensa",))
    assert "baibai-kensa" not in [card.id for card in prompt.cards]
    assert len(prompt.cards) == 3


def test_the_notes_stand_in_the_order_of_retrieval() -> None:
    retriever = Retriever(CARDS)
    prompt = build(PLANS["grounded"], QUESTION, retriever)
    assert list(prompt.cards) == retriever.search(QUESTION, 3)


def test_grounded_plan_without_a_retriever_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="retriever"):
        build(PLANS["grounded"], QUESTION)
