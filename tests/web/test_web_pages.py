"""Every page: its headers, its errors, and that hostile text stays text."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest
from fastapi.routing import APIRoute

from assistant.files import LINES, make_docx, make_pdf
from homutune.web import pages
from server.running import wait_until
from web.sites import Site, Visitor

PLAIN = [
    route.path
    for router in pages.ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and "GET" in route.methods and "{" not in route.path
]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>"


class Elements(HTMLParser):
    """The elements of a page and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def assert_nothing_runs(text: str) -> None:
    """Scripts are our own files; no handler, inline style or foreign address."""
    for tag, attributes in Elements(text).found:
        if tag == "script":
            assert str(attributes["src"]).startswith("/static/")
        assert tag not in ("iframe", "object", "style", "base")
        assert not [name for name in attributes if name.startswith(("on", "style"))], attributes
        for name in ("src", "href", "action"):
            value = str(attributes.get(name) or "/")
            assert value.startswith(("/", "#", "?", "https://laws.e-gov.go.jp/")), value


def test_every_page_has_the_strict_headers_and_only_our_own_files(
    start: Callable[..., Site], visit: Callable[[Site], Visitor]
) -> None:
    one = visit(start())
    assert {"/", "/data", "/training", "/review", "/ask", "/login"} <= set(PLAIN)
    for path in (*PLAIN, "/nope", "/static/style.css", "/static/htmx.min.js"):
        answer = one.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy and "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers.get("cache-control", "") == ("" if "static" in path else "no-store")
        if "html" in answer.headers.get("content-type", ""):
            assert_nothing_runs(answer.text)


def test_the_api_answers_as_before_beside_the_pages(start: Callable[..., Site]) -> None:
    site = start()
    unknown = httpx2.post(f"{site.url}/v1/moderations", json={})
    assert unknown.status_code == 404 and unknown.json()["error"]["code"] == "unknown_url"
    assert httpx2.put(f"{site.url}/v1/chat/completions").status_code == 405
    assert httpx2.get(f"{site.url}/healthz").json() == {"status": "ok"}
    assert site.client.models.list().data


def test_pages_reach_the_api_of_a_guarded_server_and_strangers_do_not(
    start: Callable[..., Site], visit: Callable[[Site], Visitor]
) -> None:
    from web.sites import add_users

    site = start(host="0.0.0.0")
    add_users(site.home, 山田="法務")
    one = visit(site)
    one.sign_in("山田")
    assert "動いている学習はありません" in one.get("/home/models").text
    assert one.http.get("/v1/models").status_code == 401


@pytest.mark.parametrize(
    ("path", "status", "advice"),
    [
        ("/nope", 404, "ホームから選び直してください"),
        ("/review/m_nothing", 404, "ほかの利用者の案件は開けません"),
        ("/data/datasets/ds-nothing", 400, "homutune data split で作れます"),
        ("/data/imports/m_x/examples?page=0", 400, "入力を確かめてください"),
    ],
)
def test_an_error_page_says_what_to_do(
    start: Callable[..., Site],
    visit: Callable[[Site], Visitor],
    path: str,
    status: int,
    advice: str,
) -> None:
    one = visit(start())
    answer = one.get(path)
    assert (answer.status_code, advice in answer.text) == (status, True), answer.text
    piece = one.http.get(path, headers={"hx-request": "true"})
    assert advice in piece.text and "<html" not in piece.text


def test_what_cannot_be_foreseen_is_told_by_number_and_logged_by_kind_only(
    start: Callable[..., Site],
    visit: Callable[[Site], Visitor],
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = start()
    one = visit(site)
    made = one.post("/ask", {"question": "極秘の質問"})
    (site.home / "matters" / made.url.path.split("/")[2] / "turns.json").write_text("極秘 [")
    broken = one.get(made.url.path)
    assert broken.status_code == 500
    number = broken.headers["x-request-id"]
    assert number in broken.text and "極秘" not in broken.text
    assert "JSONDecodeError" in caplog.text and "極秘" not in caplog.text


def test_hostile_names_and_texts_stay_text(
    start: Callable[..., Site], visit: Callable[[Site], Visitor], tmp_path: Path
) -> None:
    one = visit(start())
    lines = (*LINES, f"第１条（目的）{HOSTILE}", f"甲は、秘密情報{HOSTILE}を開示する。")
    content = make_docx(tmp_path / "a.docx", lines).read_bytes()
    sent = one.post("/review/upload", files={"file": (f"{HOSTILE}/契約.docx", content)})
    base = sent.url.path
    assert sent.status_code == 200, sent.text
    assert_nothing_runs(sent.text)
    page = one.post(f"{base}/setup", {"choice": "nda/開示側", "dispute": "no"})
    assert "&lt;script&gt;" in page.text
    assert_nothing_runs(page.text)
    finding = page.text.split('id="card-')[1][:8]
    decided = one.post(f"{base}/findings/{finding}", {"choice": "修正", "comment": HOSTILE})
    assert_nothing_runs(decided.text)
    report = one.get(f"{base}/report.html")
    assert report.headers["content-disposition"].startswith("attachment")
    assert "<script" not in report.text.lower()
    table = f"質問,回答,{HOSTILE.replace(',', '')}\n".replace('"', "")
    table += "".join(f"質問{i}<b>,答え{i}<script>,x\n" for i in range(12))
    mapped = one.post("/data/upload", files={"file": (f"{HOSTILE}.csv", table.encode())})
    assert_nothing_runs(mapped.text)
    imported = one.post(
        f"{mapped.url.path}/columns", {"column-0": "question", "column-1": "answer"}
    )
    assert_nothing_runs(imported.text)
    listed = one.get(f"{mapped.url.path}/examples?q=<script>")
    assert "答え0&lt;script&gt;" in listed.text
    assert_nothing_runs(listed.text)
    asked = one.post("/ask", {"question": HOSTILE, "model": "tiny"})
    one.post(f"{asked.url.path}/turns/1/answer")
    answered = one.get(asked.url.path)
    assert HOSTILE not in answered.text and "tiny" in answered.text
    assert_nothing_runs(answered.text)
    for path in ("/", "/review", "/data", "/ask"):
        assert_nothing_runs(one.get(path).text)


def test_what_cannot_be_read_is_explained_and_not_kept(
    start: Callable[..., Site], visit: Callable[[Site], Visitor], tmp_path: Path
) -> None:
    site = start()
    one = visit(site)
    for name, content in (
        ("a.docx", b"PK\x03\x04broken"),
        ("b.pdf", b"%PDF-1.4"),
        ("c.exe", b"MZ"),
    ):
        refused = one.post("/review/upload", files={"file": (name, content)})
        assert refused.status_code == 400 and "問題があります" in refused.text
    for name, content in (("a.csv", b""), ("b.xlsx", b"PK\x03\x04broken"), ("c.docx", b"PK")):
        refused = one.post("/data/upload", files={"file": (name, content)})
        assert refused.status_code == 400 and "問題があります" in refused.text
    assert not list((site.home / "matters").glob("*"))
    assert one.post("/review/upload", files={"file": ("", b"")}).status_code == 400


def test_a_pdf_is_reviewed_and_says_that_word_comments_need_a_docx(
    start: Callable[..., Site], visit: Callable[[Site], Visitor], tmp_path: Path
) -> None:
    one = visit(start())
    sent = one.post(
        "/review/upload",
        files={"file": ("契約.pdf", make_pdf(tmp_path / "a.pdf", white="隠した文").read_bytes())},
    )
    page = one.post(f"{sent.url.path}/setup", {"choice": "nda/受領側", "dispute": "no"})
    assert "不可視テキスト警告" in page.text and "コメント付き Word" not in page.text
    assert one.get(f"{sent.url.path}/comments.docx").status_code == 400


def test_a_contract_in_dispute_is_not_reviewed(
    start: Callable[..., Site], visit: Callable[[Site], Visitor], tmp_path: Path
) -> None:
    one = visit(start())
    content = make_docx(tmp_path / "a.docx").read_bytes()
    sent = one.post("/review/upload", files={"file": ("契約.docx", content)})
    refused = one.post(f"{sent.url.path}/setup", {"choice": "nda/受領側"})
    assert refused.status_code == 400 and "弁護士に相談" in refused.text


def test_decisions_are_kept_changed_and_taken_back(
    start: Callable[..., Site], visit: Callable[[Site], Visitor], tmp_path: Path
) -> None:
    one = visit(start())
    content = make_docx(tmp_path / "a.docx").read_bytes()
    base = one.post("/review/upload", files={"file": ("契約.docx", content)}).url.path
    page = one.post(f"{base}/setup", {"choice": "nda/受領側", "dispute": "no"})
    finding = page.text.split('id="card-')[1][:8]

    def stored() -> dict[str, dict[str, str]]:
        found = json.loads(one.get(f"{base}/review.json").text)["decisions"]
        assert isinstance(found, dict)
        return found

    for choice in ("採用", "却下"):
        one.post(f"{base}/findings/{finding}", {"choice": choice, "comment": "先方に確認"})
        assert stored()[finding]["choice"] == choice
    assert stored()[finding]["comment"] == "先方に確認"
    assert one.get(f"{base}?state=未判断").text.count('<article class="card') == (
        one.get(base).text.count('<article class="card') - 1
    )
    one.post(f"{base}/findings/{finding}", {"choice": "取り消し"})
    assert stored() == {}
    assert one.post(f"{base}/findings/{finding}", {"choice": "勝手"}).status_code == 404


def test_a_job_is_started_paused_resumed_and_cancelled(
    start: Callable[..., Site], visit: Callable[[Site], Visitor]
) -> None:
    site = start(worker_options=("--steps", "50", "--step-s", "0.05"))
    one = visit(site)
    imported = one.post("/data/sample")
    assert "検査の結果" in imported.text
    made = one.post(f"{imported.url.path}/dataset", {"valid_percent": "20", "seed": "42"})
    name = made.url.path.rsplit("/", 1)[1]
    plan = one.get(f"/training/plan?dataset={name}&recipe=grounded&n_epochs=3&batch_size=8")
    assert "× 3 エポック ＝" in plan.text
    wrong = one.post("/training/start", {"dataset": name, "model": "tiny", "n_epochs": "99"})
    assert wrong.status_code == 400 and "エポック数は 1〜50" in wrong.text
    job = one.post("/training/start", {"dataset": name, "model": "tiny", "recipe": "grounded"})
    base = job.url.path
    wait_until(lambda: "一時停止" in one.get(f"{base}/progress").text)
    assert one.post(f"{base}/pause").status_code == 200
    wait_until(lambda: "再開" in one.get(f"{base}/progress").text)
    one.post(f"{base}/resume")
    wait_until(lambda: 'class="train"' in one.get(f"{base}/progress").text)
    one.post(f"{base}/cancel")
    wait_until(lambda: one.get(f"{base}/progress").status_code == 286)
    assert "中止" in one.get(base).text
    assert one.post(f"{base}/explode").status_code == 400


def test_more_visitors_than_threads_do_not_wait_for_each_other_for_ever(
    start: Callable[..., Site],
) -> None:
    site = start()

    async def ask() -> list[int]:
        async with httpx2.AsyncClient(
            timeout=60, limits=httpx2.Limits(max_connections=100)
        ) as http:
            answers = [http.get(f"{site.url}/training") for _ in range(100)]
            return [answer.status_code for answer in await asyncio.gather(*answers)]

    assert set(asyncio.run(ask())) == {200}
