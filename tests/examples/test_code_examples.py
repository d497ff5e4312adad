"""``code-examples/`` as a trainee runs them: a real server, the real trainer, a tiny model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from homutune.client import connect
from homutune.data import open_dataset
from homutune.evaluation import CONDITIONS, run_condition
from homutune.settings import load_settings
from homutune.tuning import export_dataset, register_model, start_job
from improvement.conftest import Writer, small_dataset
from scripted import ScriptedServer
from server.running import InThread, wait_for
from tiny import small_corpus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]


def script(name: str, *arguments: str, answers: str = "") -> str:
    """Run one script to its good end; what it printed."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "code-examples" / f"{name}.py"), *arguments],
        input=answers,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Ten cards of the corpus and the questions about them."""
    return small_corpus(tmp_path / "data")


def test_a_trainee_goes_from_the_data_to_the_assistant_script_by_script(
    corpus: Path, training_server: InThread, home: Path, tmp_path: Path
) -> None:
    said = script("fine_tuning_prep", str(corpus))
    dataset = open_dataset(home)
    assert f"学習 {len(dataset.train)} 組、検証 {len(dataset.valid)} 組" in said
    assert sum(1 for _ in home.glob("exports/*/*.jsonl")) == 2

    said = script("fine_tuning_job", "--epochs", "1")
    model = next(line for line in said.splitlines() if line.startswith("モデル: ")).split()[1]
    assert model.startswith("ft:tiny-gemma:local:kenshu:")

    said = script("evaluate_models", "--limit", "3")
    assert f"{model} 資料つき: 3 問" in said and "スタイルと一貫性" in said
    assert "正確性" in (tmp_path / "evaluation.html").read_text("utf-8")

    said = script("hybrid_prompting", "--limit", "3")
    assert all(f"【{name}】" in said for name in ("質問だけ", "資料つき", "例示", "考えてから"))
    assert "元のプロンプトで、学習した効果: 正確性の差" in said

    said = script("legal_model_wrapper")
    assert said.startswith(f"{model}: ") and "（2 往復）" in said
    assert f"{model} ok 1 回" in said

    said = script("legal_assistant_app", "ask", "検収の期間は契約で変えられますか。")
    assert "法的助言・鑑定ではありません" in said


def test_the_assistant_reviews_a_contract_without_a_server(home: Path, tmp_path: Path) -> None:
    whole = (ROOT / "bench/contracts/gyomu-itaku-2.txt").read_text("utf-8")
    contract = tmp_path / "契約書.txt"
    contract.write_text(whole[: len(whole) // 2], "utf-8")  # half of its articles are missing
    said = script("legal_assistant_app", "review", str(contract), "--side", "受託者")
    assert "[高]" in said and "根拠" in said
    assert "業務委託" in (tmp_path / "review.html").read_text("utf-8")


def test_weak_points_become_accepted_pairs_and_a_retrained_model(
    home: Path, training_server: InThread, scripted_server: ScriptedServer
) -> None:
    dataset = small_dataset(home)
    scripted_server.routes[("POST", "/chat/completions")] = Writer(dataset)
    settings = load_settings()
    files = export_dataset(home, dataset.name)
    with connect(settings) as client:
        job = start_job(
            client, home, train=files.train, valid=files.valid, model="tiny-gemma",
            n_epochs=1, metadata=files.metadata,
        )  # fmt: skip
        first = register_model(home, client, wait_for(client, job.id, "succeeded", seconds=300))
        run_condition(settings, client, dataset, CONDITIONS["grounded"], model=first.model)
    said = script("improve_and_retrain", "--drafter", "drafter", "--by", "山田", answers="y\n" * 40)
    version = open_dataset(home)
    assert version.manifest.parents == [dataset.name]
    assert len(version.train) > len(dataset.train) == 10
    assert f"学習 10 → {len(version.train)} 組" in said
    assert [e.meta.id for e in version.valid] == [e.meta.id for e in dataset.valid]
    assert "スタイルと一貫性: " in said
    stored = json.loads((home / "registry.json").read_text("utf-8"))["models"]
    assert [entry["dataset"] for entry in stored] == [dataset.name, version.name]
