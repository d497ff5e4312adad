from __future__ import annotations

import csv
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
from safetensors.numpy import load_file

from homutune.engine import GenerationPool, GenerationRequest
from homutune.engine.train import main as train
from tiny import conversation

pytestmark = pytest.mark.slow
ANSWER = "はい、通知が必要です。"


def start(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "homutune.engine.train", str(folder)], stdout=log, stderr=log
        )


def run(folder: Path) -> dict[str, Any]:
    assert train(folder) == 0
    return json.loads((folder / "result.json").read_text())


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def messages(folder: Path) -> list[str]:
    return [event["message"] for event in events(folder)]


def adapter_of(folder: Path) -> Path:
    return Path(json.loads((folder / "job.json").read_text())["adapter_path"])


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition did not come true"
        time.sleep(0.02)


def test_a_trained_adapter_gives_the_trained_answer_through_llama_cpp_and_stops(
    make_job: Callable[..., Path], tiny_home: Path
) -> None:
    folder = make_job("serve", n_epochs=14, learning_rate_multiplier=10)
    result = run(folder)
    assert result["status"] == "succeeded"
    assert result["trained_tokens"] > 0

    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert rows[0]["step"] == "0" and rows[0]["train_loss"] == ""
    assert float(rows[-1]["valid_loss"]) < 0.2 * float(rows[0]["valid_loss"])
    assert [r["step"] for r in rows] == [str(i) for i in range(43)]

    pool = GenerationPool(tiny_home, threads=2)
    ask = conversation(ANSWER, 99)[:2]
    tuned = pool.complete(
        GenerationRequest("tiny-gemma", ask, adapter_of(folder), max_tokens=40, temperature=0)
    )
    base = pool.complete(GenerationRequest("tiny-gemma", ask, max_tokens=40, temperature=0))
    assert (tuned.text, tuned.finish_reason) == (ANSWER, "stop")
    assert base.text != ANSWER
    chunks = list(
        pool.stream(
            GenerationRequest("tiny-gemma", ask, adapter_of(folder), max_tokens=40, temperature=0)
        )
    )
    assert "".join(chunk.text for chunk in chunks) == ANSWER
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].completion_tokens == tuned.completion_tokens
    pool.close()


def test_a_run_killed_in_the_middle_ends_with_the_same_adapter_bit_for_bit(
    make_job: Callable[..., Path],
) -> None:
    whole = make_job("whole", n_epochs=12)
    run(whole)
    broken = make_job("broken", n_epochs=12)
    process = start(broken)
    wait_for(lambda: (broken / "events.jsonl").exists() and len(events(broken)) > 15)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = messages(broken)
    assert run(broken)["status"] == "succeeded"

    after = messages(broken)
    assert after[: len(before)] == before
    assert len(set(after)) == len(after), "a resumed run must not repeat its events"
    steps = [message for message in after if message.startswith("Step ")]
    assert steps == [message for message in messages(whole) if message.startswith("Step ")]
    assert any("resumed from step" in message for message in after)
    expected = load_file(adapter_of(whole) / "adapter_model.safetensors")
    actual = load_file(adapter_of(broken) / "adapter_model.safetensors")
    assert expected.keys() == actual.keys()
    assert all((expected[name] == actual[name]).all() for name in expected)


def test_cancel_stops_for_good_and_sigterm_only_pauses(make_job: Callable[..., Path]) -> None:
    folder = make_job("stop", n_epochs=50)
    process = start(folder)
    wait_for(lambda: (folder / "events.jsonl").exists() and len(events(folder)) > 5)
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert not (folder / "result.json").exists()
    (folder / "cancel").touch()
    assert run(folder)["status"] == "cancelled"


def test_the_newest_three_checkpoints_are_kept_and_each_is_complete(
    make_job: Callable[..., Path],
) -> None:
    folder = make_job("checkpoints", n_epochs=5)
    run(folder)
    kept = sorted((folder / "checkpoints").iterdir(), key=lambda p: int(p.name.split("-")[1]))
    assert [path.name for path in kept] == ["step-9", "step-12", "step-15"]
    for path in kept:
        checkpoint = json.loads((path / "checkpoint.json").read_text())
        assert checkpoint["metrics"]["valid_loss"] > 0
        assert (path / "adapter.gguf").stat().st_size > 0


def test_an_unreadable_training_line_fails_the_job_with_its_line_number(
    make_job: Callable[..., Path],
) -> None:
    folder = make_job("damaged")
    with (folder / "train.jsonl").open("a") as handle:
        handle.write("\n{broken")
    result = run(folder)
    assert result["status"] == "failed"
    assert "13行目" in result["error"]["message"]
    assert not adapter_of(folder).exists()


def test_a_second_worker_on_the_same_job_steps_back(make_job: Callable[..., Path]) -> None:
    folder = make_job("locked", n_epochs=50)
    first = start(folder)
    wait_for(lambda: (folder / "events.jsonl").exists())
    assert start(folder).wait(timeout=60) == 3
    (folder / "cancel").touch()
    first.wait(timeout=60)


def test_batches_cut_into_parts_give_the_loss_of_the_whole(tiny_home: Path) -> None:
    import torch

    from homutune.engine import ChatTemplate
    from homutune.engine import _trainer as trainer
    from homutune.engine._batches import micro_batches

    base = tiny_home / "bases" / "tiny-gemma"
    template = ChatTemplate(base)
    examples = [template.training_tokens(conversation(ANSWER * (1 + i), i)) for i in range(6)]
    model = trainer.load_model(base, trainer.LoraSettings(), torch.float32, torch.device("cpu"))
    scorer = trainer.LoraTrainer(
        model,
        trainer.TrainingArguments(output_dir="unused", use_cpu=True, report_to=[]),
        examples=examples,
        plan=[[0]],
        pad_id=0,
        dtype=torch.float32,
    )
    examples *= 20
    together = scorer.score(examples)
    assert len(micro_batches(examples)) > 2
    each = scorer.score_each(examples)
    assert each[:6] == pytest.approx([scorer.score([example]).loss for example in examples[:6]])
    assert each == pytest.approx(each[:6] * 20)
    alone = [scorer.score([example]) for example in examples]
    weights = [example.scored for example in examples]
    mean = sum(s.loss * w for s, w in zip(alone, weights, strict=True)) / sum(weights)
    assert together.loss == pytest.approx(mean, rel=1e-5)
