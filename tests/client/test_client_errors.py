"""Every way a server can refuse, met by the unmodified SDK on a real port, is told in Japanese."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from homutune.client import connect, friendly_errors
from homutune.errors import UserError
from homutune.settings import Settings
from ports import free_port
from scripted import Reply, ScriptedServer, openai_error

KEY = "sk-very-secret-0123456789"


def refused(settings: Settings, *, job: bool = False) -> UserError:
    """The error of one chat (or job) request."""
    with (
        pytest.raises(UserError) as caught,
        friendly_errors(settings),
        connect(settings) as client,
    ):
        if job:
            client.fine_tuning.jobs.create(model="gpt-4o", training_file="file-1")
        else:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "q"}])
    assert KEY not in str(caught.value)
    return caught.value


@pytest.fixture
def settings(home: Path, scripted_server: ScriptedServer) -> Settings:
    return Settings(base_url=scripted_server.base_url, api_key=KEY)


def chat_answers(server: ScriptedServer, reply: Reply) -> None:
    server.routes["POST", "/chat/completions"] = reply


def test_a_local_server_that_is_not_running_is_answered_with_the_command_that_starts_it(
    home: Path,
) -> None:
    port = free_port()
    error = refused(Settings(base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY))
    assert "ローカルサーバーに接続できません" in error.message
    assert "homutune serve" in (error.remedy or "")


def test_an_unknown_remote_host_is_not_blamed_on_the_local_server(home: Path) -> None:
    error = refused(Settings(base_url="http://homutune-test.invalid/v1", api_key=KEY))
    assert "homutune-test.invalid" in error.message
    assert "homutune serve" not in (error.remedy or "")


def test_a_refused_key_is_not_repeated_even_if_the_server_quotes_it(
    settings: Settings, scripted_server: ScriptedServer
) -> None:
    chat_answers(scripted_server, openai_error(401, f"Incorrect API key provided: {KEY}"))
    assert "API キー" in refused(settings).message


def test_a_missing_key_is_told_apart_from_a_wrong_one(
    home: Path, scripted_server: ScriptedServer
) -> None:
    chat_answers(scripted_server, openai_error(401, "no key"))
    error = refused(Settings(base_url=scripted_server.base_url))
    assert "必要" in error.message


def test_a_403_on_job_creation_explains_the_closing_and_offers_the_local_engine(
    settings: Settings, scripted_server: ScriptedServer
) -> None:
    scripted_server.routes["POST", "/fine_tuning/jobs"] = openai_error(403, "not available")
    error = refused(settings, job=True)
    assert "2026-05-07" in error.message
    assert "2027-01-06" in error.message
    assert "HOMUTUNE_BASE_URL" in (error.remedy or "")
    assert "homutune serve" in (error.remedy or "")


def test_a_403_elsewhere_says_nothing_about_the_closing(
    settings: Settings, scripted_server: ScriptedServer
) -> None:
    chat_answers(scripted_server, openai_error(403, "no access to project"))
    error = refused(settings)
    assert "2027" not in error.message
    assert "no access to project" in error.message


def test_an_unknown_model_names_the_command_that_lists_models(
    settings: Settings, scripted_server: ScriptedServer
) -> None:
    chat_answers(
        scripted_server, openai_error(404, "The model `m` does not exist", "model_not_found")
    )
    assert "homutune tune models" in (refused(settings).remedy or "")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (openai_error(400, "Invalid suffix", param="suffix"), "Invalid suffix"),
        (openai_error(413, "too big"), "大きすぎ"),
        (openai_error(429, "slow down", "rate_limit_exceeded"), "多すぎる"),
        (openai_error(429, "pay", "insufficient_quota"), "利用枠"),
        (openai_error(500, "boom"), "req_test123"),
        (Reply(b"<html>gateway</html>", 502, {"x-should-retry": "false"}), "502"),
    ],
)
def test_other_refusals_keep_what_helps_to_find_the_cause(
    settings: Settings, scripted_server: ScriptedServer, reply: Reply, expected: str
) -> None:
    chat_answers(scripted_server, reply)
    assert expected in refused(settings).message


def test_an_office_proxy_is_not_asked_for_this_machine(
    settings: Settings, scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    scripted_server.routes["GET", "/models"] = Reply({"object": "list", "data": []})
    with friendly_errors(settings), connect(settings) as client:
        assert client.models.list().data == []


def test_a_slow_server_is_told_as_slow(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, never answers
        slow = settings.model_copy(
            update={"base_url": f"http://127.0.0.1:{silent.getsockname()[1]}/v1"}
        )
        with (
            pytest.raises(UserError, match="時間内に応答"),
            friendly_errors(slow),
            connect(slow) as client,
        ):
            client.with_options(timeout=0.2, max_retries=0).models.list()
