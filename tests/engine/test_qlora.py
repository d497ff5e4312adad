"""QLoRA: the frozen base in 4 bits. The whole job needs a GPU; its mechanism runs on a CPU too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainingArguments

from homutune.engine._chat import ChatTemplate
from homutune.engine._trainer import LoraSettings, LoraTrainer, load_model
from homutune.engine.train import main as train
from tiny import conversation

pytestmark = pytest.mark.slow
ANSWER = "はい、通知が必要です。"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_job_in_4_bits_says_that_it_needs_a_gpu(make_job: Callable[..., Path]) -> None:
    folder = make_job("4bit", load_in_4bit=True)
    assert train(folder) == 0
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "failed" and result["error"]["code"] == "unsupported_value"
    assert "CUDA の GPU が必要です" in result["error"]["message"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_job_in_4_bits_learns_the_answer_on_a_gpu(make_job: Callable[..., Path]) -> None:
    pytest.importorskip("bitsandbytes")
    folder = make_job("4bit", load_in_4bit=True, n_epochs=14, learning_rate_multiplier=10)
    assert train(folder) == 0
    assert json.loads((folder / "result.json").read_text())["status"] == "succeeded"
    state = json.loads((folder / "state.json").read_text())
    assert state["hyperparameters"]["load_in_4bit"] is True
    losses = [line.split(",")[3] for line in (folder / "metrics.csv").read_text().splitlines()[1:]]
    scored = [float(loss) for loss in losses if loss]
    assert scored[-1] < 0.3 * scored[0]


def test_adapters_learn_over_a_base_in_4_bits(tiny_home: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    base = tiny_home / "bases" / "tiny-gemma"
    model = load_model(base, LoraSettings(), torch.bfloat16, torch.device("cpu"), in_4bit=True)
    kinds = {type(module).__name__ for module in model.modules()}
    assert "Linear4bit" in kinds
    learned = {p.dtype for p in model.parameters() if p.requires_grad}
    assert learned == {torch.float32}
    template = ChatTemplate(base)
    examples = [template.training_tokens(conversation(ANSWER, i)) for i in range(4)]
    arguments: Any = TrainingArguments(
        output_dir=str(tmp_path),
        use_cpu=True,
        max_steps=30,
        learning_rate=7e-3,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    trainer: LoraTrainer[Any] = LoraTrainer(
        model,
        arguments,
        examples=examples,
        plan=[list(range(4))] * 30,
        pad_id=template.pad_id,
        dtype=torch.bfloat16,
    )
    before = trainer.score(examples).loss
    trainer.train()
    assert trainer.score(examples).loss < 0.3 * before
