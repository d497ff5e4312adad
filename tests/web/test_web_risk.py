"""リスク分析: a register from a contract or a plan, its picture, and its files."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import docx
import openpyxl

from assistant.files import make_docx
from web.sites import Site, Visitor
from web.test_web_pages import HOSTILE, assert_nothing_runs

Start = Callable[..., Site]
Visit = Callable[[Site], Visitor]
CONTRACT = (
    "業務委託契約書",
    "株式会社青葉（以下「甲」という。）と株式会社若葉（以下「乙」という。）は、次のとおり契約する。",
    "第1条（委託）",
    "甲は、乙にシステムの保守の業務を委託し、乙はこれを受託する。",
    f"第2条（仕様）{HOSTILE}",
    "第3条（委託料）",
    "甲は、乙に対し、委託料として月額金100,000円を、毎月末日までに支払う。",
    "第4条（損害賠償）",
    "乙は、本契約に違反したときは、甲に生じた一切の損害を賠償する。",
    "第5条（期間）",
    "本契約の有効期間は、2027年4月1日から2028年3月31日までとする。",
)
CHOICE = {"choice": "gyomu-itaku/受託者", "dispute": "no"}


def test_a_contract_becomes_a_register_a_picture_a_calendar_and_office_files(
    start: Start, visit: Visit, tmp_path: Path
) -> None:
    one = visit(start())
    content = make_docx(tmp_path / "a.docx", CONTRACT).read_bytes()
    name = f"{HOSTILE.replace('/', '')}.docx"
    asked = one.post("/risk/upload", files={"file": (name, content)})
    assert_nothing_runs(asked.text)
    base = asked.url.path
    assert one.get(f"{base}/register.xlsx").status_code == 404, "nothing before it is confirmed"
    dispute = one.post(f"{base}/setup", {"choice": CHOICE["choice"]})
    assert dispute.status_code == 400 and "弁護士に相談" in dispute.text
    wrong = one.post(f"{base}/setup", {**CHOICE, "choice": "gyomu-itaku/王様"})
    assert wrong.status_code == 400
    page = one.post(f"{base}/setup", {**CHOICE, "owner-3": "<b>総務</b>", "signed": "2027-03-01"})
    assert page.url.path == base and "2028-03-31" in page.text and "&lt;b&gt;総務" in page.text
    assert_nothing_runs(page.text)
    picture = one.get(f"{base}/matrix.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert "<script" not in picture.text and "onload" not in picture.text.replace(
        "&lt;svg onload", ""
    )
    risks = one.get(f"{base}/register.json").json()["risks"]
    book = openpyxl.load_workbook(io.BytesIO(one.get(f"{base}/register.xlsx").content))
    assert book["リスク登録簿"].max_row == len(risks) + 1
    word = docx.Document(io.BytesIO(one.get(f"{base}/register.docx").content))
    assert len(word.tables[0].rows) == len(risks) + 1
    ics = one.get(f"{base}/deadlines.ics")
    assert ics.headers["content-type"].startswith("text/calendar")
    assert "DTSTART;VALUE=DATE:20280331" in ics.text
    for ending in ("html", "svg"):
        sent = one.get(f"{base}/register.{ending}")
        assert sent.headers["content-disposition"].startswith("attachment")
        assert "<script" not in sent.text.lower()
    assert one.get(f"{base}/register.exe").status_code == 400
    assert_nothing_runs(one.get("/risk").text)


def test_a_described_plan_becomes_a_register_of_points(start: Start, visit: Visit) -> None:
    site = start()
    one = visit(site)
    foreign = one.post("/risk/plan", {"text": "We sell the data of our users."})
    assert foreign.status_code == 400 and not list((site.home / "matters").iterdir())
    words = "利用者の位置情報などの個人情報を集め、広告会社に提供するアプリを始めたい。"
    page = one.post("/risk/plan", {"text": f"{words * 3}{HOSTILE}"})
    assert_nothing_runs(page.text)
    assert "個人情報" in page.text and "語の有無による機械的な抽出" in page.text
    base = page.url.path
    assert "予定表" not in page.text.split("<table")[0]
    changed = one.post(f"{base}/setup", {"owner-5": "情報セキュリティ室"})
    assert changed.url.path == base
    assert one.get(f"{base}/register.docx").status_code == 200
    empty = one.post("/risk/plan", {"text": " "})
    assert empty.status_code == 400 and "説明が空です" in empty.text
    file = {"file": ("企画.txt", "従業員を新たに雇用して、夜間の配送を始める。".encode())}
    told = one.post("/risk/upload", {"what": "plan"}, files=file)
    assert "企画.txt" in told.text and "規則の版" in told.text
