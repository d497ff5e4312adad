"""Who may come in, what they may do, and what is written down about it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from homutune.errors import UserError
from homutune.server import AuditRow, open_store
from homutune.settings import Settings
from homutune.web import Accounts
from web.sites import PASSWORD, Site, Visitor, add_users

Start = Callable[..., Site]
Visit = Callable[[Site], Visitor]


def command(*arguments: str, password: str | None = None) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "homutune.cli", "user", *arguments]
    done = subprocess.run(line, input=password, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    return done


def test_on_loopback_nobody_signs_in(start: Start, visit: Visit) -> None:
    one = visit(start())
    assert one.get("/").status_code == 200
    assert "サインアウト" not in one.get("/").text
    assert one.get("/login").url.path == "/"


def test_on_another_address_every_page_leads_to_the_sign_in(start: Start, visit: Visit) -> None:
    site = start(host="0.0.0.0")
    add_users(site.home, 山田="法務")
    one = visit(site)
    for path in ("/", "/data", "/training", "/review", "/ask", "/review/m_x/report.html", "/nope"):
        assert one.get(path).url.path == "/login"
    assert one.http.get("/home/models", headers={"hx-request": "true"}).status_code == 401
    assert one.http.post("/review/upload", content=b"x" * 1000).status_code == 401
    assert one.sign_in("山田").url.path == "/"
    assert "山田（法務）" in one.get("/").text
    assert one.post("/logout").url.path == "/login"
    assert one.get("/data").url.path == "/login"


def test_a_cookie_of_a_session_that_ended_opens_nothing(start: Start, visit: Visit) -> None:
    site = start(host="0.0.0.0")
    add_users(site.home, 山田="法務")
    one = visit(site)
    one.sign_in("山田")
    secret = one.http.cookies["homutune_session"]
    stored = b"".join(path.read_bytes() for path in site.home.glob("homutune.db*"))
    assert secret.encode() not in stored and PASSWORD.encode() not in stored
    one.post("/logout")
    cookies = {"homutune_session": secret}
    assert httpx2.get(f"{site.url}/data", cookies=cookies).status_code == 303


def test_a_disabled_user_is_out_at_once(start: Start, visit: Visit) -> None:
    site = start(host="0.0.0.0")
    add_users(site.home, 佐藤="管理者", 山田="法務")
    one = visit(site)
    one.sign_in("山田")
    assert one.get("/data").url.path == "/data"
    assert command("disable", "山田").returncode == 0
    assert one.get("/data").url.path == "/login"
    assert one.sign_in("山田").status_code == 401


def test_guessing_passwords_is_stopped_and_an_unknown_name_looks_the_same(
    start: Start, visit: Visit
) -> None:
    site = start(host="0.0.0.0")
    add_users(site.home, 山田="法務")
    one = visit(site)
    wrong = one.sign_in("山田", "違う違う違う違う違う違う")
    unknown = one.sign_in("鈴木", "違う違う違う違う違う違う")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("山田", "鈴木") == unknown.text
    for _ in range(4):
        one.sign_in("山田", "違う違う違う違う違う違う")
    assert "しばらく受け付けません" in one.sign_in("山田").text


def test_a_change_without_the_token_of_its_session_is_refused(start: Start, visit: Visit) -> None:
    site = start(host="0.0.0.0")
    add_users(site.home, 山田="法務", 佐藤="法務")
    one, other = visit(site), visit(site)
    one.sign_in("山田")
    other.sign_in("佐藤")
    foreign = other.http.get("/").text.split('X-CSRF-Token": "')[1][:64]
    for data in ({}, {"csrf": "0" * 64}, {"csrf": foreign}, {"csrf": "日本語"}):
        refused = one.http.post("/data/sample", data=data)
        assert refused.status_code == 403 and "再読み込み" in refused.text
    own = one.http.get("/").text.split('X-CSRF-Token": "')[1][:64]
    assert own != foreign
    assert one.http.post("/data/sample", data={"csrf": own}).status_code == 200


def test_a_form_of_a_foreign_page_is_refused_on_loopback_too(start: Start, visit: Visit) -> None:
    one = visit(start())
    token = one.http.get("/").text.split('X-CSRF-Token": "')[1][:64]
    foreign = one.http.post(
        "/data/sample", data={"csrf": token}, headers={"origin": "https://evil.example"}
    )
    assert foreign.status_code == 403
    assert one.http.get("/", headers={"host": "evil.example"}).status_code == 403


def test_a_viewer_looks_and_changes_nothing(start: Start, visit: Visit) -> None:
    site = start(host="0.0.0.0")
    add_users(site.home, 見学="閲覧")
    one = visit(site)
    one.sign_in("見学")
    token = one.http.get("/").text.split('X-CSRF-Token": "')[1][:64]
    for path in ("/", "/data", "/training", "/review", "/ask"):
        assert one.get(path).status_code == 200
    for path in ("/data/sample", "/ask", "/training/start", "/review/upload"):
        refused = one.http.post(path, data={"csrf": token, "question": "質問"})
        assert refused.status_code == 403 and "許可されていません" in refused.text
    assert one.http.post("/logout", data={"csrf": token}).url.path == "/login"


def test_the_audit_log_says_who_did_what_and_never_what_was_in_it(
    start: Start, visit: Visit
) -> None:
    site = start(host="0.0.0.0")
    add_users(site.home, 山田="法務")
    one = visit(site)
    one.sign_in("山田")
    one.post("/ask", {"question": "極秘の買収について"})
    with open_store(Settings(home=site.home)) as store:
        rows, _ = store.page(AuditRow, limit=100)
    told = [(row.user, row.action, row.target, row.result) for row in rows]
    assert ("山田", "sign in", "/login", 200) in told
    assert ("山田", "POST", "/ask", 303) in told
    assert "極秘" not in str(told)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(start: Start) -> None:
    address = start().url.removeprefix("http://")
    host, port = address.split(":")
    for header in ("Content-Length: 99000000", "Transfer-Encoding: chunked"):
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(
                f"POST /data/upload HTTP/1.1\r\nHost: {address}\r\n{header}\r\n\r\n".encode()
            )
            status = line.recv(4096).split(b" ")[1]
        assert status == (b"413" if "Length" in header else b"411")


def test_users_are_made_listed_and_disabled_on_the_command_line(home: Path) -> None:
    made = command("add", "山田", "--role", "管理者", "--password-stdin", password=f"{PASSWORD}\n")
    assert (made.returncode, "山田（管理者）" in made.stdout + made.stderr) == (0, True)
    again = command("add", "山田", "--password-stdin", password=f"{PASSWORD}\n")
    assert again.returncode == 2 and "既にいます" in again.stderr
    short = command("add", "佐藤", "--password-stdin", password="短い\n")
    assert short.returncode == 2 and "12 文字以上" in short.stderr
    assert command("add", "佐藤", "--password-stdin", password=f"{PASSWORD}\n").returncode == 0
    last = command("disable", "山田")
    assert last.returncode == 2 and "最後の管理者" in last.stderr
    assert command("disable", "佐藤").returncode == 0
    listed = command("list", "--json").stdout
    assert '"active": false' in listed and "argon2" not in listed
    back = command("add", "佐藤", "--password-stdin", password=f"{PASSWORD}\n")
    assert back.returncode == 0


def test_a_role_that_is_not_known_is_refused(home: Path) -> None:
    with open_store(Settings(home=home)) as store, pytest.raises(UserError, match="役割"):
        Accounts(store).add("山田", PASSWORD, "王様")
