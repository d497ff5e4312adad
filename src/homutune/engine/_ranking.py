"""Which training examples hurt: those whose loss is still high after training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from homutune.engine._journal import ExampleLoss
from homutune.engine._trainer import LoraTrainer

#: Examples scored between two looks at whether to stop.
_AT_ONCE = 64
_TOLD = 5


def rank_examples(
    trainer: LoraTrainer[Any], examples: Sequence[Any], asked_to_stop: Callable[[], bool]
) -> list[ExampleLoss] | None:
    """All examples, the one with the highest loss first; None when asked to stop.

    A pass over the training data without gradients: about a quarter of an epoch. An example that
    the model still finds unlikely after learning it contradicts others, is unlike them or is
    damaged (compare Swayamdipta et al. 2020, "Dataset Cartography": hard-to-learn examples
    often are labelled wrongly).
    """
    losses: list[float] = []
    for start in range(0, len(examples), _AT_ONCE):
        losses += trainer.score_each(examples[start : start + _AT_ONCE])
        if asked_to_stop():
            return None
    rows = (
        ExampleLoss(number, loss, example.scored)
        for number, (loss, example) in enumerate(zip(losses, examples, strict=True), start=1)
    )
    return sorted(rows, key=lambda row: (-row.loss, row.example))


def told(rows: Sequence[ExampleLoss]) -> str:
    """The worst of them in one line."""
    return "・".join(f"例 {row.example}（{row.loss:.2f}）" for row in rows[:_TOLD])
