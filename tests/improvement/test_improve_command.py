"""``homutune improve`` as a user runs it, before anything is trained."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from homutune.cli._app import run
from homutune.cli._console import out
from homutune.data import Dataset
from homutune.improvement import Draft, Loop
from homutune.settings import Settings
from improvement.conftest import Writer
from scripted import ScriptedServer, openai_error

Drafting = Callable[..., list[Draft]]


def test_the_plan_is_told_with_counts_and_proof(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "base")
    monkeypatch.setattr(out, "width", 200)
    assert run(["improve", "plan", "--model", "base"]) == 0
    told = capsys.readouterr().out
    assert "6問のうち6問を落としました" in told and "分野：労働" in told
    assert "w01 増やす" in told and "kaiko-0" in told and loop.id in told


def test_drafts_are_decided_on_one_after_the_other(
    draft: Drafting,
    loop: Loop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = draft(limit=1)
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\nx\nr\nq\n"))
    assert run(["improve", "review", "--by", "山田"]) == 0
    verdicts = {key: decision.verdict for key, decision in loop.decisions().items()}
    assert verdicts == {made[0].id: "accept", made[1].id: "reject"}
    assert made[0].example.question in capsys.readouterr().out
    assert run(["improve", "list"]) == 0
    assert "採用（山田）" in capsys.readouterr().out


def test_an_answer_is_mended_in_the_editor(
    draft: Drafting,
    loop: Loop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    made = draft(limit=1)[0]
    editor = tmp_path / "editor.py"
    editor.write_text(
        "import sys, pathlib\np = pathlib.Path(sys.argv[1])\n"
        "p.write_text(p.read_text('utf-8').replace('書面に', '必ず書面に'), 'utf-8')\n",
        "utf-8",
    )
    monkeypatch.setenv("VISUAL", f"{sys.executable} {editor}")
    assert run(["improve", "edit", made.id, "--by", "山田"]) == 0
    decision = loop.decisions()[made.id]
    assert decision.verdict == "edit" and decision.question is None
    assert decision.answer == made.example.answer.replace("書面に", "必ず書面に")
    monkeypatch.setenv("VISUAL", str(tmp_path / "no-such-editor"))
    assert run(["improve", "edit", made.id, "--by", "山田"]) == 2
    assert "EDITOR" in capsys.readouterr().err


def test_a_sheet_does_not_overwrite_decisions_and_belongs_to_its_loop(
    draft: Drafting,
    loop: Loop,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert run(["improve", "export"]) == 2
    assert "homutune improve draft" in capsys.readouterr().err
    draft(limit=1)
    assert run(["improve", "export", "--out", "d.xlsx"]) == 0
    assert run(["improve", "export", "--out", "d.xlsx"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(["improve", "import", "d.xlsx", "--by", "山田", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decisions"] == []
    loop.folder.rename(loop.folder.with_name("loop-0000000000"))
    assert run(["improve", "import", "d.xlsx", "--by", "山田"]) == 2
    assert "loop-0000000000 の下書きのものではありません" in capsys.readouterr().err


def test_what_comes_first_is_named(
    dataset: Dataset, settings: Settings, writer: Writer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["improve", "plan", "--model", "base"]) == 2
    assert "homutune eval run" in capsys.readouterr().err
    assert run(["improve", "draft", "--model", "drafter"]) == 2
    assert "homutune improve plan" in capsys.readouterr().err


def test_nothing_is_retrained_before_a_version_was_made(
    loop: Loop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["improve", "retrain"]) == 2
    assert "homutune improve apply" in capsys.readouterr().err
    assert run(["improve", "apply"]) == 2
    assert "homutune improve review" in capsys.readouterr().err


def test_a_drafter_that_disappears_midway_keeps_the_drafts_it_wrote(
    loop: Loop,
    writer: Writer,
    scripted_server: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gone = openai_error(404, "The model does not exist", "model_not_found", param="model")
    scripted_server.routes[("POST", "/chat/completions")] = lambda request: (
        gone if len(writer.drafted) >= 2 else writer(request)
    )
    arguments = ["improve", "draft", "--model", "drafter", "--concurrency", "1", "--limit", "1"]
    assert run(arguments) == 2
    assert "モデルがサーバーにありません" in capsys.readouterr().err
    kept = loop.drafts()
    assert len(kept) == 2
    scripted_server.routes[("POST", "/chat/completions")] = writer
    assert run(arguments) == 0
    assert len(loop.drafts()) == len(writer.drafted) > 2
