"""Speed of one training step of the 270M model against the bf16 ceiling of the same run.

    .venv/bin/python bench/training_step.py [--library-norms]

Four examples of 600 tokens, of which 120 are scored; the best of five steps.
"""

from __future__ import annotations

import random
import resource
import sys
import time

import torch
from transformers import TrainingArguments

from homutune.engine import BaseModels, Tokens, _trainer
from homutune.engine._chat import NOT_SCORED
from homutune.engine._trainer import LoraSettings, LoraTrainer, choose_precision, load_model
from homutune.settings import load_settings

LENGTH, SCORED, BATCH = 600, 120, 4


def main() -> None:
    """Print tokens per second, the share of the matrix ceiling, and the peak memory."""
    settings = load_settings()
    base = BaseModels(settings.home).ensure("gemma3-270m", print)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = choose_precision(device)
    if "--library-norms" in sys.argv:
        _trainer.speed_up_norms = lambda _: None
    model = load_model(base.path, LoraSettings(), precision.dtype, device)
    trainer = LoraTrainer(
        model,
        TrainingArguments(output_dir="unused", use_cpu=device.type == "cpu", report_to=[]),
        examples=(step := [example(random.Random(i)) for i in range(BATCH)]),
        plan=[list(range(BATCH))],
        pad_id=0,
        dtype=precision.dtype,
    )
    seconds = min(timed(lambda: trainer.training_step(model, step)) for _ in range(5))
    tokens = BATCH * LENGTH
    print(f"{precision.reason}; torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"step: {seconds:.2f} s, {tokens / seconds:.0f} tokens/s")
    print(f"matrix product: {ceiling(precision.dtype, device):.0f} GFLOP/s")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


def example(rng: random.Random) -> Tokens:
    """A random example of the fixed shape."""
    ids = [rng.randrange(1000, 200_000) for _ in range(LENGTH)]
    return Tokens(ids, [NOT_SCORED] * (LENGTH - SCORED) + ids[-SCORED:])


def ceiling(dtype: torch.dtype, device: torch.device) -> float:
    """GFLOP/s of a plain 2048 x 2048 matrix product."""
    a, b = (torch.randn(2048, 2048, device=device, dtype=dtype) for _ in range(2))
    seconds = min(timed(lambda: (a @ b).sum().item()) for _ in range(10))
    return 2 * 2048**3 / seconds / 1e9


def timed(work: object) -> float:
    """Seconds ``work`` takes."""
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
