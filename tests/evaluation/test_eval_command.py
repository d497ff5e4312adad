"""``homutune eval`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.legal_models import Models
from homutune.cli._app import run
from homutune.data import Dataset
from homutune.settings import Settings


@pytest.fixture
def tuned_model(settings: Settings, models: Models, tmp_path: Path) -> str:
    """The registry knows ``tuned`` as the newest model, with its metrics."""
    metrics = tmp_path / "ftjob-1.csv"
    metrics.write_text("step,train_loss,valid_loss\n0,,3.75\n1,2.5,1.25\n", "utf-8")
    entry = {
        "model": "tuned",
        "job_id": "ftjob-1",
        "base": "base",
        "base_url": settings.base_url,
        "created_at": 1,
        "dataset": "ds-elsewhere",
        "suffix": "my-suffix",
        "hyperparameters": {"n_epochs": 7},
        "metrics_path": str(metrics),
    }
    path = settings.home / "registry.json"
    path.write_text(json.dumps({"models": [entry], "uploads": []}), "utf-8")
    return "tuned"


def test_evaluate_both_and_compare(
    dataset: Dataset,
    tuned_model: str,
    models: Models,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "base")
    assert run(["eval", "run", "--model", "base", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["model"], result["dataset"]) == ("base", dataset.name)
    assert [entry["condition"] for entry in result["runs"]] == ["grounded", "withheld", "plain"]
    assert run(["eval", "run", "--model", "my-suffix"]) == 0
    assert "正しい資料番号" in capsys.readouterr().out
    assert {model for model, _ in models.asked} == {"base", "tuned"}

    assert run(["eval", "compare"]) == 0
    printed = capsys.readouterr().out
    assert "正確性" in printed and "+1.00" in printed
    (report,) = (tmp_path / "home" / "reports").glob("*.html")
    assert report.name in printed.replace("\n", "")
    html = report.read_text("utf-8")
    assert "3.75" in html and "ds-elsewhere" in html  # from the registry

    assert run(["eval", "compare", "base", "tuned", "--out", "r.html", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert Path(result["report"]).samefile("r.html")
    correctness = result["comparison"]["conditions"]["grounded"]["criteria"]["correctness"]
    assert correctness["difference"] == pytest.approx(1.0)


def test_only_the_asked_plan_is_measured(
    dataset: Dataset, tuned_model: str, models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", "run", "--model", "tuned", "--plan", "plain", "--limit", "3"]) == 0
    assert len(models.asked) == 3


def test_what_is_missing_is_said_with_the_command(
    dataset: Dataset, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", "compare", "base", "latest"]) == 2
    assert "homutune tune start" in capsys.readouterr().err
    assert run(["eval", "compare", "one", "two"]) == 2
    told = capsys.readouterr().err
    assert "homutune eval run --model one" in told and "--model two" in told
