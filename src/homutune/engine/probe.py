"""Measure how fast a base model trains here and how much memory it takes, in a few real steps.

``python -m homutune.engine.probe <base folder> <threads>`` reads conversations as JSON lines from
standard input and prints ``{"tokens_per_s": …, "peak_bytes": …, "steps": …}``. A process of its
own: peak memory never falls, and whoever asks need not load torch.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from transformers import TrainerCallback, TrainingArguments
from transformers.utils import logging

from homutune.engine._chat import ChatTemplate, Tokens
from homutune.engine._trainer import (
    LoraSettings,
    LoraTrainer,
    choose_precision,
    load_model,
    peak_training_memory,
)

#: Examples of one step; the first step warms up and is not counted.
BATCH, STEPS = 4, 3


class _Clock(TrainerCallback):
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._begun = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._begun = time.monotonic()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds.append(time.monotonic() - self._begun)


def choose(examples: Sequence[Tokens]) -> list[list[int]]:
    """Indices of the examples of each step: the longest first (memory), then a spread (speed)."""
    order = sorted(range(len(examples)), key=lambda i: -examples[i].length)
    spread = [order[len(order) * n // (BATCH * (STEPS - 1))] for n in range(BATCH * (STEPS - 1))]
    # Each step gets long and short ones alike.
    return [order[:BATCH], *(spread[n :: STEPS - 1] for n in range(STEPS - 1))]


def measure(base: Path, conversations: Iterable[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Take ``STEPS`` steps of training as a job would, and leave nothing behind.

    Returns:
        ``tokens_per_s`` (read tokens, prompts included), ``peak_bytes`` of this process (on a GPU
        of the GPU's memory) and ``steps``, those the speed was taken from.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    template = ChatTemplate(base)
    read = [template.training_tokens(messages) for messages in conversations]
    examples = [tokens for tokens in read if tokens.scored]
    plan = choose(examples)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = choose_precision(device).dtype
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            use_cpu=device.type == "cpu",
            max_steps=len(plan),
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        trainer = LoraTrainer(
            load_model(base, LoraSettings(), dtype, device),
            arguments,
            examples=examples,
            plan=plan,
            pad_id=template.pad_id,
            dtype=dtype,
            callbacks=[clock],
        )
        trainer.train()
    tokens = sum(examples[i].length for step in plan[1:] for i in step)
    return {
        "tokens_per_s": round(tokens / sum(clock.seconds[1:]), 1),
        "peak_bytes": peak_training_memory(),
        "steps": len(plan) - 1,
    }


def main(base: Path, threads: int) -> None:
    """Read standard input, print the measurement."""
    if threads:
        torch.set_num_threads(threads)
    lines = sys.stdin.buffer.read().decode().split("\n")
    print(json.dumps(measure(base, [json.loads(line) for line in lines if line])))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
