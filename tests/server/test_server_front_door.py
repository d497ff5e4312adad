"""Addresses, keys, browsers, unknown routes, one server per home."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from sqlalchemy import create_engine, text

from homutune.errors import UserError
from homutune.server import create_app, serve
from homutune.server._migrations import MIGRATIONS
from homutune.server._store import Store
from homutune.settings import Settings
from ports import free_port
from server import contract
from server.doubles import ScriptedEngine
from server.running import Local, Process, client_for, wait_until


def test_the_spec_is_beside_us_so_that_every_answer_was_held_against_it() -> None:
    if not contract.SPEC.exists():
        pytest.skip(f"{contract.SPEC} is not here: answers were checked by the SDK's types only")
    contract.matches("Model", {"id": "a", "object": "model", "created": 1, "owned_by": "b"})
    with pytest.raises(Exception, match="is not of type"):
        contract.matches("Model", {"id": 1, "object": "model", "created": 1, "owned_by": "b"})


def test_unknown_routes_and_methods_get_errors_in_openais_shape(shared: Local) -> None:
    with pytest.raises(openai.NotFoundError, match=r"Invalid URL \(POST /v1/moderations\)"):
        shared.client.moderations.create(input="a")
    with pytest.raises(openai.APIStatusError, match="Not allowed to PUT") as caught:
        shared.client.put("/chat/completions", cast_to=object)
    assert caught.value.status_code == 405
    with pytest.raises(openai.BadRequestError, match="could not parse the JSON body"):
        shared.client.post(
            "/chat/completions",
            cast_to=object,
            content=b"{",
            options={"headers": {"content-type": "application/json"}},
        )
    assert httpx2.get(f"{shared.url}/healthz").json() == {"status": "ok"}


def test_a_bad_query_is_a_400_naming_it(shared: Local) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        shared.client.files.list(limit=0)
    assert caught.value.param == "limit"


def test_each_request_is_one_log_line_with_its_id(
    local: Local, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="homutune.server")
    request_id = local.client.models.with_raw_response.list().headers["x-request-id"]
    [line] = wait_until(  # the line is written after the answer was sent
        lambda: [record.message for record in caplog.records if request_id in record.message]
    )
    assert line.startswith("GET /v1/models 200 ")


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
def test_a_page_of_another_origin_cannot_post(shared: Local, origin: str) -> None:
    foreign = client_for(shared.url, default_headers={"origin": origin})
    with pytest.raises(openai.PermissionDeniedError) as caught:
        foreign.files.create(file=("a.txt", b"x"), purpose="user_data")
    assert caught.value.code == "origin_not_allowed"
    own = client_for(shared.url, default_headers={"origin": shared.url})
    assert own.files.create(file=("a.txt", b"x"), purpose="user_data").id


@pytest.mark.parametrize("host", ["evil.example:8400", "127.0.0.1.evil.example", "[::1", ""])
def test_a_rebound_host_name_is_refused(shared: Local, host: str) -> None:
    response = httpx2.get(f"{shared.url}/v1/models", headers={"host": host})
    assert response.status_code == 403
    contract.check(response)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_what_a_proxy_passes_on_is_refused_where_nobody_signs_in(shared: Local, name: str) -> None:
    response = httpx2.get(f"{shared.url}/v1/models", headers={name: "10.0.0.7"})
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "proxy_not_allowed"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8400", "127.0.0.1", "[::1]:8400"])
def test_every_name_of_this_machine_is_taken(shared: Local, host: str) -> None:
    assert httpx2.get(f"{shared.url}/v1/models", headers={"host": host}).status_code == 200


def test_an_open_address_needs_a_key_and_then_asks_for_it(
    start: Callable[..., Local], home: Path
) -> None:
    with pytest.raises(UserError, match="利用者がいません"):
        serve(Settings(home=home, host="0.0.0.0", port=free_port()))
    local = start(host="0.0.0.0", server_api_key="とても長い鍵")
    with pytest.raises(openai.AuthenticationError) as caught:
        local.client.models.list()
    assert caught.value.code == "invalid_api_key"
    assert httpx2.get(f"{local.url}/v1/models").status_code == 401
    assert httpx2.get(f"{local.url}/healthz").status_code == 200
    headers = {"authorization": "Bearer とても長い鍵".encode(), "host": b"server.office:8400"}
    assert httpx2.get(f"{local.url}/v1/models", headers=headers).status_code == 200


def test_a_second_server_on_one_home_is_refused(
    start_process: Callable[..., Process], home: Path
) -> None:
    start_process().ready()
    with pytest.raises(UserError, match="別の homutune serve が動いています"):
        serve(Settings(home=home, port=free_port()), engine=ScriptedEngine(home))


def test_a_port_in_use_is_told_with_a_way_out(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"ポート {port} は使用中です。") as caught:
            serve(Settings(home=home, port=port), engine=ScriptedEngine(home))
    assert "--port" in str(caught.value.remedy)


def test_an_address_that_is_not_ours_is_told_calmly(home: Path) -> None:
    settings = Settings(home=home, host="203.0.113.1", server_api_key="key", port=free_port())
    with pytest.raises(UserError, match=r"アドレス 203\.0\.113\.1 では待ち受けできません"):
        serve(settings, engine=ScriptedEngine(home))


def test_a_database_of_a_newer_version_is_not_touched(home: Path) -> None:
    Store(home).close()
    with create_engine(f"sqlite:///{home / 'homutune.db'}").begin() as connection:
        connection.execute(text("INSERT INTO schema_version VALUES (99, 0)"))
    with pytest.raises(UserError, match="新しい版"):
        create_app(Settings(home=home), engine=ScriptedEngine(home))


def test_the_database_is_in_wal_mode_and_knows_its_version(local: Local) -> None:
    with create_engine(f"sqlite:///{local.home / 'homutune.db'}").begin() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        version = connection.execute(text("SELECT max(version) FROM schema_version")).scalar()
        assert version == len(MIGRATIONS)


def test_the_command_explains_itself_in_japanese_and_reports_a_port_in_use(home: Path) -> None:
    def run(*arguments: str) -> Any:
        command = [sys.executable, "-m", "homutune.cli", "serve", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    shown = run("--help").stdout
    assert "画面と、学習・推論のサーバーを起動します" in shown
    assert "homutune serve --port 8500" in shown
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run("--port", port)
    assert refused.returncode == 2
    assert f"ポート {port} は使用中です。" in refused.stderr
    assert "Traceback" not in refused.stderr
