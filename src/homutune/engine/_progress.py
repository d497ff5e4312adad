"""What a run reports of itself while it trains."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from homutune.engine._adapter import save_adapter
from homutune.engine._advice import is_over, tell_stop, warn_rise
from homutune.engine._chat import Pair, Tokens
from homutune.engine._checkpoints import prune
from homutune.engine._job import Job
from homutune.engine._journal import Journal
from homutune.engine._parallel import ALONE
from homutune.engine._plan import Hyperparameters, epoch_ends
from homutune.engine._resume import seal
from homutune.engine._trainer import LoraTrainer, Score, peak_training_memory
from homutune.files import write_atomic

#: Steps that are timed before the end is foretold; a short run gives a fifth of its steps.
PROBE_STEPS = 20
#: In the trainer's ``log_history``, which every resume point holds.
_LOSS = "valid_loss"


class Progress(TrainerCallback):
    """Reports each step, scores each epoch, keeps checkpoints, and listens for a stop."""

    def __init__(
        self,
        job: Job,
        journal: Journal,
        settings: Hyperparameters,
        used: dict[str, Any],
        examples: Sequence[Tokens] | Sequence[Pair],
        validation: Sequence[Any],
        plan: list[list[int]],
        patience: int | None,
    ) -> None:
        self.trainer: LoraTrainer[Any]
        self.workers = ALONE
        self.on_save_done: Callable[[Path], None] = lambda _: None
        self._job = job
        self._journal = journal
        self._used = used
        self._validation = validation
        self._total = len(plan)
        self._tokens_of_step = [sum(examples[i].length for i in batch) for batch in plan]
        self._epoch_ends = epoch_ends(len(plan) // settings.n_epochs, settings.n_epochs)
        self._patience = patience
        self._speeds: list[tuple[int, float]] = []  # tokens and seconds of the steps of this run
        self._begun = 0.0
        self.stopped = False

    def stop(self) -> None:
        """Stop after the current step, to be resumed."""
        self.stopped = True

    def asked_to_stop(self) -> bool:
        """Whether to stop, for good or to be resumed; the same on every worker."""
        self.stopped = self.stopped or (self._job.folder / "stop").exists()
        return self.workers.any(self.stopped or (self._job.folder / "cancel").exists())

    def tokens_until(self, step: int) -> int:
        """Tokens trained in the first ``step`` steps."""
        return sum(self._tokens_of_step[:step])

    def is_over(self, state: TrainerState) -> bool:
        """Whether early stopping has ended the run that left ``state``."""
        return is_over(epoch_losses(state), self._patience)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if state.global_step == 0 and self._validation:
            self.report(0, None, self._score(state))

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._begun = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        step = state.global_step
        tokens = self._tokens_of_step[step - 1]
        self._speeds.append((tokens, time.monotonic() - self._begun))
        ends_epoch = step in self._epoch_ends
        scored = self._score(state) if ends_epoch and self._validation else None
        self.report(step, self.trainer.last, scored)
        if self.workers.first:
            self._foretell(step)
        if ends_epoch:
            if self.workers.first:
                self._keep_checkpoint(step, self.trainer.last, scored)
                if scored is not None:
                    self._advise(epoch_losses(state), step)
            control.should_save = True
            if self.is_over(state):
                control.should_training_stop = True
        if self.asked_to_stop():
            control.should_save = True
            control.should_training_stop = True

    def _score(self, state: TrainerState) -> Score:
        """Score the validation examples, and keep the loss in what a resumed run begins with."""
        score = self.trainer.score(self._validation)
        state.log_history.append({"step": state.global_step, _LOSS: score.loss})
        return score

    def _advise(self, losses: list[float], step: int) -> None:
        warn_rise(self._journal, losses)
        if step < self._total and is_over(losses, self._patience):
            tell_stop(self._journal, losses, self._patience)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        point = self._job.folder / "resume" / f"checkpoint-{state.global_step}"
        seal(point)
        if self.workers.first:
            self.on_save_done(point)

    def report(self, step: int, train: Score | None, valid: Score | None) -> None:
        """One metrics event; step 0 is the base model before any training."""
        if not self.workers.first:
            return
        data: dict[str, Any] = {"step": step, "total_steps": self._total}
        parts = []
        if train is not None:
            data |= {"train_loss": train.loss, "train_mean_token_accuracy": train.accuracy}
            parts.append(f"training loss={train.loss:.2f}")
        if valid is not None:
            data |= {"valid_loss": valid.loss, "valid_mean_token_accuracy": valid.accuracy}
            parts.append(f"validation loss={valid.loss:.2f}")
        self._journal.event(f"Step {step}/{self._total}: {', '.join(parts)}", data=data)
        self._journal.write(
            "state",
            {
                "step": step,
                "total_steps": self._total,
                "trained_tokens": self.tokens_until(step),
                "eta_s": self._eta(step),
                "hyperparameters": self._used,
            },
        )
        if valid is not None:
            self._journal.write_metrics()

    def save_speed(self) -> None:
        """Remember how fast this machine trains this model, for the next estimate."""
        if self._job.speed_file is None or not self._speeds:
            return
        tokens = sum(tokens for tokens, _ in self._speeds)
        seconds = sum(seconds for _, seconds in self._speeds)
        write_atomic(
            self._job.speed_file,
            json.dumps(
                {
                    "model": self._job.base_id,
                    "tokens_per_s": round(tokens / seconds, 1),
                    "measured_at": time.strftime("%Y-%m-%d"),
                    "steps": len(self._speeds),
                    "peak_bytes": peak_training_memory(),
                }
            ),
        )

    def _eta(self, step: int) -> float | None:
        """Seconds left, from the tokens per second of the steps so far."""
        if not self._speeds:
            return None
        rate = sum(t for t, _ in self._speeds) / max(1e-9, sum(s for _, s in self._speeds))
        return round(sum(self._tokens_of_step[step:]) / rate, 1)

    def _foretell(self, step: int) -> None:
        """After the first steps: how long it will take."""
        if step != min(PROBE_STEPS, -(-self._total // 5)):
            return
        measured = self._speeds[1:] or self._speeds  # the first step is slower
        rate = sum(t for t, _ in measured) / max(1e-9, sum(s for _, s in measured))
        minutes = sum(self._tokens_of_step[step:]) / rate / 60
        self._journal.once(
            f"最初の {step} ステップの実測",
            f": {rate:,.0f} トークン/秒。残り {self._total - step} ステップに"
            + (
                f"約 {round(minutes)} 分かかります" if minutes >= 1 else "かかる時間は 1 分以内です"
            ),
        )

    def _keep_checkpoint(self, step: int, train: Score, valid: Score | None) -> None:
        epoch = self._epoch_ends.index(step) + 1
        folder = self._job.folder / "checkpoints" / f"step-{step}"
        if not (folder / "checkpoint.json").exists():
            self._write_checkpoint(folder, step, epoch, train, valid)
        prune(self._job.folder)

    def _write_checkpoint(
        self, folder: Path, step: int, epoch: int, train: Score, valid: Score | None
    ) -> None:
        save_adapter(self.trainer.model, folder, self._job)
        metrics: dict[str, float | int] = {
            "step": step,
            "train_loss": train.loss,
            "train_mean_token_accuracy": train.accuracy,
        }
        if valid is not None:
            metrics |= {
                "valid_loss": valid.loss,
                "valid_mean_token_accuracy": valid.accuracy,
                "full_valid_loss": valid.loss,
                "full_valid_mean_token_accuracy": valid.accuracy,
            }
        write_atomic(
            folder / "checkpoint.json",
            json.dumps(
                {"step": step, "epoch": epoch, "created_at": int(time.time()), "metrics": metrics}
            ),
        )
        self._journal.event(f"Checkpoint created at step {step}")


def epoch_losses(state: TrainerState) -> list[float]:
    """The validation loss of each epoch so far."""
    return [entry[_LOSS] for entry in state.log_history if _LOSS in entry and entry["step"] > 0]


def first_loss(state: TrainerState) -> float | None:
    """The validation loss before training."""
    losses = (e[_LOSS] for e in state.log_history if _LOSS in e and e["step"] == 0)
    return next(losses, None)
