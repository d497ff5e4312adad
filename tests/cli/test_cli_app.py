"""The command line as a whole: quick to start, Japanese, calm when something is wrong."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homutune.cli import _app, _failures
from homutune.cli._console import tell_sending
from homutune.client import LegalModel
from homutune.errors import UserError
from homutune.settings import Settings

HEAVY = ("torch", "transformers", "openai", "sklearn", "pandas", "fastapi", "numpy")
COMMAND = (sys.executable, "-m", "homutune.cli")


def homutune(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run((*COMMAND, *arguments), capture_output=True, timeout=60, **options)


def test_help_imports_nothing_heavy(home: Path) -> None:
    code = (
        "import sys; sys.argv = ['homutune', '--help']\n"
        "from homutune.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('HEAVY', [name for name in {(*HEAVY, 'pydantic')!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert "HEAVY []" in done.stdout.decode()


@pytest.mark.parametrize("verb", list(_app.VERBS))
def test_every_verb_explains_itself_without_importing_anything_heavy(home: Path, verb: str) -> None:
    # pydantic is not counted here: Typer itself reads typed options with it.
    code = (
        "import sys\nfrom homutune.cli._app import run\n"
        f"code = run([{verb!r}, '--help'])\n"
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    text = done.stdout.decode()
    assert "HEAVY [] 0" in text, text + done.stderr.decode()
    assert "この説明を表示して終わります" in text
    assert "Show this message" not in text


def test_without_arguments_the_verbs_are_listed(home: Path) -> None:
    text = homutune().stdout.decode()
    assert all(verb in text for verb in _app.VERBS)


def test_the_version_is_told(home: Path) -> None:
    assert homutune("--version").stdout.decode().startswith("homutune ")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["dataa"], ["コマンド dataa はありません", "data", "--help"]),
        (["--foo"], ["オプション --foo はありません"]),
        (["ask"], ["QUESTION", "指定してください"]),
        (["init", "a", "b"], ["引数が多すぎます"]),
        (["tune", "start", "--seed"], ["--seed", "値を付けてください"]),
        (["tune", "start", "--seed", "x"], ["--seed", "正しくありません"]),
        (["tune", "start", "--recipe", "x"], ["--recipe", "grounded"]),
    ],
)
def test_a_mistyped_command_is_explained_in_japanese(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: list[str]
) -> None:
    assert _app.run(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("エラー: ")
    assert "対処: " in told
    for word in expected:
        assert word in told


def test_an_error_is_also_json_when_json_was_asked_for(home: Path) -> None:
    done = homutune(
        "tune",
        "list",
        "--json",
        env={**os.environ, "HOMUTUNE_BASE_URL": "http://127.0.0.1:1/v1"},
    )
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert "接続できません" in error["message"]
    assert "homutune serve" in error["remedy"]
    assert "エラー: " in done.stderr.decode()


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make ``homutune doctor`` raise, as any verb might."""

    def plant(error: BaseException) -> None:
        def verb() -> None:
            raise error

        monkeypatch.setattr("homutune.cli.setup.doctor", verb)

    return plant


def test_file_and_line_of_a_user_error_are_shown(
    home: Path, capsys: pytest.CaptureFixture[str], failing: Callable[[BaseException], None]
) -> None:
    failing(UserError("質問が空です。", remedy="書いてください。", file="[a].csv", line=3))
    assert _app.run(["doctor"]) == 2
    told = capsys.readouterr().err
    assert told == "エラー: [a].csv:3行目: 質問が空です。\n対処: 書いてください。\n"


def test_a_fault_of_ours_leaves_its_traceback_in_a_file_and_not_on_the_screen(
    home: Path, capsys: pytest.CaptureFixture[str], failing: Callable[[BaseException], None]
) -> None:
    failing(ZeroDivisionError("division by zero"))
    assert _app.run(["doctor"]) == 1
    told = capsys.readouterr().err
    (log,) = (home / "logs").glob("*.log")
    assert "Traceback" not in told
    assert str(log) in told
    assert "ZeroDivisionError" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "ディスクの空き"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/home"), "/x/home"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "homutune[local]"),
    ],
)
def test_troubles_of_the_machine_are_told_with_a_way_out(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    failing: Callable[[BaseException], None],
    error: Exception,
    expected: str,
) -> None:
    failing(error)
    assert _app.run(["doctor"]) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert "対処: " in told


def test_ctrl_c_says_that_the_same_command_goes_on(
    home: Path, capsys: pytest.CaptureFixture[str], failing: Callable[[BaseException], None]
) -> None:
    failing(KeyboardInterrupt())
    assert _app.run(["doctor"]) == 130
    assert "中断しました" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="POSIX pipes")
def test_a_reader_that_goes_away_is_not_complained_about(home: Path) -> None:
    done = subprocess.run(
        f"{' '.join(COMMAND)} doctor --json | true", shell=True, capture_output=True, timeout=60
    )
    assert done.stderr == b""


def test_output_is_utf8_even_where_the_locale_is_not(home: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "cp932", "PYTHONUTF8": "0"}
    assert "✓" in homutune("doctor", env=environment).stdout.decode("utf-8")


def test_a_log_can_be_written_even_where_the_home_cannot(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    monkeypatch.setenv("HOMUTUNE_HOME", str(blocked))
    log = _failures._write_traceback(ValueError("x"))
    try:
        assert "ValueError" in log.read_text(encoding="utf-8")
    finally:
        log.unlink()


def test_nothing_is_said_to_be_sent_where_sending_is_forbidden(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    far = [{"url": "https://models.invalid/v1", "models": ["far"]}]
    for forbidden in (False, True):
        settings = Settings(home=home, upstreams=far)
        with LegalModel("far", settings=settings, no_external=forbidden) as model:
            tell_sending(model, "契約書の本文")
        assert ("仮名化して" in capsys.readouterr().err) is not forbidden
