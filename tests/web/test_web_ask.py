"""質問・相談: answers held against their notes, laid out, cited, exported."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable

import docx
import pytest

from homutune.data import CardLibrary
from homutune.law import ArticleText, LawStore, LawText, Paragraph, law_names
from server.running import wait_until
from web.sites import Site, Visitor
from web.test_web_pages import HOSTILE, assert_nothing_runs

Start = Callable[..., Site]
Visit = Callable[[Site], Visitor]


def test_an_answer_is_held_against_its_notes_laid_out_and_exported(
    start: Start, visit: Visit
) -> None:
    site = start()
    one = visit(site)
    question = f"商品の検査はいつまでに必要ですか。民法566条と民法9999条。{HOSTILE}"
    asked = one.post("/ask", {"question": question, "model": "tiny", "form": "箇条書き"})
    base = asked.url.path
    one.post(f"{base}/turns/1/answer")
    page = one.get(base).text
    # The scripted model repeats the notes and the question it was given.
    assert "根拠にした資料" in page and "tiny・資料つき" in page
    assert_nothing_runs(page)
    assert "民法9999条" in page and "該当なし" in page
    assert "<tbody>" not in page and "<tbody>" in one.get(f"{base}?form=表").text
    assert one.get(f"{base}?form=歌").status_code == 400
    label = {"label": "民法566条"}
    article = one.http.get("/ask/articles", params=label).text
    assert "条文の本文がありません" in article, "no statute was fetched in this home"
    paragraph = Paragraph(1, f"試験のための条文。{HOSTILE}", {"1": "試験の号"})
    articles = {"566": ArticleText("566", "試験の見出し", (paragraph,))}
    law = law_names().laws("民法")[0]
    stored = LawText(law.law_id, "民法", "", "", "", "2026-11-01", articles)
    LawStore(site.home).put(stored)
    shown = one.http.get("/ask/articles", params=label).text
    assert "（試験の見出し）" in shown and "試験の号" in shown and "2026-11-01 時点" in shown
    assert_nothing_runs(shown)
    linked = set(re.findall(r'href="#(card-1-\d+)"', page))
    assert linked and linked <= set(re.findall(r'id="(card-1-\d+)"', page))
    text = one.get(f"{base}/export.md").text
    assert "### 根拠にした資料" in text and "民法9999条" in text
    word = docx.Document(io.BytesIO(one.get(f"{base}/export.docx").content))
    assert "根拠にした資料" in [paragraph.text for paragraph in word.paragraphs]


def test_without_notes_no_model_is_asked_and_nothing_is_asserted(
    start: Start, visit: Visit
) -> None:
    one = visit(start())
    asked = one.post("/ask", {"question": "ZXQW？", "model": "tiny"})
    told = one.post(f"{asked.url.path}/turns/1/answer").text
    page = one.get(asked.url.path).text
    assert told == "" and "確認できません。専門家に確認してください。" in page
    assert "モデルには尋ねていません" in page
    assert one.get(f"{asked.url.path}/export.md").status_code == 200


def test_a_conversation_without_an_answer_cannot_be_exported(start: Start, visit: Visit) -> None:
    one = visit(start())
    base = one.post("/ask", {"question": "検査は？", "model": "no-such-model"}).url.path
    told = one.post(f"{base}/turns/1/answer").json()
    assert "problem" in told
    refused = one.get(f"{base}/export.docx")
    assert refused.status_code == 400 and "先に質問してください" in refused.text


def test_while_the_cards_are_read_for_the_first_time_the_page_says_why_an_answer_waits(
    start: Start, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = threading.Event()
    waiting = "解説カードを読み取っています"
    monkeypatch.setattr(CardLibrary, "prepare", lambda _: read.wait(60))
    one = visit(start())
    asked = one.post("/ask", {"question": "検査は？", "model": "tiny"}).url.path
    assert waiting in one.get(asked).text
    read.set()
    wait_until(lambda: waiting not in one.get(asked).text, 20)


def test_cards_that_cannot_be_read_in_advance_stop_nothing(
    start: Start, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: CardLibrary) -> None:
        raise PermissionError

    monkeypatch.setattr(CardLibrary, "prepare", fail)
    one = visit(start())
    asked = one.post("/ask", {"question": "検査は？", "model": "tiny"}).url.path
    wait_until(lambda: "考えています" in one.get(asked).text, 20)
