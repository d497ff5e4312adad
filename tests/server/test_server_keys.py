"""Keys of users, and what the log says and does not say."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from homutune.errors import UserError
from homutune.server import open_keys, serve
from homutune.server._logs import JsonLines
from homutune.settings import Settings
from ports import free_port
from server.doubles import ScriptedEngine
from server.running import Local, client_for, wait_until


def command(*arguments: str) -> Any:
    line = [sys.executable, "-m", "homutune.cli", "serve", "keys", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr
    return done


def test_each_user_has_a_key_that_can_be_revoked_while_the_server_runs(
    start: Callable[..., Local], home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(home=home)
    with open_keys(settings) as keys:
        _, yamada = keys.add("山田")
        _, sato = keys.add("佐藤")
        with pytest.raises(UserError, match="既にあります"):
            keys.add("山田")
        with pytest.raises(UserError, match="1〜64 文字"):
            keys.add(" ")
    local = start(host="0.0.0.0")
    caplog.set_level(logging.INFO, logger="homutune.server")
    assert client_for(local.url, api_key=yamada).models.list().data
    line = wait_until(lambda: [r.message for r in caplog.records if "/v1/models" in r.message])[0]
    assert line.endswith(" 山田") and yamada not in caplog.text
    for wrong in ("hmt-wrong", yamada[:-1]):
        with pytest.raises(openai.AuthenticationError) as caught:
            client_for(local.url, api_key=wrong).models.list()
        assert caught.value.code == "invalid_api_key"
    with open_keys(settings) as keys:
        assert keys.revoke("山田").revoked_at is not None
        with pytest.raises(UserError, match="有効なキーはありません"):
            keys.revoke("山田")
        assert [(key.name, key.revoked_at is None) for key in keys.list()] == [
            ("山田", False),
            ("佐藤", True),
        ]
    with pytest.raises(openai.AuthenticationError):
        client_for(local.url, api_key=yamada).models.list()
    assert client_for(local.url, api_key=sato).models.list().data


def test_keys_are_not_in_the_database(home: Path) -> None:
    with open_keys(Settings(home=home)) as keys:
        _, key = keys.add("山田")
    stored = b"".join(path.read_bytes() for path in home.iterdir() if path.is_file())
    assert "山田".encode() in stored and key.encode() not in stored


def test_an_open_address_is_served_once_somebody_has_a_key(home: Path) -> None:
    open_to_all = Settings(home=home, host="0.0.0.0", port=free_port())
    with pytest.raises(UserError, match="homutune serve keys add"):
        try:
            serve(open_to_all, engine=ScriptedEngine(home))
        except UserError as error:
            raise UserError(str(error.remedy)) from None
    assert not (home / "homutune.db").exists()
    with open_keys(open_to_all) as keys:
        keys.add("山田")
        keys.revoke("山田")
    with pytest.raises(UserError, match="利用者がいません"):
        serve(open_to_all, engine=ScriptedEngine(home))


def test_the_commands_add_list_and_revoke(home: Path) -> None:
    made = json.loads(command("add", "山田", "--json").stdout)
    assert made["key"].startswith("hmt-") and made["name"] == "山田"
    shown = command("list").stdout
    assert "山田" in shown and made["key"] not in shown
    assert command("revoke", "山田").stdout == "山田 のキーを失効させました。\n"
    [listed] = json.loads(command("list", "--json").stdout)["keys"]
    assert listed["revoked_at"] is not None and "digest" not in listed
    again = command("revoke", "山田")
    assert again.returncode == 2 and "有効なキーはありません" in again.stderr


def test_log_lines_are_json_objects_where_that_is_asked_for(
    local: Local, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="homutune.server")
    secret = "機密の契約書"
    answer = local.client.chat.completions.with_raw_response.create(
        model="tiny", messages=[{"role": "user", "content": secret}]
    )
    records = wait_until(lambda: [r for r in caplog.records if "completions" in r.getMessage()])
    line = json.loads(JsonLines().format(records[-1]))
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/chat/completions", 200)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["level"] == "info" and line["ms"] >= 0 and line["user"] is None
    assert secret not in json.dumps(line, ensure_ascii=False)
