"""設定: matters kept inside or deleted for good, cards, playbooks, users."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.files import make_docx
from homutune.settings import Settings
from web.sites import PASSWORD, Site, Visitor, add_users
from web.test_web_pages import HOSTILE, assert_nothing_runs

Start = Callable[..., Site]
Visit = Callable[[Site], Visitor]


def test_a_matter_kept_inside_is_not_sent_to_a_model_elsewhere(start: Start, visit: Visit) -> None:
    one = visit(start(base_url="http://models.invalid/v1"))
    made = one.post("/ask", {"question": "極秘の質問", "model": "far"}).url.path
    matter = made.rsplit("/", 1)[1]
    one.post(f"/settings/matters/{matter}/external", {"forbidden": "true"})
    assert "禁止しない" in one.get("/settings").text
    refused = one.post(f"{made}/turns/1/answer").text
    assert "外部送信禁止" in refused
    one.post(f"/settings/matters/{matter}/external", {"forbidden": "false"})
    assert "外部送信禁止" not in one.post(f"{made}/turns/1/answer").text


def test_what_is_deleted_is_gone_from_the_files_too(start: Start, visit: Visit) -> None:
    site = start()
    one = visit(site)
    title = "極秘の買収計画について"
    kept = one.post("/ask", {"question": "残す質問"}).url.path
    gone = one.post("/ask", {"question": title}).url.path
    stored = [path for path in site.home.rglob("*") if path.is_file()]
    assert any(title.encode() in path.read_bytes() or _escaped(title, path) for path in stored)
    one.post(f"/settings/matters/{gone.rsplit('/', 1)[1]}/delete")
    assert one.get(gone).status_code == 404 and one.get(kept).status_code == 200
    for path in site.home.rglob("*"):
        if path.is_file():
            assert title.encode() not in path.read_bytes(), path
    one.post("/settings/purge", {"days": "1"})
    assert one.get(kept).status_code == 200
    one.post("/settings/purge", {"days": "0"})
    assert one.get(kept).status_code == 404
    assert not list((site.home / "matters").iterdir())


def _escaped(text: str, path: Path) -> bool:
    return text in path.read_text("utf-8", "ignore")


def test_team_cards_are_added_searched_by_the_next_question_and_removed(
    start: Start, visit: Visit
) -> None:
    one = visit(start())
    card = f"# 社内の押印規程{HOSTILE}\n\n押印は総務部の承認を得てから行う。\n"
    added = one.post("/settings/cards", files={"file": ("社内規程.md", card.encode())})
    assert "カード（1 枚）" in added.text and "社内の押印規程" in added.text
    assert_nothing_runs(added.text)
    asked = one.post("/ask", {"question": "押印に総務部の承認は要りますか", "model": "tiny"})
    one.post(f"{asked.url.path}/turns/1/answer")
    assert "社内の押印規程" in one.get(asked.url.path).text
    card_id = added.text.split('name="card" value="')[1].split('"')[0]
    assert "カード（0 枚）" in one.post("/settings/cards/remove", {"card": card_id}).text
    wrong = one.post("/settings/cards", files={"file": ("a.exe", b"MZ")})
    assert wrong.status_code == 400 and "読めません" in wrong.text


def test_playbooks_are_shown_and_a_template_is_imported(
    start: Start, visit: Visit, tmp_path: Path
) -> None:
    one = visit(start())
    listed = one.get("/settings/playbooks").text
    book = listed.split('href="/settings/playbooks/')[1].split('"')[0]
    shown = one.get(f"/settings/playbooks/{book}").text
    assert "標準" in shown and 'class="mark p-high"' in shown
    content = make_docx(tmp_path / "a.docx").read_bytes()
    made = one.post("/settings/playbooks", {"name": "自社NDA"}, files={"file": ("a.docx", content)})
    assert made.status_code == 200 and "ひな形：自社NDA" in made.text and "第" in made.text
    assert "自社NDA" in one.get("/settings/playbooks").text
    bad = one.post("/settings/playbooks", {"name": "../x"}, files={"file": ("a.docx", content)})
    assert bad.status_code == 400 and "使えません" in bad.text
    for path in ("nothing", "hinagata/nothing"):
        assert one.get(f"/settings/playbooks/{path}").status_code == 404


def test_users_are_managed_by_an_administrator_only(start: Start, visit: Visit) -> None:
    site = start(host="0.0.0.0")
    add_users(site.home, 佐藤="管理者", 山田="法務")
    admin, lawyer = visit(site), visit(site)
    admin.sign_in("佐藤")
    lawyer.sign_in("山田")
    for path in ("/settings/users", "/settings/connections"):
        assert lawyer.get(path).status_code == 403, path
    new = {"name": "鈴木", "password": PASSWORD, "role": "閲覧"}
    assert lawyer.post("/settings/users", new).status_code == 403
    assert lawyer.post("/settings/users/disable", {"name": "佐藤"}).status_code == 403
    made = admin.post("/settings/users", new)
    assert "鈴木（閲覧）" in made.text and PASSWORD not in made.text
    short = admin.post("/settings/users", {**new, "name": "伊藤", "password": "短い"})
    assert short.status_code == 400 and "12 文字以上" in short.text
    assert admin.post("/settings/users/disable", {"name": "佐藤"}).status_code == 400
    assert "停止" in admin.post("/settings/users/disable", {"name": "山田"}).text
    assert lawyer.get("/").url.path == "/login"


def test_a_key_goes_in_and_never_comes_out(start: Start, visit: Visit, tmp_path: Path) -> None:
    one = visit(start())
    key = "sk-geheim-0123456789-abcd"
    form = {"base_url": "https://models.invalid/v1", "api_key": key, "model_aliases": "軽い = tiny"}
    saved = one.post("/settings/connections", form)
    assert saved.status_code == 200 and "…abcd" in saved.text and key not in saved.text
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    read = Settings()
    assert read.api_key.get_secret_value() == key and read.model_aliases == {"軽い": "tiny"}
    # A new address must not be sent the old key.
    moved = {"base_url": "https://elsewhere.invalid/v1", "model_aliases": "軽い = tiny"}
    assert "…abcd" not in one.post("/settings/connections", moved).text
    assert key not in (tmp_path / ".env").read_text("utf-8")
    assert "このサーバーの外" in one.get("/settings/connections").text


def test_what_cannot_be_a_connection_is_refused_and_nothing_is_written(
    start: Start, visit: Visit, tmp_path: Path
) -> None:
    one = visit(start())
    for form, problem in (
        ({"base_url": "http://models.invalid/v1"}, "https://"),
        ({"base_url": "http://127.0.0.1:80@evil.invalid/"}, "https://"),
        ({"api_key": "sk-1"}, "鍵は要りません"),
        ({"model_aliases": "これは違う"}, "1 行目"),
        ({"judge_base_url": "https://a.invalid/v1\nX=1"}, "使えない文字"),
    ):
        refused = one.post("/settings/connections", form)
        assert refused.status_code == 400 and problem in refused.text, form
    assert not (tmp_path / ".env").exists()


def test_what_the_environment_decides_is_left_alone(
    start: Start, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment-wxyz")
    one = visit(start())
    assert "HOMUTUNE_API_KEY で決まっている" in one.get("/settings/connections").text
    form = {"base_url": "https://models.invalid/v1", "api_key": "sk-new"}
    refused = one.post("/settings/connections", form)
    assert refused.status_code == 400 and "環境変数" in refused.text
    assert not (tmp_path / ".env").exists()
