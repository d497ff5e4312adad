"""A first visit in a real browser, against ``homutune serve`` with a tiny model that is trained."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.files import make_docx
from assistant.revisions import body, changes, reject, words
from homutune.assistant import read_document
from ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Browser, expect, sync_playwright  # noqa: E402

from web.browser import CHROMIUM, Watched  # noqa: E402
from web.steps import (  # noqa: E402
    add_a_pair_to_a_version,
    edit_an_imported_pair,
    rate_two_answers,
    see_what_is_learned,
    see_what_was_used,
)

ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "'-alert(4)-'",
    "javascript:alert(5)",
    "{{7*7}}${7*7}",
    "</textarea><script>alert(6)</script>",
    "<a href='https://evil.example/x.png'>x</a>",
    "![x](https://evil.example/leak.png)",
    "<iframe srcdoc='<script>alert(7)</script>'>",
    "<style>*{display:none}</style>",
    "<div hx-get='/logout' hx-trigger='load'>x</div>",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def url(home: Path) -> Iterator[str]:
    """``homutune serve`` in a process of its own."""
    from tiny import build_tiny_base

    build_tiny_base(home)
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "homutune.cli", "serve", "--port", str(port)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOMUTUNE_BASE_MODEL": "tiny-gemma"},
    )
    assert server.stderr is not None
    for line in server.stderr:
        if "終了するには" in line:
            break
    log = home.parent / "server.log"
    drain = subprocess.Popen(["cat"], stdin=server.stderr, stdout=log.open("w"))
    yield f"http://127.0.0.1:{port}"
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) in (0, -signal.SIGTERM)  # after an orderly end uvicorn passes it on
    drain.wait(10)
    told = log.read_text("utf-8")
    assert [line for line in told.splitlines() if " ERROR " in line or "Traceback" in line] == []
    for text in ("秘密情報", "商品の検査", "秘密保持契約書", "alert"):
        assert text not in told, "what is written into the application is not in its log"


def write_table(path: Path) -> Path:
    rows = ["照会,見解,区分"]
    rows += [
        f"商品の検査は{i}日以内に必要ですか,結論：契約書の第{i}条を確認します。,実務"
        for i in range(1, 15)
    ]
    rows[3] = rows[3].replace("結論", "結論\u200b")
    path.write_text("\n".join(rows), "utf-8")
    return path


def test_a_first_visit_from_a_table_to_a_model_an_answer_and_a_reviewed_contract(
    browser: Browser, url: str, tmp_path: Path
) -> None:
    seen = Watched(browser, url, accept_downloads=True)
    page = seen.open("/")
    expect(page.get_by_text("動いている学習はありません")).to_be_visible()
    seen.check_access()

    page.get_by_role("navigation").get_by_role("link", name="データ").click()
    seen.check_access()
    page.set_input_files("input[type=file]", write_table(tmp_path / "相談.csv"))
    page.get_by_role("button", name="取り込む", exact=True).click()
    expect(page.get_by_label("照会 の意味")).to_have_value("question")
    expect(page.get_by_label("見解 の意味")).to_have_value("answer")
    page.get_by_label("区分 の意味").select_option("")
    seen.check_access()
    seen.press("この対応で取り込み")
    expect(page.get_by_text("見えない文字（1 件）")).to_be_visible()
    seen.check_access()
    page.get_by_role("link", name="エラー", exact=True).click()
    expect(page.get_by_text("この絞り込みに当たるものはありません")).to_be_visible()
    page.get_by_role("link", name=re.compile("安全に直せる")).click()
    expect(page.locator("del")).to_contain_text("<U+200B>")
    seen.check_access()
    seen.press("すべて直す")
    expect(page.get_by_text("見えない文字")).to_have_count(0)
    page.get_by_role("link", name="質問と回答の一覧").click()
    page.get_by_label("言葉で絞る").fill("7日以内")
    seen.press("絞る")
    expect(page.locator("article")).to_have_count(1)
    seen.check_access()
    edit_an_imported_pair(seen)
    seen.press("データセットを作る")
    seen.check_access()
    add_a_pair_to_a_version(seen)
    see_what_is_learned(seen)

    page.get_by_role("link", name="この版で学習する").click()
    expect(page.get_by_text("見込み")).to_be_visible()
    page.get_by_text("詳しい設定").click()
    page.get_by_label("エポック数").fill("2")
    page.get_by_label("エポック数").press("Tab")
    expect(page.get_by_text("× 2 エポック")).to_be_visible()
    seen.check_access()
    page.get_by_role("button", name="学習を始める").click()
    page.wait_for_url("**/training/ftjob-*")
    expect(page.get_by_text("学習が終わりました")).to_be_visible(timeout=180_000)
    expect(page.locator("polyline.train").first).to_have_attribute("points", re.compile(r"\d"))
    expect(page.get_by_text("学習が終わっても回答を言い当てにくい行です")).to_be_visible()
    page.locator("tbody details").first.click()
    expect(page.locator("tbody details .excerpt").first).not_to_be_empty()
    expect(page.get_by_role("button", name="書き出す")).to_be_visible()
    seen.check_access()
    page.get_by_role("link", name="学習", exact=True).first.click()
    expect(page.get_by_role("link", name=re.compile("^ft:tiny-gemma")).first).to_be_visible()
    seen.open("/")
    expect(page.get_by_role("heading", name="最新のモデル")).to_be_visible()
    expect(page.get_by_text("まだ比べていません")).to_be_visible()
    seen.check_access()

    compare_two_models(seen)
    seen.open("/ask")
    page.get_by_label("質問", exact=True).fill("商品の検査はいつまでに必要ですか")
    page.get_by_role("button", name="質問する").click()
    expect(page.get_by_text(re.compile("^ft:tiny-gemma.*質問だけ"))).to_be_visible(timeout=60_000)
    seen.check_access()
    page.reload()
    expect(page.get_by_text(re.compile("^ft:tiny-gemma.*質問だけ"))).to_be_visible()

    see_what_was_used(seen)
    review_a_contract(seen, tmp_path)
    seen.check_quiet()


def compare_two_models(seen: Watched) -> None:
    page = seen.open("/evaluation")
    for model in (re.compile("^ft:tiny-gemma"), "tiny-gemma"):
        choice = page.get_by_label("モデル", exact=True)
        choice.select_option(choice.locator("option", has_text=model).first.inner_text())
        page.get_by_label("条件").select_option("plain")
        page.get_by_label("質問の数").fill("3")
        seen.press("評価を始める")
        expect(page.get_by_text("結果を見る").first).to_be_visible(timeout=120_000)
        expect(page.get_by_text("実行中")).to_have_count(0)
        seen.open("/evaluation")
    seen.check_access()
    page.get_by_role("link", name=re.compile("^tiny-gemma と ft:tiny-gemma")).click()
    expect(page.locator(".plot svg").first).to_be_visible(timeout=60_000)
    seen.check_access()
    page.get_by_role("link", name="回答を並べて読む").click()
    expect(page.locator("article.card")).to_have_count(3)
    seen.check_access()
    page.go_back()
    rate_two_answers(seen)
    for path in ("/evaluation/improve", "/settings", "/settings/connections", "/settings/users"):
        seen.open(path)
        seen.check_access()


def review_a_contract(seen: Watched, tmp_path: Path) -> None:
    page = seen.open("/review")
    seen.check_access()
    page.set_input_files("input[type=file]", make_docx(tmp_path / "秘密保持契約書.docx"))
    seen.press("読み込む")
    page.get_by_label("受領側").check()
    page.get_by_label("すでに争いはありません").check()
    seen.check_access()
    seen.press("比べる")
    marked = page.locator(".paper p", has=page.locator("mark"))
    expect(marked.first).to_contain_text("秘密情報を第三者に開示してはならない")
    seen.check_access()
    cards = page.locator(".cards > .card")
    total = cards.count()
    for number, choice in enumerate(("採用", "採用", "採用", "却下")):
        cards.nth(number).get_by_role("button", name=choice).click()
        expect(page.locator("#done")).to_have_text(f"判断済み {number + 1} / {total} 件")
    rejected = cards.nth(3).get_by_role("heading").inner_text()
    seen.check_access()
    page.get_by_role("link", name="優先度 高").click()
    assert cards.count() < total
    page.get_by_role("link", name="すべて").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="コメント付き Word").click()
    path = tmp_path / "copy.docx"
    download.value.save_as(path)
    assert download.value.suggested_filename == "秘密保持契約書-コメント付き.docx"
    with zipfile.ZipFile(path) as parts:
        comments = parts.read("word/comments.xml").decode()
    assert comments.count("【確認優先度") == total - 1
    assert re.sub(r"^\D*\d+\. |（.*", "", rejected.replace("\n", "")).split()[0] not in comments
    check_tracked_changes(seen, tmp_path)
    seen.open("/")
    page.get_by_role("link", name="秘密保持契約書.docx").click()
    expect(page.locator("#done")).to_have_text(f"判断済み 4 / {total} 件")


def check_tracked_changes(seen: Watched, tmp_path: Path) -> None:
    """The three adopted findings, in the page and in Word; rejecting them gives the contract."""
    page = seen.page
    page.get_by_role("link", name="変更履歴を確かめる").click()
    expect(page.get_by_text("反映した指摘は 3 件")).to_be_visible()
    shown = "".join(page.locator("section ins").all_inner_texts())
    assert shown
    seen.check_access()
    with page.expect_download() as download:
        page.get_by_role("link", name="変更履歴付き Word を保存").click()
    path = tmp_path / "redline.docx"
    download.value.save_as(path)
    assert download.value.suggested_filename == "秘密保持契約書-変更履歴.docx"
    rejected = read_document(reject(path, tmp_path / "rejected.docx"))
    assert rejected.text == read_document(tmp_path / "秘密保持契約書.docx").text
    inserted = "".join(words(c) for c in changes(body(path)) if c.tag.endswith("}ins"))
    assert "".join(inserted.split()) == "".join(shown.split())


def test_nothing_that_is_written_into_the_application_is_executed(
    browser: Browser, url: str, tmp_path: Path
) -> None:
    seen = Watched(browser, url)
    page = seen.open("/ask")
    for attack in ATTACKS:
        seen.open("/ask")
        page.get_by_label("質問", exact=True).fill(f"契約の{attack}は？")
        page.get_by_label("モデル").select_option("tiny-gemma")
        page.get_by_role("button", name="質問する").click()
        expect(page.locator(".turn.question")).to_contain_text(attack)
        expect(page.get_by_text("tiny-gemma・資料つき")).to_be_visible(timeout=60_000)
    page.get_by_role("navigation").get_by_role("link", name="契約書レビュー").click()
    lines = (
        "秘密保持契約書",
        "第１条（目的）",
        *(f"甲は、秘密情報{a}を開示する。" for a in ATTACKS),
    )
    name = "<img src=x onerror=alert(8)>.docx"
    content = make_docx(tmp_path / "a.docx", lines).read_bytes()
    page.set_input_files("input[type=file]", {"name": name, "mimeType": "", "buffer": content})
    seen.press("読み込む")
    page.get_by_label("開示側").check()
    page.get_by_label("すでに争いはありません").check()
    seen.press("比べる")
    expect(page.locator("h1")).to_have_text(name)
    for attack in ATTACKS:
        expect(page.locator(".paper")).to_contain_text(attack)
    page.get_by_label("への所見").first.fill(ATTACKS[2])
    page.get_by_role("button", name="修正").first.click()
    expect(page.locator("#done")).to_contain_text("判断済み 1")
    open_pages_with_attacks(seen, name, content)
    table = "質問,回答,<img src=x onerror=alert(9)>\n"
    table += "".join(f"質問{a.replace(',', '')},答え{a},x\n" for a in ATTACKS)
    table = table.replace('"', "")
    seen.open("/data")
    file = {"name": "<b>表</b>.csv", "mimeType": "text/csv", "buffer": table.encode()}
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="取り込む", exact=True).click()
    seen.press("この対応で取り込み")
    page.get_by_role("link", name="質問と回答の一覧").click()
    expect(page.locator("main")).to_contain_text("<script>alert(1)</script>")
    assert page.locator("main img, main svg, main iframe, main script, main style").count() == 0
    seen.check_quiet()


def open_pages_with_attacks(seen: Watched, name: str, content: bytes) -> None:
    """リスク分析 and 文書作成 with hostile names, contracts and answers."""
    page = seen.open("/risk")
    file = {"name": name, "mimeType": "", "buffer": content}
    page.set_input_files("input[type=file] >> nth=0", file)
    seen.press("契約書を読み込む")
    page.get_by_label("開示側").check()
    page.get_by_label("すでに争いはありません").check()
    seen.press("登録簿を作る")
    expect(page.locator("h1")).to_have_text(name)
    expect(page.get_by_role("img", name="縦は分類")).to_have_js_property("complete", True)
    seen.check_access()
    seen.open("/drafting/new/memo")
    for place in page.locator("form.panel input[type=text], form.panel textarea").all():
        place.fill("".join(ATTACKS))
    page.locator("form.panel input[type=date]").fill("2027-06-01")
    seen.check_access()
    seen.press("下書きを作る")
    expect(page.locator(".paper")).to_contain_text(ATTACKS[0])
    seen.check_access()


def test_the_pages_are_usable_with_the_keyboard_and_on_a_tablet(browser: Browser, url: str) -> None:
    seen = Watched(browser, url)
    page = seen.open("/data")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="本文へ移動")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.set_viewport_size({"width": 768, "height": 1024})
    pages = ("/", "/data", "/training", "/evaluation", "/review", "/ask", "/settings", "/nope")
    more = ("/risk", "/drafting", "/settings/playbooks", "/settings/connections", "/settings/usage")
    for path in (*pages, *more, "/evaluation/improve"):
        response = page.goto(f"{url}{path}")
        assert response is not None
        assert page.evaluate("document.documentElement.scrollWidth") <= 768, path
    seen.troubles = [t for t in seen.troubles if "/nope" not in t]
    seen.check_quiet()
