import json
import random
from dataclasses import replace

import pytest

from homutune.data import (
    ABSTENTION,
    NO_NOTES,
    SYSTEM_PROMPT,
    Retriever,
    build_lines,
    grounded_answer,
    grounded_messages,
    is_abstention,
    plain_messages,
    references,
    with_sources,
    without_sources,
    write_chat_jsonl,
)
from homutune.errors import UserError
from pairs import ANSWER, card, linked, pair


def test_plain_lines_are_the_examples_own_messages_with_a_system_text():
    (line,) = build_lines([pair(1)], [], recipe="plain")
    assert line.case == "plain"
    assert line.messages[:2] == plain_messages(pair(1).question)
    assert line.messages[0]["content"] == SYSTEM_PROMPT
    assert line.messages[2] == {"role": "assistant", "content": ANSWER}
    (again,) = build_lines([line_example(line)], [], recipe="plain")
    assert again.messages == line.messages


def line_example(line):
    from homutune.data import Example, Meta

    return Example(line.messages, Meta(id="x"))


def test_the_prompt_numbers_the_notes_and_ends_with_the_question():
    system, user = grounded_messages(
        "期限は？", [card(1, "本文一。", "題一"), card(2, "本文二。", "題二")]
    )
    assert ABSTENTION in system["content"]
    assert user["content"] == ("質問：期限は？\n\n参考資料\n本文一。――[1] 題一\n本文二。――[2] 題二")


def test_grounded_lines_are_the_form_used_when_answering_with_the_right_number():
    examples, cards = linked(60)
    by_id = {c.id: c for c in cards}
    lines = build_lines(examples, cards, recipe="grounded", withheld=0.25)
    singles = {line.example_id: line for line in lines if line.case == "single"}
    assert set(singles) == {e.meta.id for e in examples}
    for example in examples:
        line = singles[example.meta.id]
        assert len(set(line.shown)) == 3
        (number,) = line.expected
        assert line.shown[number - 1] == example.meta.cards[0]
        shown = [by_id[i] for i in line.shown]
        assert line.messages[:2] == grounded_messages(example.question, shown)
        source, answer = line.messages[2]["content"].split("\n", 1)
        assert source == f"参照：[{number}] {shown[number - 1].title}"
        conclusion, basis, caution = answer.split("\n")
        assert conclusion == example.answer.split("\n")[0]
        assert basis == f"根拠：「{shown[number - 1].text}」"
        assert caution == example.answer.split("\n")[2]


def test_withheld_lines_never_show_the_right_card_and_are_the_wanted_share():
    examples, cards = linked(60)
    lines = build_lines(examples, cards, recipe="grounded", withheld=0.25)
    withheld = [line for line in lines if line.case == "none"]
    right = {e.meta.id: e.meta.cards[0] for e in examples}
    texts = {c.id: c.text for c in cards}
    assert len(withheld) == 15
    for line in withheld:
        assert right[line.example_id] not in line.shown
        assert texts[right[line.example_id]] not in line.messages[1]["content"]
        assert line.expected == ()
        assert line.messages[2]["content"] == ABSTENTION
    assert [x.case for x in build_lines(examples, cards, recipe="grounded", withheld=0)] == [
        "single"
    ] * 60


def test_with_its_card_withheld_a_question_gets_the_notes_it_would_get_when_answering():
    law = "買主は、契約不適合を知った時から1年以内に、不適合を売主に通知する"
    cards = [
        card(1, f"{law}。", "契約不適合の通知期間（種類・品質）"),
        card(2, f"{law}。数量の不適合では、この期間の制限はない。", "契約不適合の通知期間（数量）"),
        card(3, "使用者は、労働者を解雇する30日前に予告する。", "解雇の予告"),
        *(card(number) for number in range(4, 12)),
    ]
    examples = [
        pair(1, question="買主は契約不適合をいつまでに売主に通知しますか。", cards=("c-001",)),
        pair(2, question="解雇は何日前に予告しますか。", cards=("c-003",)),
    ]
    lines = build_lines(examples, cards, recipe="grounded", withheld=1)
    confusable, clear = (line for line in lines if line.case == "none")
    assert confusable.shown[0] == "c-002"
    assert confusable.messages[2]["content"] == ABSTENTION
    assert clear.shown == ()
    assert clear.messages[1]["content"].endswith(f"参考資料\n{NO_NOTES}")


def test_notes_stand_in_the_order_of_retrieval_as_when_answering():
    examples, cards = linked(60)
    retriever = Retriever(cards)
    lines = build_lines(examples, cards, recipe="grounded", withheld=1)
    questions = {e.meta.id: e.question for e in examples}
    for line in lines:
        ranking = [c.id for c in retriever.search(questions[line.example_id], len(cards))]
        assert list(line.shown) == sorted(line.shown, key=ranking.index)


def test_lines_depend_on_the_seed_but_not_on_the_order_of_examples():
    examples, cards = linked(40)
    lines = build_lines(examples, cards, recipe="grounded")
    mixed_examples, mixed_cards = examples[:], cards[:]
    random.Random(1).shuffle(mixed_examples)
    random.Random(2).shuffle(mixed_cards)
    mixed = build_lines(mixed_examples, mixed_cards, recipe="grounded")
    order = {line.example_id: n for n, line in enumerate(lines)}
    assert sorted(mixed, key=lambda line: (order[line.example_id], line.case != "single")) == lines
    assert build_lines(examples, cards, recipe="grounded", seed=7) != lines


def test_only_the_given_cards_are_ever_shown():
    examples, cards = linked(40)
    allowed = cards[:10]
    chosen = [e for e in examples if e.meta.cards[0] in {c.id for c in allowed}]
    lines = build_lines(chosen, allowed, recipe="grounded")
    assert {i for line in lines for i in line.shown} <= {c.id for c in allowed}


def test_several_right_cards_are_all_shown_and_all_named():
    cards = [card(n) for n in range(8)]
    (line,) = build_lines([pair(1, cards=("c-002", "c-005"))], cards, recipe="grounded", withheld=0)
    assert [line.shown[n - 1] for n in line.expected] == [
        i for i in line.shown if i in ("c-002", "c-005")
    ]
    assert references(line.messages[2]["content"]) == line.expected
    wanted = tuple(f"c-{n:03d}" for n in range(5))
    (line,) = build_lines([pair(1, cards=wanted)], cards, recipe="grounded", withheld=0)
    assert sorted(line.shown) == list(wanted)


def test_examples_without_cards_are_left_out_and_counted():
    examples, cards = linked(4)
    notes = []
    lines = build_lines([*examples, pair(99)], cards, recipe="grounded", withheld=0, notes=notes)
    assert len(lines) == 4
    assert "1件" in notes[0]


def test_a_card_that_is_not_given_is_an_error():
    with pytest.raises(UserError, match="c-777"):
        build_lines([pair(1, cards=("c-777",))], [card(1)], recipe="grounded")


def test_with_an_only_card_withheld_no_note_is_left():
    lines = build_lines([pair(1, cards=("c-001",))], [card(1)], recipe="grounded", withheld=1)
    assert [(x.case, x.shown) for x in lines] == [("single", ("c-001",)), ("none", ())]


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("結論：はい。[1]\n根拠：民法です。[1]", (1,)),
        ("結論：はい。［２］［1］", (2, 1)),
        ("[1,3]と[2、3]", (1, 3, 2)),
        ("第1条 (1) 【1】", ()),
        ("", ()),
    ],
)
def test_reference_numbers_are_read_in_every_width(answer, numbers):
    assert references(answer) == numbers


def test_the_sources_stand_above_the_answer_and_come_off_again():
    sources = [(1, card(1, "本文", "題一")), (3, card(2, "本文", "題二"))]
    told = with_sources(ANSWER, sources)
    assert told == f"参照：[1] 題一、[3] 題二\n{ANSWER}"
    assert without_sources(told) == ANSWER
    assert without_sources(ANSWER) == ANSWER
    assert without_sources("参照：[1] 題一") == ""
    assert without_sources("結論：条文を\n参照：してください") == "結論：条文を\n参照：してください"


def test_basis_and_caution_are_quoted_from_the_card():
    text = (
        "買主は「現状」で受け取る。知った時から1年以内に通知する（民法566条）。"
        "同条の期間は特約で変えられる。気づいた日を記録に残す。"
    )
    example = pair(1, cards=("c-001",), articles=("民法566条",))
    told = grounded_answer(example, [(2, card(1, text, "通知"))])
    assert told.split("\n") == [
        "参照：[2] 通知",
        ANSWER.split("\n")[0],
        "根拠：「知った時から1年以内に通知する（民法566条）。同条の期間は特約で変えられる。」",
        "留意点：「気づいた日を記録に残す。」",
    ]
    inner = grounded_answer(pair(1), [(1, card(1, "「現状」で受け取る。", "題"))])
    assert "根拠：「『現状』で受け取る。」" in inner
    free = pair(1, answer="1年以内に通知してください。")
    assert grounded_answer(free, [(1, card(1))]) == "参照：[1] 題目1\n1年以内に通知してください。"


def test_only_the_abstention_alone_is_an_abstention():
    assert is_abstention(ABSTENTION)
    assert is_abstention(f" {ABSTENTION}\n")
    assert is_abstention("提示された参考資料からは確認できません。")
    assert not is_abstention(f"結論：はい。{ABSTENTION}")
    assert not is_abstention("")


def test_a_training_file_holds_messages_only_and_one_line_per_example(tmp_path):
    line = build_lines([pair(1, question="改行\u2028を含む？")], [], recipe="plain")[0]
    path = tmp_path / "new" / "train.jsonl"
    write_chat_jsonl(path, [line, line])
    rows = [json.loads(row) for row in path.read_text("utf-8").splitlines()]
    assert rows == [{"messages": list(line.messages)}] * 2


def test_the_retriever_brings_the_card_that_answers_and_obeys_exclusion():
    cards = [
        card(
            1,
            "売主が引き渡した物が契約に適合しないとき、買主は1年以内に通知する。",
            "契約不適合の通知",
        ),
        card(2, "使用者は労働者を解雇する30日前に予告する。", "解雇の予告"),
        card(3, "取締役会は重要な財産の処分を決める。", "取締役会の権限"),
    ]
    retriever = Retriever(cards)
    question = "従業員を解雇するとき、予告は何日前ですか。"
    assert [c.id for c in retriever.search(question, k=1)] == ["c-002"]
    assert "c-002" not in {c.id for c in retriever.search(question, k=3, exclude={"c-002"})}
    assert len(retriever.search(question, k=9)) == 3
    assert Retriever([]).search(question) == []


def test_a_card_is_found_by_the_questions_it_answers():
    cards = [
        replace(card(1, "意思表示は到達の時に効力を生じる。", "到達"), asks=("郵便が届かない",)),
        card(2, "郵便切手は印紙に代えられない。", "印紙"),
        *(card(number) for number in range(3, 9)),
    ]
    question = "内容証明の郵便が届かないときはどうなりますか"
    assert Retriever(cards).search(question, 1)[0].id == "c-001"
    assert Retriever(cards, asks=False).search(question, 1)[0].id == "c-002"


def test_no_card_is_relevant_to_a_question_about_something_else():
    cards = [
        card(1, "使用者は労働者を解雇する30日前に予告する。", "解雇の予告"),
        card(2, "取締役会は重要な財産の処分を決める。", "取締役会の権限"),
        *(card(number) for number in range(3, 9)),
    ]
    retriever = Retriever(cards)
    assert retriever.search("解雇の予告は何日前ですか", only_relevant=True)[0].id == "c-001"
    assert retriever.search("おいしい蕎麦屋はどこにありますか", only_relevant=True) == []
    (best, *_) = retriever.hits("おいしい蕎麦屋はどこにありますか")
    assert 0 <= best.score < retriever.threshold(best.card)


def test_a_near_miss_is_among_the_notes_and_is_never_the_source():
    cards = [card(number) for number in range(1, 13)]
    plain = pair(1, cards=("c-001",))
    example = replace(plain, meta=replace(plain.meta, near=("c-011",), case="near_miss"))
    line, withheld = build_lines([example], cards, recipe="grounded", withheld=1)
    assert {"c-001", "c-011"} <= set(line.shown)
    assert line.case == "near_miss"
    assert [line.shown[n - 1] for n in line.expected] == ["c-001"]
    assert "c-001" not in withheld.shown
