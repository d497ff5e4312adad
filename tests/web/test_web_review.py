"""契約書レビュー: from decisions to tracked changes, Excel there and back, ひな形 and opinions."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import openpyxl

from assistant.files import make_docx
from assistant.revisions import W, accept, body, changes, reject
from evaluation.legal_models import chat
from homutune.assistant import read_document, read_template, save_template
from homutune.client import CallLog
from scripted import Reply, Request, ScriptedServer
from server.running import wait_until
from web.sites import Site, Visitor

Start = Callable[..., Site]
Visit = Callable[[Site], Visitor]
CONTRACT = (
    "秘密保持契約書",
    "株式会社青葉（以下「甲」という。）と株式会社若葉（以下「乙」という。）は、次のとおり契約する。",
    "第1条（目的）",
    "甲は、新製品の検討のため、乙に秘密情報を開示する。",
    "第2条（秘密保持）",
    "乙は、秘密情報を第三者に開示してはならない。",
    "第3条（損害賠償）",
    "乙は、本契約に違反したときは、甲に生じた一切の損害を賠償する。",
)
OURS = (
    "秘密保持契約書",
    "第1条（目的）",
    "甲は、新製品の検討のため、乙に秘密情報を開示する。",
    "第2条（秘密保持）",
    "乙は、秘密情報を役員以外の者に開示してはならない。",
    "第9条（合意管轄）",
    "本契約に関する紛争は、東京地方裁判所を第一審の専属的合意管轄裁判所とする。",
)


def reviewed(one: Visitor, tmp_path: Path, lines: tuple[str, ...] = CONTRACT) -> str:
    content = make_docx(tmp_path / "契約.docx", lines).read_bytes()
    base = one.post("/review/upload", files={"file": ("契約.docx", content)}).url.path
    page = one.post(f"{base}/setup", {"choice": "nda/受領側", "dispute": "no"})
    assert page.status_code == 200, page.text
    return base


def findings(one: Visitor, base: str) -> list[dict[str, str]]:
    found = one.get(f"{base}/review.json").json()["findings"]
    assert isinstance(found, list) and len(found) >= 3
    return found


def test_what_was_adopted_comes_as_tracked_changes_and_the_page_shows_the_same(
    start: Start, visit: Visit, tmp_path: Path
) -> None:
    one = visit(start())
    base = reviewed(one, tmp_path)
    assert "変更はありません" in one.get(f"{base}/redline").text
    found = findings(one, base)
    placed = next(f for f in found if f["quote"] and f["sample"] and f["remedy"] == "置換")
    missing = next(f for f in found if not f["quote"])
    one.post(f"{base}/findings/{missing['id']}", {"choice": "採用"})
    words = "乙は、秘密情報を第三者に漏えいしてはならない。<b>"
    one.post(f"{base}/findings/{placed['id']}", {"choice": "修正", "wording": words})
    page = one.get(f"{base}/redline").text
    assert "反映した指摘は 2 件" in page and "&lt;b&gt;" in page and "<b>" not in page
    sent = one.get(f"{base}/redline.docx")
    path = tmp_path / "copy.docx"
    path.write_bytes(sent.content)
    text = read_document(path).text
    assert words in text and missing["sample"].strip() in text
    original = read_document(tmp_path / "契約.docx").text
    assert read_document(reject(path, tmp_path / "rejected.docx")).text == original
    assert read_document(accept(path, tmp_path / "accepted.docx")).text == text
    authors = {change.get(f"{W}author") for change in changes(body(path))}
    assert authors == {"法務チューン"}
    inserted = "".join(re.findall(r"<ins>(.*?)</ins>", page, re.DOTALL))
    assert missing["sample"].strip().splitlines()[0] in inserted


def test_decisions_go_out_in_excel_and_come_back(
    start: Start, visit: Visit, tmp_path: Path
) -> None:
    one = visit(start())
    base = reviewed(one, tmp_path)
    sent = one.get(f"{base}/review.xlsx")
    assert "spreadsheetml" in sent.headers["content-type"]
    book = openpyxl.load_workbook(io.BytesIO(sent.content))
    sheet = book["指摘"]
    columns = {cell.value: cell.column for cell in sheet[1]}
    sheet.cell(2, columns["判断"], "却下")
    sheet.cell(2, columns["コメント"], "<script>alert(1)</script>")
    book.save(tmp_path / "判断.xlsx")
    content = (tmp_path / "判断.xlsx").read_bytes()
    taken = one.post(f"{base}/decisions", files={"file": ("判断.xlsx", content)})
    assert "判断 1 件を取り込みました" in taken.text
    decisions = one.get(f"{base}/review.json").json()["decisions"]
    assert [d["choice"] for d in decisions.values()] == ["却下"]
    assert "<script>alert" not in one.get(base).text
    wrong = one.post(f"{base}/decisions", files={"file": ("a.docx", b"PK")})
    assert wrong.status_code == 400 and "Excel" in wrong.text
    assert one.post(f"{base}/decisions", files={"file": ("a.xlsx", b"PK")}).status_code == 400


def test_a_contract_is_compared_with_the_teams_own_template(
    start: Start, visit: Visit, tmp_path: Path
) -> None:
    site = start()
    one = visit(site)
    base = reviewed(one, tmp_path)
    ours = make_docx(tmp_path / "自社.docx", OURS)
    sent = {"file": ("自社NDA.docx", ours.read_bytes())}
    page = one.post(f"{base}/setup", {"choice": "template:", "dispute": "no"}, files=sent)
    assert "ひな形「自社NDA」" in page.text and "第9条（合意管轄）に当たる条項" in page.text
    # A saved one is taken as it is now, and a later change of it changes no review.
    template = read_template(read_document(ours), "saved")
    path = save_template(site.home, template)
    page = one.post(f"{base}/setup", {"choice": "template:saved", "dispute": "no"})
    assert "ひな形「saved」" in page.text
    path.unlink()
    assert "第9条（合意管轄）に当たる条項" in one.get(base).text
    none = one.post(f"{base}/setup", {"choice": "template:../x", "dispute": "no"})
    assert none.status_code == 400 and "ありません" in none.text
    empty = one.post(f"{base}/setup", {"choice": "template:", "dispute": "no"})
    assert empty.status_code == 400 and "ファイルが選ばれていません" in empty.text


def test_opinions_of_a_model_are_shown_as_such_and_change_no_finding(
    start: Start, visit: Visit, tmp_path: Path
) -> None:
    site = start()
    one = visit(site)
    base = reviewed(one, tmp_path)
    before = findings(one, base)
    one.post(f"{base}/opinions", {"model": "tiny"})
    wait_until(lambda: "もう一度求める" in one.get(f"{base}/opinions").text, 60)
    page = one.get(base).text
    assert "tiny の意見 0 件" in page, "the scripted model says nothing of the form asked for"
    assert "1 回分は、決まった形でないため読めませんでした" in page, "silence is not consent"
    assert "1 回分は、決まった形でない" in one.get(f"{base}/opinions").text
    assert findings(one, base) == before
    one.post(f"{base}/opinions", {"model": "no-such-model"})
    wait_until(lambda: 'role="alert"' in one.get(f"{base}/opinions").text, 60)
    kept = {
        "model": "tiny<b>",
        "dropped": 2,
        "opinions": [
            {
                "id": "x",
                "clause": "第2条",
                "quote": "乙は、秘密情報を",
                "start": 0,
                "end": 3,
                "remark": "<img src=x onerror=alert(1)>",
                "basis": [],
                "source": "モデル",
            }
        ],
    }
    folder = site.home / "matters" / base.split("/")[2]
    (folder / "opinions.json").write_text(json.dumps(kept), "utf-8")
    page = one.get(base).text
    assert "出所：モデル（tiny&lt;b&gt;）" in page and "<img src=x" not in page
    assert "読めませんでした" not in page, "as it was kept before these were counted"


def test_a_model_elsewhere_reads_the_contract_under_placeholders(
    start: Start, visit: Visit, tmp_path: Path, scripted_server: ScriptedServer
) -> None:
    clause = "乙は、秘密情報を甲の担当者（電話 03-1234-5678）以外に開示してはならない。"
    seen: list[str] = []

    def read(request: Request) -> Reply:
        seen.append(json.loads(request.body)["messages"][-1]["content"])
        quote = next(line for line in seen[-1].splitlines() if "以外に開示" in line)
        opinion = {"quote": quote, "remark": "連絡先が書かれています。"}
        return chat(json.dumps({"opinions": [opinion]}, ensure_ascii=False))

    scripted_server.routes["POST", "/chat/completions"] = read
    site = start(upstreams=[{"url": scripted_server.base_url, "models": ["far"]}])
    one = visit(site)
    base = reviewed(one, tmp_path, (*CONTRACT[:5], clause, *CONTRACT[6:]))
    one.post(f"{base}/opinions", {"model": "far"})
    wait_until(lambda: "もう一度求める" in one.get(f"{base}/opinions").text, 60)
    page = one.get(f"{base}/opinions").text
    assert "far の意見 1 件" in page and clause in page, "what was replaced is put back"
    assert len(seen) == 1 and "以外に開示" in seen[0] and "03-1234-5678" not in seen[0]
    assert [call.outcome for call in CallLog(site.home).read()] == ["ok"], "it counts in the budget"


def test_a_contract_kept_inside_is_read_by_no_model_elsewhere(
    start: Start, visit: Visit, tmp_path: Path
) -> None:
    one = visit(start(base_url="http://models.invalid/v1"))
    base = reviewed(one, tmp_path)
    assert "仮名にして送られます" in one.get(base).text
    one.post(f"/settings/matters/{base.split('/')[2]}/external", {"forbidden": "true"})
    assert "送られます。" not in one.get(f"{base}/opinions").text
    one.post(f"{base}/opinions", {"model": "far"})
    wait_until(lambda: 'role="alert"' in one.get(f"{base}/opinions").text, 60)
    assert "外部送信禁止" in one.get(f"{base}/opinions").text
