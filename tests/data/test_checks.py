import json
from dataclasses import replace

import pytest

from homutune.data import Example, Meta, check_examples, points_met, read_examples
from pairs import ANSWER, card, pair

KIND = "契約書に関する質問"
QUESTIONS = (
    "仕入れた布に染みがありました。売主にはいつまでに伝えればよいですか。",
    "中古の旋盤が動きません。修理を求める前にしておくことは何ですか。",
    "輸入した豆の品質が見本より落ちます。契約を解除する道はありますか。",
    "購入した土地の面積が図面と違いました。代金は減らせますか。",
    "部品の寸法違いに半年後に気づきました。もう請求できないのですか。",
    "納入された名刺の印刷がかすれています。通知の期限を教えてください。",
    "検収を終えた家具に傷が見つかったとき、何を記録すべきですか。",
    "買ったソフトの機能が説明書どおりに働きません。誰に責任がありますか。",
    "食器の一部が割れて届きました。交換を頼むときの注意はありますか。",
    "倉庫の床が沈んできました。建てた会社との契約では何を確かめますか。",
)
SOUND = [
    pair(n, question=question, kind=KIND, must=("1年以内",), articles=("民法566条",))
    for n, question in enumerate(QUESTIONS)
]


def found(*extra, cards=None):
    """Ids of the problems of sound examples and some more, with the numbers concerned."""
    report = check_examples([*SOUND, *extra], cards)
    return {(problem.id, problem.severity): problem.examples for problem in report.problems}


def with_messages(*messages):
    return Example(tuple(messages), Meta(id="extra"))


def user(content="問い"):
    return {"role": "user", "content": content}


def assistant(content="お答えします。", **more):
    return {"role": "assistant", "content": content, **more}


def test_sound_examples_have_no_problem():
    report = check_examples(SOUND)
    assert report.problems == ()
    assert report.ok
    assert (report.n, report.by_kind) == (10, {KIND: 10})
    assert report.answer_characters.median == len(ANSWER)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ([1], ("F001", "error")),
        ({"prompt": "a"}, ("F002", "error")),
        ({"messages": []}, ("F002", "error")),
        ({"messages": ["a", assistant()]}, ("F003", "error")),
        ({"messages": [{"content": "a"}, assistant()]}, ("F003", "error")),
        ({"messages": [{"role": "user"}, assistant()]}, ("F003", "error")),
        ({"messages": [user() | {"lang": "ja"}, assistant()]}, ("F004", "error")),
        ({"messages": [user() | {"role": "bot"}, assistant()]}, ("F005", "error")),
        ({"messages": [user(" "), assistant()]}, ("F006", "error")),
        ({"messages": [user(), assistant("")]}, ("F006", "error")),
        ({"messages": [user(), assistant(None)]}, ("F006", "error")),
        ({"messages": [user() | {"weight": 1}, assistant()]}, ("F007", "error")),
        ({"messages": [user(), assistant(weight=2)]}, ("F007", "error")),
        ({"messages": [user(), assistant(weight=True)]}, ("F007", "error")),
        ({"messages": [user()]}, ("F008", "error")),
        ({"messages": [user(), assistant(), user()]}, ("F009", "warning")),
        ({"messages": [user(), assistant()], "lang": "ja"}, ("F010", "error")),
        ({"input": {}, "preferred_output": []}, ("F010", "error")),
        ({"messages": [user(), assistant("<|fim_suffix|>です。")]}, ("F012", "error")),
        ({"messages": [user("<start_of_turn>user"), assistant()]}, ("F012", "error")),
        ({"messages": [user("a<bos>"), assistant()]}, ("F012", "error")),
        ({"messages": [user("</s>"), assistant()]}, ("F012", "error")),
        ({"messages": [user(), assistant()], "tools": []}, ("F013", "warning")),
        ({"messages": [assistant()]}, ("F014", "warning")),
        ({"messages": [user("\ufffd"), assistant()]}, ("F015", "error")),
    ],
)
def test_each_fault_of_form_is_found_on_its_line(tmp_path, line, problem):
    path = tmp_path / "train.jsonl"
    good = [{"messages": [user(f"問い{n}"), assistant()]} for n in range(10)]
    path.write_text("\n".join(json.dumps(entry) for entry in [*good, line]), encoding="utf-8")
    report = check_examples(read_examples(path))
    hits = [p for p in report.problems if (p.id, p.severity) == problem]
    assert [(p.examples, p.line) for p in hits] == [((11,), 11)]
    assert all(p.examples == (11,) for p in report.problems)


def test_text_that_only_looks_like_markup_is_no_special_token():
    assert found(with_messages(user("<甲>と<乙>の契約で a<b かつ |x| は？"), assistant())) == {}


def test_tool_calls_need_no_content():
    call = {"role": "assistant", "tool_calls": [{"id": "1"}]}
    assert ("F003", "error") not in found(with_messages(user(), call, assistant()))


def test_fewer_than_ten_examples_are_too_few():
    report = check_examples(SOUND[:9])
    assert [problem.id for problem in report.errors] == ["F011"]
    assert "9件" in report.errors[0].message


def test_duplicates_contradictions_and_repeated_ids_are_found():
    question = SOUND[0].question
    assert found(pair(50, question=question + " ")) == {("D001", "warning"): (1, 11)}
    other = found(pair(50, question=question, answer="別の答えです。"))
    assert other == {("D002", "warning"): (1, 11)}
    assert found(pair(3, question="別の問い")) == {("D003", "error"): (4, 11)}


def test_cards_must_exist_and_pairs_sharing_one_must_share_a_group():
    assert found(pair(50, cards=("c-001",)), cards=[card(1, "通知は1年以内。")]) == {}
    assert found(pair(50, cards=("c-009",)), cards=[card(1)])["G001", "error"] == (11,)
    assert found(pair(50, cards=("c-009",))) == {}
    other = "検品はだれが行うのですか。"
    shared = [
        pair(50, cards=("c-001",), group="a"),
        pair(51, question=other, cards=("c-001",), group="b"),
    ]
    assert found(*shared) == {("G002", "warning"): (11, 12)}
    assert found(*(replace(e, meta=replace(e.meta, group="a")) for e in shared)) == {}


def test_a_rubric_that_contradicts_its_answer_is_an_error():
    assert found(pair(50, must=("2年以内",))) == {("R001", "error"): (11,)}
    assert found(pair(50, must=("2年以内|１年 以内",))) == {}
    assert found(pair(50, must_not=("1年以内",))) == {("R002", "error"): (11,)}
    assert found(pair(50, must_not=("民法570条",))) == {}


def test_a_period_without_an_article_and_an_article_without_mention_are_doubtful():
    assert found(pair(50, answer="3か月以内です。")) == {("L001", "warning"): (11,)}
    assert found(pair(50, answer="会社法362条により3か月以内です。")) == {}
    assert found(pair(50, answer="早めに通知します。")) == {}
    assert found(pair(50, articles=("会社法362条",))) == {("L002", "warning"): (11,)}
    assert found(pair(50, articles=("第5条",))) == {("L002", "warning"): (11,)}
    assert found(pair(50, articles=("民法第五百六十六条",))) == {}


def test_house_style_is_asked_only_of_examples_with_a_kind():
    short = "通知が必要である。"
    assert found(pair(50, answer=short)) == {}
    problems = found(pair(50, answer=short, kind=KIND))
    assert set(problems) == {("S001", "warning"), ("S002", "warning"), ("S003", "warning")}
    assert found(pair(50, kind="その他の質問")) == {("K001", "warning"): (11,)}


def test_polite_answers_may_say_yes_or_end_in_a_citation():
    answer = ANSWER.replace("結論：", "結論：はい。").replace(
        "あります。", "あります（民法566条）。"
    )
    assert found(pair(50, answer=answer, kind=KIND)) == {}


def test_the_report_goes_through_json_with_its_counts():
    report = check_examples([*SOUND, pair(50, must=("x",), field="売買")])
    data = json.loads(json.dumps(report.to_dict()))
    assert (data["ok"], data["errors"], data["n"]) == (False, 1, 11)
    assert data["by_kind"] == {KIND: 10, "（なし）": 1}
    assert data["by_field"] == {"売買": 1, "（なし）": 10}
    assert data["problems"][0]["examples"] == [11]
    assert report.summary == {"errors": 1, "warnings": 0}


def test_a_rubric_point_is_met_by_any_alternative_whatever_the_width():
    assert points_met("２年|1年以内", "１年 以内")
    assert not points_met("2年", "12か月")
    assert not points_met("|", "何か")
