"""Few-shot, reasoning and output form are data of a plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from homutune.data import ABSTENTION, Retriever
from homutune.errors import UserError
from homutune.prompting import (
    PLANS,
    SEARCH_PLANS,
    PromptPlan,
    Shots,
    build,
    read_plans,
    read_reply,
    write_plan,
)
from pairs import ANSWER, linked, pair

QUESTION = "規則3の義務3について、ほかの問いです。"


@pytest.fixture
def shots() -> Shots:
    examples, cards = linked(12)
    return Shots(examples, cards)


def test_shots_are_near_of_different_matters_and_the_nearest_stands_last(shots: Shots) -> None:
    chosen = shots.choose(QUESTION, 3)
    assert len({example.meta.group for example, _ in chosen}) == 3
    assert chosen[-1][0].meta.cards == ("c-003",)
    assert len({example.meta.kind for example, _ in chosen[1:]}) == 2
    assert shots.choose(QUESTION, 3) == chosen
    assert all(cards[0].id == example.meta.cards[0] for example, cards in chosen)


def test_shots_stand_before_the_question_in_the_form_of_the_plan(shots: Shots) -> None:
    _, cards = linked(12)
    plan = PromptPlan("few", "grounded", shots=2)
    prompt = build(plan, QUESTION, Retriever(cards), shots=shots)
    roles = [message["role"] for message in prompt.messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert len(prompt.shots) == 2 and QUESTION in prompt.messages[-1]["content"]
    # The right note is number 1 once and number 2 once.
    assert prompt.messages[2]["content"].startswith("参照：[1]")
    assert prompt.messages[4]["content"].startswith("参照：[2]")
    plain = build(PromptPlan("few", "plain", shots=1), QUESTION, shots=shots)
    assert plain.messages[2]["content"] == ANSWER and not plain.cards
    with pytest.raises(ValueError, match="examples"):
        build(plan, QUESTION, Retriever(cards))


def test_reasoning_is_written_first_and_kept_from_the_reader(shots: Shots) -> None:
    plan = PromptPlan("think", "plain", reasoning=True, shots=1)
    prompt = build(plan, QUESTION, shots=shots)
    assert prompt.schema is not None and list(prompt.schema["properties"]) == [
        "reasoning",
        "answer",
    ]
    shown = json.loads(prompt.messages[2]["content"])
    assert list(shown) == ["reasoning", "answer"] and shown["answer"] == ANSWER
    reply = read_reply(plan, '{"reasoning": "民法566条を見る。", "answer": "結論：通知します。"}')
    assert (reply.text, reply.reasoning) == ("結論：通知します。", "民法566条を見る。")


def test_fields_become_the_three_lines() -> None:
    plan = PromptPlan("fields", "grounded", output="fields")
    raw = {"sources": "[2] 検査", "conclusion": "結論：します。", "basis": "「〜」", "caution": ""}
    text = read_reply(plan, json.dumps(raw, ensure_ascii=False)).text
    assert text == "参照：[2] 検査\n結論：します。\n根拠：「〜」"
    silent = {**raw, "sources": "", "conclusion": ABSTENTION}
    assert read_reply(plan, json.dumps(silent, ensure_ascii=False)).text == ABSTENTION


def test_prose_is_taken_as_it_is_and_half_a_reply_shows_no_thought() -> None:
    plan = PromptPlan("think", "plain", reasoning=True)
    assert read_reply(plan, "結論：通知します。").text == "結論：通知します。"
    cut = read_reply(plan, '{"reasoning": "まず資料を')
    assert cut.text == "" and cut.reasoning is not None and "まず資料を" in cut.reasoning
    assert read_reply(PLANS["plain"], '{"a": 1}').text == '{"a": 1}'


def test_a_plan_of_before_keeps_its_identity() -> None:
    assert set(PLANS["grounded"].as_dict()) == {"name", "form", "k", "max_tokens", "temperature"}
    assert PromptPlan("x", "plain", shots=1).as_dict()["shots"] == 1


def test_plans_are_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    for plan in SEARCH_PLANS:
        write_plan(path, plan)
        assert read_plans(path) == [plan]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- {name: a}", "name と form"),
        ("- {name: a, form: other}", "form は plain・grounded"),
        ("- {name: a, form: plain, shot: 2}", "知らない項目 shot"),
        ("- {name: a, form: plain, shots: -1}", "shots は 0〜16"),
        ("- {name: a, form: plain, shots: true}", "shots は"),
        ("- {name: a, form: plain, reasoning: 1}", "reasoning は true か false"),
        ("- {name: grounded, form: plain}", "使えません"),
        ("- {name: a, form: plain}\n- {name: a, form: grounded}", "重なっています"),
        ("- {name: [", "プランを読めません"),
    ],
)
def test_a_wrong_plan_is_named_with_its_file(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "plans.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match=told) as caught:
        read_plans(path)
    assert caught.value.file == str(path) and caught.value.remedy


def test_a_pair_whose_card_may_not_be_shown_is_no_shot() -> None:
    examples, cards = linked(4)
    assert len(Shots([*examples, pair(99, cards=("c-999",))], cards)) == 4
