"""Numbers of an answer against the text of the article it cites, in statutes of our own making."""

import json

import pytest

from homutune.cli._app import run
from homutune.data import check_examples
from homutune.law import LawStore, Provisions, parse_law
from pairs import pair
from statutes import statute

TEXT = (
    "買主は、六箇月以内に通知し、百分の三の利息及び三百万円以下の過料を二週間以内に払う。"
    "三分の二以上の同意を要する。令和二年四月一日から施行する。"
)


@pytest.fixture
def told(tmp_path):
    store = LawStore(tmp_path)
    store.put(parse_law(statute("商法", "132AC0000000048", first=TEXT), name="a.xml"))
    statutes = Provisions(store)

    def told(answer, question="いつまでに、いくら払いますか。"):
        report = check_examples([pair(1, answer, question)], statutes=statutes)
        return [p for p in report.problems if p.id == "L007"]

    return told


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("商法1条1項は、1年以内に通知するよう求めています。", "1年"),
        ("商法1条により、利息は年5%です。", "5%"),
        ("商法1条により、利息は年５％です。", "5%"),
        ("商法1条により、過料は300円です。", "300円"),
        ("商法1条により、過料は1,000万円以下です。", "1,000万円"),
        ("商法1条により、10日以内に払います。", "10日"),
        ("商法第1条では、4分の3以上の同意が必要です。", "4分の3"),
    ],
)
def test_a_number_that_the_cited_article_does_not_have_is_doubtful(told, answer, wrong):
    (problem,) = told(f"結論：払います。\n根拠：{answer}")
    assert problem.severity == "warning"
    assert f"回答は「{wrong}」です（要確認）" in problem.message


@pytest.mark.parametrize(
    "answer",
    [
        "商法1条1項は、6か月以内に通知するよう求めています。",
        "商法1条は、半年にあたる６ヶ月以内と定めます。",
        "商法1条により、利息は年3パーセント、過料は300万円以下です。",
        "商法1条により、過料は3,000,000円以下で、14日以内に払います。",
        "商法1条により、3分の2以上の同意が要ります。",
        # Units of which the article says nothing, dates, and other articles' numbers.
        "商法1条により、株主が5人いれば24時間以内に足ります。",
        "商法1条は2020年4月1日に施行され、平成29年の改正によります。",
        "商法1条により通知します。別に社内では1年以内としています。",
        # No text at hand, in full or in part; an article that is deleted or not there.
        "民法566条は、1年以内に通知するよう求めています。",
        "商法1条と民法566条は、1年以内に通知するよう求めています。",
        "商法2条は、1年以内に通知するよう求めています。",
        "商法1条9項は、1年以内に通知するよう求めています。",
        "旧商法1条は、1年以内に通知するよう求めていました。",
    ],
)
def test_what_agrees_or_cannot_be_compared_is_passed_over(told, answer):
    assert told(f"結論：払います。\n根拠：{answer}") == []


def test_a_number_of_the_question_is_a_fact_of_the_case(told):
    answer = "商法1条により、1年後の通知では間に合いません。"
    assert told(answer, "1年後に通知しました。間に合いますか。") == []
    assert told(answer)


def test_endless_digits_cost_no_more_than_they_are_worth(told):
    for digits in ("1" * 20_000, "一" * 20_000, "1年" * 10_000, "千万" * 10_000):
        told(f"商法1条により、{digits}。")


def test_texts_imported_by_the_user_are_used(home, tmp_path, capsys):
    (tmp_path / "law.xml").write_bytes(statute("商法", first=TEXT))
    row = {"question": "通知の期限は？", "answer": "結論：商法1条1項により、1年以内です。"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row), encoding="utf-8")

    def rules():
        capsys.readouterr()
        run(["data", "check", "a.jsonl", "--json"])
        return {p["id"] for p in json.loads(capsys.readouterr().out)["problems"]}

    assert "L007" not in rules()
    assert run(["law", "import", "law.xml"]) == 0
    assert "L007" in rules()
