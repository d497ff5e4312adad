"""From a job's request to numbers: every automatic choice comes with its reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Learning rate that ``learning_rate_multiplier`` 1 stands for. LoRA wants about ten times the
#: rate of full fine-tuning; chosen for the 270M model by the runs noted in bench/RESULTS.md.
BASE_LEARNING_RATE = 7.5e-4
#: The same for DPO, which moves a model that can already answer: published recipes take a tenth
#: or less of the rate of supervised training (Rafailov et al. 2023, Tunstall et al. 2023).
DPO_LEARNING_RATE = 5e-5
#: How far the model may move from the reference; the usual value (Rafailov et al. 2023).
BETA = 0.1


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Resolved values and, for those chosen here, why."""

    n_epochs: int
    batch_size: int
    learning_rate_multiplier: float
    learning_rate: float  # at its peak
    beta: float | None  # of DPO
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, int | float]:
        """The values under OpenAI's names."""
        return {
            **({} if self.beta is None else {"beta": self.beta}),
            "n_epochs": self.n_epochs,
            "batch_size": self.batch_size,
            "learning_rate_multiplier": self.learning_rate_multiplier,
            "learning_rate": self.learning_rate,
        }


def resolve(requested: Mapping[str, Any], n_examples: int, *, dpo: bool = False) -> Hyperparameters:
    """Fill in every ``auto``."""
    usual_rate = DPO_LEARNING_RATE if dpo else BASE_LEARNING_RATE
    reasons = []
    n_epochs = requested.get("n_epochs", "auto")
    if n_epochs in ("auto", None):
        n_epochs = auto_epochs(n_examples)
        reasons.append(f"n_epochs={n_epochs}: 例が {n_examples} 件のため（OpenAI の手引きの規則）")
    batch_size = requested.get("batch_size", "auto")
    if batch_size in ("auto", None):
        batch_size = auto_batch_size(n_examples, int(n_epochs))
        reasons.append(f"batch_size={batch_size}: 全体で 100 ステップほどになる大きさ（1〜8）")
    multiplier = requested.get("learning_rate_multiplier", "auto")
    if (rate := requested.get("learning_rate")) is not None:
        multiplier = rate / usual_rate
    if multiplier in ("auto", None):
        multiplier = 1.0
        kind = "DPO" if dpo else "LoRA"
        reasons.append(f"learning_rate_multiplier=1: 学習率 {usual_rate:g}（{kind} の標準）")
    beta = requested.get("beta", "auto") if dpo else None
    if beta == "auto":
        beta = BETA
        reasons.append(f"beta={BETA}: DPO の標準")
    return Hyperparameters(
        n_epochs=int(n_epochs),
        batch_size=int(batch_size),
        learning_rate_multiplier=float(multiplier),
        learning_rate=usual_rate * float(multiplier),
        beta=beta,
        reasons=tuple(reasons),
    )


def auto_epochs(n_examples: int) -> int:
    """The rule of OpenAI's cookbook: 3 epochs, more for few examples, fewer for very many."""
    if n_examples * 3 < 100:
        return min(25, 100 // max(1, n_examples))
    if n_examples * 3 > 25_000:
        return max(1, 25_000 // n_examples)
    return 3


def auto_batch_size(n_examples: int, n_epochs: int) -> int:
    """A power of two, 1 to 8, that makes 100 to 200 steps: with fewer the model hardly moves."""
    return 1 << int(math.log2(min(8, max(1, n_examples * n_epochs / 100))))


def epoch_ends(steps_per_epoch: int, n_epochs: int) -> Sequence[int]:
    """Last step of each epoch, counted from 1."""
    return [steps_per_epoch * epoch for epoch in range(1, n_epochs + 1)]
