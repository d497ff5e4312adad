"""Preference training: margins, the reference, the loss of the paper, and after SFT."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import log_softmax, logsigmoid

from homutune.engine import ChatTemplate
from homutune.engine._chat import NOT_SCORED, Pair, Tokens
from homutune.engine._dpo import DpoTrainer
from homutune.engine._trainer import LoraSettings, TrainingArguments, load_model
from homutune.engine.train import main as train
from tiny import conversation

pytestmark = pytest.mark.slow
GOOD, BAD = "はい、通知が必要です。", "いいえ、期間はありません。"
DYING = Path(__file__).parents[1] / "dying.py"


def preference(number: int, good: str = GOOD, bad: str = BAD) -> dict[str, Any]:
    return {
        "input": {"messages": conversation(good, number)[:-1]},
        "preferred_output": [{"role": "assistant", "content": good}],
        "non_preferred_output": [{"role": "assistant", "content": bad}],
    }


@pytest.fixture
def make_dpo(make_job: Callable[..., Path]) -> Callable[..., Path]:
    """A job of twelve pairs, and three others to validate on."""

    def make(name: str, start: Path | None = None, **hyperparameters: Any) -> Path:
        usual = {"n_epochs": 6, "learning_rate_multiplier": 20}
        folder = make_job(name, **{**usual, **hyperparameters})
        for file, numbers in (("train", range(12)), ("valid", range(20, 23))):
            lines = [json.dumps(preference(i)) for i in numbers]
            (folder / f"{file}.jsonl").write_text("\n".join(lines), "utf-8")
        job = json.loads((folder / "job.json").read_text())
        job |= {"method": "dpo", "start_adapter": str(start) if start else None}
        (folder / "job.json").write_text(json.dumps(job))
        return folder

    return make


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "metrics.csv").open()))


def adapter_of(folder: Path) -> Path:
    return Path(json.loads((folder / "job.json").read_text())["adapter_path"])


def log_p(model: Any, answer: Tokens) -> torch.Tensor:
    """Log probability of the scored tokens, from full logits."""
    scores = log_softmax(model(torch.tensor([answer.ids])).logits[0, :-1].double(), dim=-1)
    targets = answer.labels[1:]
    picked = [scores[i, label] for i, label in enumerate(targets) if label != NOT_SCORED]
    return torch.stack(picked).sum()


def pairs_of(base: Path, bad: str = BAD) -> list[Pair]:
    template = ChatTemplate(base)
    return [
        Pair(
            template.training_tokens(conversation(GOOD, i)),
            template.training_tokens(conversation(bad * (1 + i % 3), i)),
        )
        for i in range(12)
    ]


def test_loss_and_gradient_are_those_of_the_paper_from_full_logits(
    tiny_home: Path, tmp_path: Path
) -> None:
    base = tiny_home / "bases" / "tiny-gemma"
    torch.manual_seed(3)
    model = load_model(base, LoraSettings(), torch.float32, torch.device("cpu"))
    pairs = pairs_of(base)[:3]
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to=[])
    trainer = DpoTrainer(
        model, arguments, examples=pairs, plan=[[0, 1, 2]], pad_id=0, dtype=torch.float32, beta=0.3
    )
    trainer.take_reference(pairs)
    assert trainer.score(pairs).loss == pytest.approx(math.log(2), rel=1e-5)
    with torch.no_grad():
        before = [log_p(model, pair.chosen) - log_p(model, pair.rejected) for pair in pairs]
        for name, parameter in model.named_parameters():
            if "lora_B" in name:  # away from the reference
                parameter.normal_(0, 0.05)
    assert [pair.reference for pair in pairs] == pytest.approx([float(x) for x in before], rel=1e-5)

    trainer.training_step(model, pairs)
    ours = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    model.zero_grad()
    ratios = torch.stack([log_p(model, p.chosen) - log_p(model, p.rejected) for p in pairs])
    margins = 0.3 * (ratios - torch.stack(before))
    loss = -logsigmoid(margins).mean()
    loss.backward()
    expected = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    assert trainer.last.loss == pytest.approx(loss.item(), rel=1e-4)
    assert trainer.last.accuracy == pytest.approx((margins > 0).double().mean().item())
    assert trainer.score_each(pairs) == pytest.approx((-logsigmoid(margins)).tolist(), rel=1e-3)
    assert expected.abs().max() > 1e-4
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-6)


def test_the_preferred_answer_gains_on_the_other_also_where_it_was_not_trained(
    make_dpo: Callable[..., Path], tiny_home: Path
) -> None:
    folder = make_dpo("dpo")
    assert train(folder) == 0
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "succeeded" and result["trained_tokens"] > 0
    found = rows(folder)
    first, last = float(found[0]["valid_loss"]), float(found[-1]["valid_loss"])
    assert first == pytest.approx(math.log(2), abs=0.02), "at first it is its own reference"
    assert last < 0.5 * first
    assert float(found[-1]["valid_mean_token_accuracy"]) == 1.0
    state = json.loads((folder / "state.json").read_text())
    assert state["hyperparameters"]["beta"] == 0.1
    assert sum(1 for _ in (folder / "example_losses.csv").open()) == 13

    base = tiny_home / "bases" / "tiny-gemma"
    device = torch.device("cpu")
    tuned = load_model(base, LoraSettings(), torch.float32, device, adapter_of(folder))
    template = ChatTemplate(base)
    good, bad = (template.training_tokens(conversation(text, 30)) for text in (GOOD, BAD))
    with torch.no_grad():
        after = log_p(tuned, good) - log_p(tuned, bad)
        with tuned.disable_adapter():
            before = log_p(tuned, good) - log_p(tuned, bad)
    assert after > before + 5


def test_swapped_answers_move_it_the_other_way(
    make_dpo: Callable[..., Path], tiny_home: Path
) -> None:
    folder = make_dpo("swapped")
    lines = [json.dumps(preference(i, BAD, GOOD)) for i in range(12)]
    (folder / "train.jsonl").write_text("\n".join(lines), "utf-8")
    assert train(folder) == 0
    found = rows(folder)
    assert float(found[-1]["valid_loss"]) > float(found[0]["valid_loss"])
    assert float(found[-1]["valid_mean_token_accuracy"]) == 0.0


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a POSIX notion")
def test_killed_after_supervised_training_it_goes_on_to_the_same_adapter(
    make_job: Callable[..., Path], make_dpo: Callable[..., Path]
) -> None:
    supervised = make_job("sft", n_epochs=8, learning_rate_multiplier=10, lora_rank=4)
    assert train(supervised) == 0
    start = adapter_of(supervised)
    whole = make_dpo("whole", start)
    assert train(whole) == 0
    found = rows(whole)
    assert float(found[0]["valid_loss"]) == pytest.approx(math.log(2), abs=0.02)
    assert float(found[-1]["valid_loss"]) < 0.6
    assert json.loads((adapter_of(whole) / "adapter_config.json").read_text())["r"] == 4

    killed = make_dpo("killed", start)
    command = [sys.executable, str(DYING), "step-9", "homutune.engine.train", str(killed)]
    env = {**os.environ, "DYING_BELOW": str(killed)}
    with (killed / "worker.log").open("ab") as log:
        status = subprocess.run(command, stdout=log, stderr=log, env=env, timeout=120).returncode
    assert status == -9, (killed / "worker.log").read_text()
    assert train(killed) == 0
    assert (killed / "metrics.csv").read_text() == (whole / "metrics.csv").read_text()
    adapters = [adapter_of(f) / "adapter_model.safetensors" for f in (whole, killed)]
    assert len({hashlib.sha256(path.read_bytes()).hexdigest() for path in adapters}) == 1
