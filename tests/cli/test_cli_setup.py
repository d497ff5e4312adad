"""``init`` and ``doctor``: what a newcomer meets first."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path

import pytest

from homutune.cli import _doctor
from homutune.cli._app import run
from homutune.settings import Settings, load_settings
from ports import free_port
from scripted import Reply, ScriptedServer, openai_error

KEY = "sk-very-secret-0123456789"


def levels(findings: list[_doctor.Finding]) -> dict[str, str]:
    return {finding.name: finding.level for finding in findings}


def test_init_makes_a_project_that_can_be_used_at_once(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "projekt"]) == 0
    text = capsys.readouterr().out
    project = Path("projekt")
    assert (project / ".env.example").is_file()
    assert ".env" in (project / ".gitignore").read_text("utf-8").splitlines()
    assert sorted((project / "data" / "cards").glob("*.yaml"))
    for step in ("cd projekt", "homutune doctor", "homutune data split", "homutune tune start"):
        assert step in text


def test_init_changes_no_file_that_is_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("homutune.toml").write_text("port = 8500\n", encoding="utf-8")
    assert run(["init", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["kept"] == ["homutune.toml"]
    assert Path("homutune.toml").read_text("utf-8") == "port = 8500\n"
    assert run(["init", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["created"] == []
    assert set(again["kept"]) == {*first["created"], "homutune.toml"}


def test_every_line_of_the_sample_settings_works_when_switched_on(home: Path) -> None:
    run(["init"])
    lines = Path("homutune.toml").read_text("utf-8").splitlines()
    switched = [line[2:] for line in lines if line.startswith("# ") and " = " in line]
    seen = set()
    for line in switched:
        Path("homutune.toml").write_text(line + "\n", encoding="utf-8")
        (name,) = tomllib.loads(line)
        seen.add(name)
        assert name in Settings.model_fields
        load_settings()
    assert seen == {
        *("home", "base_url", "base_model", "law_api_url", "host", "port", "threads"),
        *("database_url", "upstreams", "log_format", "memory_limit_gb", "search_by_meaning"),
        *("runner", "ray_address", "ray_workers", "ray_storage"),
        *("no_external", "monthly_budget_jpy", "model_aliases", "fallback_models"),
        *("log_contents", "judge_base_url"),
    }


def test_the_example_in_the_repository_is_the_one_that_init_writes(home: Path) -> None:
    run(["init"])
    here = Path(__file__).parents[2] / ".env.example"
    assert here.read_bytes() == Path(".env.example").read_bytes()


def test_doctor_finds_a_free_port_and_a_writable_home(home: Path) -> None:
    port = free_port()
    findings = _doctor.examine(
        Settings(home=home, port=port, base_url=f"http://127.0.0.1:{port}/v1")
    )
    found = levels(findings)
    assert found["サーバー"] == "ok"
    assert found["データの置き場所"] == "ok"
    assert found["ベースモデル"] == "warning"
    assert all(finding.remedy for finding in findings if finding.level != "ok")


def test_doctor_tells_our_server_from_another_program_on_the_port(
    home: Path, scripted_server: ScriptedServer
) -> None:
    port = int(scripted_server.base_url.split(":")[2].split("/")[0])
    settings = Settings(home=home, port=port, base_url=scripted_server.base_url)
    scripted_server.routes["GET", "/models"] = Reply(b"<html>a web page</html>")
    assert levels(_doctor.examine(settings))["サーバー"] == "error"
    model = {"id": "m", "object": "model", "created": 0, "owned_by": "o"}
    scripted_server.routes["GET", "/models"] = Reply({"object": "list", "data": [model]})
    assert levels(_doctor.examine(settings))["サーバー"] == "ok"


def test_doctor_fails_and_says_so_in_json_when_something_is_broken(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = Path("blocked")
    blocked.write_text("a file where the home should be")
    monkeypatch.setenv("HOMUTUNE_HOME", str(blocked.resolve()))
    assert run(["doctor", "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["ok"] is False
    broken = [check for check in result["checks"] if check["level"] == "error"]
    assert [check["name"] for check in broken] == ["データの置き場所"]


def test_doctor_shows_four_characters_of_a_key_and_no_more(
    home: Path,
    scripted_server: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    # Not a loopback name, so that it counts as remote; it resolves to this machine all the same.
    remote = scripted_server.base_url.replace("127.0.0.1", "127.0.0.2")
    monkeypatch.setenv("HOMUTUNE_BASE_URL", remote)
    scripted_server.routes["GET", "/models"] = openai_error(401, f"wrong key {KEY}")
    assert run(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "末尾 6789" in told
    assert KEY not in told
    assert "very-secret" not in told


def test_users_of_openai_are_told_the_closing_dates_with_the_days_left() -> None:
    settings = Settings(base_url="https://api.openai.com/v1")
    told = "\n".join(
        f"{item.level} {item.message}"
        for item in _doctor._hosted_closing(settings, date(2026, 12, 7))
    )
    assert "warning 2027-01-06（あと 30 日）" in told
    assert "2026-05-07（実施済み）" in told
    (local,) = _doctor._hosted_closing(Settings(), date(2026, 12, 7))
    assert local.level == "ok"
