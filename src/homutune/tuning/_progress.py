"""What a job's events say about its progress, whoever sent them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai.types.fine_tuning import FineTuningJobEvent

# OpenAI's wording, "Step 3/40: training loss=0.52, validation loss=0.61".
_STEP = re.compile(r"Step (\d+)/(\d+)")
_LOSS = {
    "train_loss": re.compile(r"training loss=([\d.]+)"),
    "valid_loss": re.compile(r"validation loss=([\d.]+)"),
    "full_valid_loss": re.compile(r"full validation loss=([\d.]+)"),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """One measured step; losses are mean cross entropies per answer token (nats).

    Attributes:
        step: optimizer steps done.
        total: steps of the whole job, where the server says it.
        train_loss: loss of the step.
        valid_loss: loss on validation examples, after some steps only; the whole validation
            file is preferred to a batch of it.
    """

    step: int
    total: int | None
    train_loss: float | None
    valid_loss: float | None

    @classmethod
    def of(cls, event: FineTuningJobEvent) -> Progress | None:
        """Read a ``metrics`` event; ``None`` where the event is about something else."""
        data = event.data if isinstance(event.data, dict) else {}
        text = _STEP.search(event.message)
        step = _number(data.get("step"))
        if step is None and text is None:
            return None
        total = _number(data.get("total_steps"))
        if total is None and text is not None:
            total = float(text[2])
        losses = {name: _number(data.get(name)) for name in _LOSS}
        for name, pattern in _LOSS.items():
            if losses[name] is None and (found := pattern.search(event.message)):
                losses[name] = _number(found[1])
        full, batch = losses["full_valid_loss"], losses["valid_loss"]
        return cls(
            step=int(step if step is not None else (text[1] if text else 0)),
            total=int(total) if total is not None else None,
            train_loss=losses["train_loss"],
            valid_loss=full if full is not None else batch,
        )


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
