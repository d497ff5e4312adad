"""``homutune model``: export and card, from the folder of a real tuned model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from homutune.cli._app import run
from homutune.engine.train import main as train
from tiny import build_tiny_base, write_job

pytestmark = pytest.mark.slow
NAME = "ft:tiny-gemma:local::AbCd1234"


@pytest.fixture
def tuned_home(home: Path) -> Path:
    build_tiny_base(home)
    options = {"n_epochs": 1, "batch_size": 4, "learning_rate_multiplier": 1}
    folder = home / "jobs" / "ftjob-1"
    write_job(folder, home, hyperparameters=options, fine_tuned_model=NAME)
    assert train(folder) == 0
    return home


def test_export_and_card_work_without_a_server(
    tuned_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["model", "export", "--format", "ollama", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == NAME and told["format"] == "ollama"
    folder = Path(told["folder"])
    assert folder == tmp_path / "ft-tiny-gemma-local-AbCd1234-ollama"
    assert sorted(told["files"]) == ["Modelfile", "NOTICE", "README.md", "model.gguf"]
    assert all((folder / name).stat().st_size for name in told["files"])

    assert run(["model", "export", NAME, "--format", "ollama"]) == 2
    assert "書き出し先がすでにあります" in capsys.readouterr().err
    assert run(["model", "export", NAME, "--format", "gguf", "--lora", "--output", "two"]) == 0
    assert "adapter.gguf" in capsys.readouterr().out

    assert run(["model", "card", "--output", "CARD.md"]) == 0
    capsys.readouterr()
    assert run(["model", "card"]) == 0
    assert capsys.readouterr().out == (tmp_path / "CARD.md").read_text("utf-8")
    assert run(["model", "card", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["lora_rank"] == 16


def test_a_model_that_is_not_here_is_told_calmly(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["model", "export"]) == 2
    assert "学習したモデルがまだありません" in capsys.readouterr().err
    assert run(["model", "export", "ft:gpt-4.1:org::x"]) == 2
    assert "ほかのサービスで学習したモデルの重みは書き出せません" in capsys.readouterr().err
    assert run(["model", "export", "--format", "hf", "--lora"]) == 2
    assert "--lora は" in capsys.readouterr().err
