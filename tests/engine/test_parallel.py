"""Several workers make the step of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as processes

from homutune.engine import ChatTemplate
from homutune.engine._parallel import ALONE, Workers
from homutune.engine._trainer import LoraSettings, LoraTrainer, TrainingArguments, load_model
from tiny import conversation


def one_step(base: Path, workers: Workers, examples: int) -> tuple[Any, ...]:
    """Loss and gradient of one step, and the score of the same examples."""
    template = ChatTemplate(base)
    tokens = [
        template.training_tokens(conversation("はい、通知が必要です。" * (1 + i), i))
        for i in range(examples)
    ]
    torch.manual_seed(1)
    model = load_model(base, LoraSettings(), torch.float32, torch.device("cpu"))
    trainer = LoraTrainer(
        model,
        TrainingArguments(output_dir=str(base.parent), use_cpu=True, report_to=[]),
        examples=tokens,
        plan=[list(range(examples))],
        pad_id=0,
        dtype=torch.float32,
        workers=workers,
    )
    trainer.training_step(model, tokens)
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    each = torch.tensor(trainer.score_each(tokens))
    return trainer.last, trainer.score(tokens), gradient, each


#: Two examples are fewer than there are workers.
BATCHES = (5, 2)


def member(rank: int, count: int, base: str, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=count
    )
    workers = Workers(rank, count)
    assert workers.any(rank == count - 1) and not workers.any(False)
    assert workers.agree(f"from {rank}") == "from 0"
    made = [one_step(Path(base), workers, examples) for examples in BATCHES]
    torch.save(made, f"{folder}/{rank}.pt")


@pytest.mark.slow
def test_many_workers_together_make_the_step_of_one_with_the_whole_batch(
    tiny_home: Path, tmp_path: Path
) -> None:
    base = tiny_home / "bases" / "tiny-gemma"
    processes.spawn(member, (3, str(base), str(tmp_path)), nprocs=3)
    for number, examples in enumerate(BATCHES):
        last, score, gradient, each = one_step(base, ALONE, examples)
        assert gradient.abs().max() > 1e-3
        for rank in range(3):
            theirs = torch.load(tmp_path / f"{rank}.pt", weights_only=False)[number]
            assert theirs[0].loss == pytest.approx(last.loss, rel=1e-5)
            assert theirs[0].accuracy == pytest.approx(last.accuracy)
            assert theirs[1].loss == pytest.approx(score.loss, rel=1e-5)
            torch.testing.assert_close(theirs[2], gradient, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(theirs[3], each, rtol=1e-5, atol=1e-6)
