import datetime
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import docx
import openpyxl
import pytest

from homutune.assistant import (
    contract_register,
    draft,
    legal_basis,
    load_catalogue,
    load_playbooks,
    load_templates,
    matrix_svg,
    plan_register,
    read_document,
    text_document,
    write_calendar,
)
from homutune.assistant._obligations import shift
from homutune.cli._app import run

CONTRACTS = Path(__file__).resolve().parents[2] / "bench/contracts"


@pytest.fixture(scope="module")
def books():
    return load_playbooks()


def drafted(books, kind, side, **changed):
    template = load_templates()[kind]
    answers = {f.name: f.example if f.default is None else f.default for f in template.fields}
    return draft(template, {**answers, **changed}, playbook=books[kind], side=side).text


def register(books, text, side, **options):
    return contract_register(text_document("契約.txt", text), books, side=side, **options)


PLAN = """新しい会員サービスの企画書
当社は、会員データを米国の子会社に提供し、購買の傾向を分析する。
個人事業主のデザイナーに画像の制作を委託し、翌々月末に支払う。
販売店には、値引き販売をしないよう価格を指示する。
社員食堂の献立を新しくする。
"""


def test_every_rule_of_the_playbooks_has_a_category_and_a_consequence(books):
    known = load_catalogue().consequences
    rules = {rule.id for book in books.values() for rule in book.rules}
    assert rules - set(known) == set()
    assert set(known) - rules == set(), "a consequence for a rule that no longer exists"
    assert all(text.endswith("。") for _, _, text in known.values())


def test_every_article_of_the_plan_rules_is_confirmed():
    plan = load_catalogue().plan
    assert len({rule.id for rule in plan}) == len(plan) > 20
    for rule in plan:
        assert {basis.status for basis in legal_basis(rule.law)} == {"確認済み"}, rule.id
        assert len(legal_basis(rule.law)) == len(rule.law)


def test_a_list_of_customers_and_the_work_of_a_machine_are_points_of_a_plan():
    plan = "デザイナーに顧客の名簿を渡して宛名を入れてもらう。生成AIで作った素材も使う。"
    found = {risk.topic for risk in plan_register(text_document("計画.txt", plan)).risks}
    assert {"第三者への個人データの提供", "生成 AI の出力の利用"} <= found
    menu = text_document("計画.txt", "社員食堂の献立と座席の名簿を新しくする。")
    assert plan_register(menu).risks == ()


def test_a_finding_becomes_a_risk_with_cause_consequence_mitigation_owner_and_place(books):
    text = drafted(books, "gyomu-itaku", "受託者").replace(
        "受領した月の翌月末日までに", "受領した日から90日以内に"
    )
    made = register(books, text, "受託者", owners={"代金・支払": "財務部"})
    (risk,) = made.risks
    assert (risk.category, risk.owner, risk.priority) == ("代金・支払", "財務部", "高")
    assert "90日" in risk.cause
    assert "勧告" in risk.consequence
    assert risk.mitigation.startswith("受領した日")
    assert risk.clause == "第4条第2項"
    document = text_document("契約.txt", text)
    assert document.text[risk.start : risk.end] == risk.quote
    assert {basis.status for basis in risk.basis} == {"確認済み"}
    assert made.cell("代金・支払", "高") == (risk,)


def test_a_plan_is_searched_for_points_and_quotes_the_sentence(books):
    document = text_document("企画.txt", PLAN)
    made = plan_register(document)
    assert {r.rule for r in made.risks} == {
        "kojin-gaikoku",
        "kojin-teikyo",
        "gaichu-kojin",
        "kakaku-kosoku",
    }
    for risk in made.risks:
        assert document.text[risk.start : risk.end] == risk.quote
        assert risk.quote.endswith("。")
    assert "挙がらない論点" in made.notice
    assert plan_register(text_document("b.txt", "社員食堂の献立を新しくする。")).risks == ()


def test_the_matrix_is_a_picture_that_shows_every_risk_once_and_escapes_names(books):
    document = text_document("<b>&企画.txt", PLAN)
    made = plan_register(document)
    picture = ET.fromstring(matrix_svg(made))
    space = {"s": "http://www.w3.org/2000/svg"}
    numbers = [t.text for t in picture.iterfind(".//s:g/s:text", space)]
    assert sorted(numbers) == sorted(str(r.number) for r in made.risks)
    assert picture.findtext("s:title", "", space).endswith("<b>&企画.txt")
    assert "評価ではありません" in "".join(picture.itertext())
    ET.fromstring(matrix_svg(plan_register(text_document("空.txt", "献立を決める。"))))


def deadlines(made):
    return {(o.kind, o.date) for o in made.obligations if o.date}


def test_deadlines_are_computed_from_the_dates_of_the_contract(books):
    made = register(books, drafted(books, "nda", "受領側"), "受領側")
    assert deadlines(made) == {
        ("開始日", "2027-04-01"),
        ("満了日", "2028-03-31"),
        ("更新・終了の申出の期限", "2028-02-29"),
        ("終了後の期間の末日", "2031-03-31"),
    }
    made = register(books, drafted(books, "gyomu-itaku", "受託者"), "受託者")
    assert ("期限", "2027-09-30") in deadlines(made)
    (delivery,) = [o for o in made.obligations if o.date == "2027-09-30"]
    assert (delivery.who, delivery.clause) == ("自社", "第2条")
    inspection = next(o for o in made.obligations if "10日以内" in o.when)
    assert (inspection.who, inspection.date) == ("相手方", None)


def test_a_period_counted_from_signature_needs_the_day_of_signature(books):
    text = (CONTRACTS / "gyomu-itaku-2.txt").read_text("utf-8")
    without = register(books, text, "受託者")
    assert ("更新・終了の申出の期限", "2028-01-31") not in deadlines(without)
    with_day = register(books, text, "受託者", signed=datetime.date(2027, 4, 1))
    assert ("更新・終了の申出の期限", "2028-01-31") in deadlines(with_day)


@pytest.mark.parametrize(
    ("day", "number", "unit", "wanted"),
    [
        ("2027-03-31", -1, "か月", "2027-02-28"),
        ("2028-03-31", -1, "か月", "2028-02-29"),
        ("2027-12-31", 2, "か月", "2028-02-29"),
        ("2028-02-29", 1, "年", "2029-02-28"),
        ("2027-03-31", 10, "日", "2027-04-10"),
        ("2027-01-31", -13, "か月", "2025-12-31"),
    ],
)
def test_months_and_years_end_on_days_that_exist(day, number, unit, wanted):
    moved = shift(datetime.date.fromisoformat(day), number, unit)
    assert moved.isoformat() == wanted


def unfold(path):
    data = path.read_bytes()
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    assert b"\n" not in data.replace(b"\r\n", b"")
    return data.decode("utf-8").replace("\r\n ", "").split("\r\n")


def test_the_calendar_is_well_formed_and_the_same_entries_keep_their_ids(books, tmp_path):
    made = register(books, drafted(books, "baibai", "買主"), "買主")
    path = tmp_path / "期限.ics"
    count = write_calendar(path, "契約,書;1", made.obligations)
    lines = unfold(path)
    assert count == lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 4
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-2:] == ["END:VCALENDAR", ""]
    assert "X-WR-CALNAME:契約\\,書\\;1" in lines
    assert "RRULE:FREQ=MONTHLY;BYMONTHDAY=-1;UNTIL=20280331" in lines
    at = lines.index("RRULE:FREQ=MONTHLY;BYMONTHDAY=-1;UNTIL=20280331")
    assert "DTSTART;VALUE=DATE:20270531" in lines[at - 8 : at]
    assert lines.count("TRIGGER:-P14D") == 3  # none for the day on which it begins
    uids = [line for line in lines if line.startswith("UID:")]
    assert len(set(uids)) == count
    write_calendar(path, "契約,書;1", made.obligations)
    assert [line for line in unfold(path) if line.startswith("UID:")] == uids


@pytest.fixture
def contract(home, tmp_path, books):
    text = drafted(books, "gyomu-itaku", "受託者", work="=HYPERLINK(<b>制作</b>)業務")
    text = text.replace("受領した月の翌月末日までに", "受領した日から90日以内に、<i>必ず")
    path = tmp_path / "契約.txt"
    path.write_text(text, "utf-8")
    return path


def test_the_command_writes_a_page_a_workbook_a_word_file_a_picture_and_a_calendar(
    contract, tmp_path, capsys
):
    names = ("a.html", "a.xlsx", "a.docx", "a.svg", "a.ics", "a.json")
    command = ["risk", str(contract), "--side", "受託者"]
    for name in names:
        command += ["--out", str(tmp_path / name)]
    assert run(command) == 0
    captured = capsys.readouterr()
    assert "法的助言・鑑定ではありません" in captured.out
    assert "予定表に 3 件" in captured.err
    html = (tmp_path / "a.html").read_text("utf-8")
    assert "&lt;i&gt;必ず" in html
    assert "<i>必ず" not in html
    assert "default-src 'none'" in html
    assert html.count("<circle") == 1
    assert not re.search(r'(?:src|href)="(?!https://laws\.e-gov\.go\.jp/)', html)
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == ["リスク登録簿", "確認優先度の一覧", "期限と義務", "この表について"]
    row = [cell.value for cell in book["リスク登録簿"][2]]
    assert row[:4] == ["1", "高", "代金・支払", "支払期日"]
    assert all(cell.data_type != "f" for sheet in book for r in sheet for cell in r)
    word = docx.Document(str(tmp_path / "a.docx"))
    assert word.tables[0].rows[1].cells[2].text == "代金・支払"
    assert "法的助言" in "".join(p.text for p in word.paragraphs)
    ET.parse(tmp_path / "a.svg")
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["risks"][0]["owner"] == "経理"


def test_a_plan_goes_through_the_command_too(home, tmp_path, capsys):
    path = tmp_path / "企画.txt"
    path.write_text(PLAN, "utf-8")
    assert run(["risk", str(path), "--plan", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["risks"]) == 4
    assert read_document(path).text


@pytest.mark.parametrize(
    "options",
    [
        ["--side", "買主"],
        ["--side", "受託者", "--party", "丙"],
        ["--side", "受託者", "--out", "a.pdf"],
        ["--side", "受託者", "--out", "契約.txt"],
        ["--side", "受託者", "--signed", "昨日"],
        ["--side", "受託者", "--owner", "知財=x"],
        ["--plan", "--out", "a.ics"],
    ],
)
def test_wrong_options_are_refused(contract, options, capsys):
    before = contract.read_bytes()
    assert run(["risk", "契約.txt", *options]) == 2
    assert "対処" in capsys.readouterr().err
    assert contract.read_bytes() == before
    assert {p.name for p in contract.parent.iterdir()} <= {"契約.txt", "home"}
