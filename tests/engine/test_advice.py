"""What a run tells a beginner, when it ends early, and which checkpoint becomes the model."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homutune.engine._advice import warn_no_gain
from homutune.engine._journal import Journal
from homutune.engine.train import main as train
from tiny import conversation

pytestmark = pytest.mark.slow
DYING = Path(__file__).parents[1] / "dying.py"
#: The validation file wants other answers than the training file: it gets worse with training.
OTHER = "いいえ、期間内に買主の契約解除はできます。"


def events(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "events.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def messages(folder: Path, level: str | None = None) -> list[str]:
    return [e["message"] for e in events(folder) if level in (None, e["level"])]


def only(folder: Path, text: str) -> str:
    [message] = [message for message in messages(folder) if text in message]
    return message


def losses(folder: Path) -> dict[int, float]:
    """Validation loss by step."""
    data = [event["data"] for event in events(folder) if event["data"]]
    return {d["step"]: d["valid_loss"] for d in data if "valid_loss" in d}


def digest(adapter: Path) -> list[str]:
    names = ("adapter_model.safetensors", "adapter.gguf", "adapter_config.json", "adapter.json")
    return [hashlib.sha256((adapter / name).read_bytes()).hexdigest() for name in names]


def adapter_of(folder: Path) -> Path:
    return Path(json.loads((folder / "job.json").read_text())["adapter_path"])


@pytest.fixture
def overfitting(make_job: Callable[..., Path]) -> Callable[..., Path]:
    """A job whose validation loss falls and then rises."""

    def make(name: str, **hyperparameters: Any) -> Path:
        folder = make_job(
            name, **{"n_epochs": 12, "learning_rate_multiplier": 10, **hyperparameters}
        )
        lines = [json.dumps({"messages": conversation(OTHER, i)}) for i in range(20, 23)]
        (folder / "valid.jsonl").write_text("\n".join(lines), "utf-8")
        return folder

    return make


def test_the_checkpoint_with_the_lowest_validation_loss_becomes_the_model_and_is_told(
    overfitting: Callable[..., Path],
) -> None:
    folder = overfitting("best")
    assert train(folder) == 0
    scored = losses(folder)
    best = min((s for s in scored if s), key=lambda s: (scored[s], s))
    assert 0 < best < 27, "it should overfit before the three checkpoints kept anyway"
    assert digest(adapter_of(folder)) == digest(folder / "checkpoints" / f"step-{best}")
    assert digest(adapter_of(folder)) != digest(folder / "checkpoints" / "step-36")
    kept = sorted(int(path.name[5:]) for path in (folder / "checkpoints").iterdir())
    assert kept == [best, 30, 33, 36]
    assert f"step {best} のチェックポイント（{scored[best]:.3f}）" in only(folder, "にしました")
    rise = only(folder, "過学習")
    assert f"epoch {best // 3} の" in rise and events(folder)[-1]["level"] == "info"


def test_early_stopping_ends_the_run_after_that_many_epochs_without_gain(
    overfitting: Callable[..., Path],
) -> None:
    folder = overfitting("early", early_stopping_patience=2)
    assert train(folder) == 0
    scored = losses(folder)
    best = min((s for s in scored if s), key=lambda s: (scored[s], s))
    assert max(scored) == best + 6 < 36
    assert "2 エポック続けて小さくならなかった" in only(folder, "終えます")
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "succeeded"
    whole = overfitting("whole", n_epochs=max(scored) // 3)
    assert train(whole) == 0
    tokens = json.loads((whole / "result.json").read_text())["trained_tokens"]
    assert result["trained_tokens"] == tokens, "only what was trained is counted"


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a POSIX notion")
def test_killed_before_and_at_its_early_end_it_ends_bit_for_bit_the_same(
    overfitting: Callable[..., Path],
) -> None:
    folder = overfitting("undisturbed", early_stopping_patience=2)
    assert train(folder) == 0
    killed = overfitting("killed", early_stopping_patience=2)
    kill_when(killed, "Checkpoint created at step 6")
    kill_when(killed, "終えます")
    die_at(killed, "result.json")  # behind its last resume point
    assert train(killed) == 0
    assert digest(adapter_of(killed))[:3] == digest(adapter_of(folder))[:3]
    assert losses(killed) == losses(folder)
    for name in ("result.json", "metrics.csv"):
        assert (killed / name).read_text() == (folder / name).read_text()
    told = messages(killed)
    assert len(set(told)) == len(told)
    assert len([m for m in told if "過学習" in m or "ステップの実測" in m]) == 2


def die_at(folder: Path, path: str) -> None:
    """Train until ``path`` is about to be changed."""
    command = [sys.executable, str(DYING), path, "homutune.engine.train", str(folder)]
    env = {**os.environ, "DYING_BELOW": str(folder)}
    with (folder / "worker.log").open("ab") as log:
        ended = subprocess.run(command, stdout=log, stderr=log, env=env, timeout=120)
    assert ended.returncode == -signal.SIGKILL


def kill_when(folder: Path, text: str) -> None:
    """Train until an event with ``text`` is there, then kill -9."""
    with (folder / "worker.log").open("ab") as log:
        command = [sys.executable, "-m", "homutune.engine.train", str(folder)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 120
    path = folder / "events.jsonl"
    while not (path.exists() and text in path.read_text("utf-8")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_the_first_steps_foretell_the_end(make_job: Callable[..., Path]) -> None:
    folder = make_job("probe", n_epochs=10)
    assert train(folder) == 0
    assert "残り 24 ステップ" in only(folder, "最初の 6 ステップの実測")


def test_a_short_run_and_cut_answers_are_warned_of_with_numbers(
    make_job: Callable[..., Path],
) -> None:
    folder = make_job("short", n_epochs=2, max_length=60)
    long = [json.dumps({"messages": conversation("はい。" * 20, i)}) for i in range(2)]
    lines = (folder / "train.jsonl").read_text("utf-8").split("\n")
    (folder / "train.jsonl").write_text("\n".join([lines[0], *long, *lines[1:]]), "utf-8")
    assert train(folder) == 0
    warned = messages(folder, "warn")
    assert any("8 ステップしかない" in message for message in warned)
    assert any(
        message.startswith("学習データの 2 件（例 2・3）は max_length 60") for message in warned
    )


def test_the_example_that_contradicts_the_others_heads_the_list(
    make_job: Callable[..., Path],
) -> None:
    folder = make_job("ranking", n_epochs=10, learning_rate_multiplier=10)
    lines = (folder / "train.jsonl").read_text("utf-8").split("\n")
    lines[6] = json.dumps({"messages": conversation("xyzzy0123456789", 6)})
    (folder / "train.jsonl").write_text("\n".join(lines), "utf-8")
    assert train(folder) == 0
    rows = list(csv.DictReader((folder / "example_losses.csv").open()))
    assert sorted(int(row["example"]) for row in rows) == list(range(1, 13))
    left = [float(row["loss"]) for row in rows]
    assert left == sorted(left, reverse=True)
    assert rows[0]["example"] == "7" and left[0] > 2 * left[1]
    assert rows[0]["tokens"] == "16", "fifteen characters and the end of the turn"
    assert f"例 7（{left[0]:.2f}）・" in only(folder, "損失が大きい例")


def test_one_epoch_is_not_made_longer_by_a_list_nobody_asked_for(
    make_job: Callable[..., Path],
) -> None:
    folder = make_job("once", n_epochs=1)
    assert train(folder) == 0
    assert not (folder / "example_losses.csv").exists()
    assert "rank_examples" in only(folder, "例ごとの損失は測りません")
    asked = make_job("asked", n_epochs=1, rank_examples=True)
    assert train(asked) == 0
    assert (asked / "example_losses.csv").exists()


def test_a_template_without_an_end_of_turn_fails_with_an_event_that_says_so(
    make_job: Callable[..., Path], tiny_home: Path, tmp_path: Path
) -> None:
    folder = make_job("endless")
    base = tmp_path / "base"
    base.mkdir()
    for file in (tiny_home / "bases" / "tiny-gemma").iterdir():
        (base / file.name).write_bytes(file.read_bytes())
    (base / "chat_template.jinja").write_text(
        "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n"
        "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
    )
    job = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps({**job, "base_path": str(base)}))
    assert train(folder) == 0
    assert json.loads((folder / "result.json").read_text())["status"] == "failed"
    assert "end-of-turn" in messages(folder, "error")[0]


def test_a_run_that_only_makes_it_worse_is_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    warn_no_gain(journal, 2.0, [2.5, 1.9])
    assert journal.events() == []
    warn_no_gain(journal, 2.0, [2.5, 2.1])
    assert (
        "学習前（2.000）より小さくなりませんでした（最小 2.100）" in messages(tmp_path, "warn")[0]
    )
