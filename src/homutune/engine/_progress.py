"""What a run reports of itself while it trains."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from homutune.engine._adapter import save_adapter
from homutune.engine._chat import Tokens
from homutune.engine._job import Job
from homutune.engine._journal import Journal
from homutune.engine._parallel import ALONE
from homutune.engine._plan import Hyperparameters, epoch_ends
from homutune.engine._resume import seal
from homutune.engine._trainer import LoraTrainer, Score
from homutune.files import write_atomic

KEPT_CHECKPOINTS = 3  # as OpenAI keeps them


class Progress(TrainerCallback):
    """Reports each step, scores each epoch, keeps checkpoints, and listens for a stop."""

    def __init__(
        self,
        job: Job,
        journal: Journal,
        settings: Hyperparameters,
        used: dict[str, Any],
        examples: list[Tokens],
        validation: list[Tokens],
        plan: list[list[int]],
    ) -> None:
        self.trainer: LoraTrainer
        self.workers = ALONE
        self.on_save_done: Callable[[Path], None] = lambda _: None
        self._job = job
        self._journal = journal
        self._used = used
        self._validation = validation
        self._total = len(plan)
        self._tokens_of_step = [sum(len(examples[i].ids) for i in batch) for batch in plan]
        self._epoch_ends = epoch_ends(len(plan) // settings.n_epochs, settings.n_epochs)
        self._speeds: list[tuple[int, float]] = []  # tokens and seconds of the steps of this run
        self._begun = 0.0
        self.trained_tokens = 0
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True

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
        self.trained_tokens = sum(self._tokens_of_step[:step])
        scored = None
        if step in self._epoch_ends:
            scored = self.trainer.score(self._validation) if self._validation else None
        self.report(step, self.trainer.last, scored)
        if step in self._epoch_ends:
            if self.workers.first:
                self._keep_checkpoint(step, self.trainer.last, scored)
            control.should_save = True
        self.stopped = self.stopped or (self._job.folder / "stop").exists()
        if self.workers.any(self.stopped or (self._job.folder / "cancel").exists()):
            control.should_save = True
            control.should_training_stop = True

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
                "trained_tokens": self.trained_tokens,
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
                }
            ),
        )

    def _eta(self, step: int) -> float | None:
        """Seconds left, from the tokens per second of the steps so far."""
        if not self._speeds:
            return None
        rate = sum(t for t, _ in self._speeds) / max(1e-9, sum(s for _, s in self._speeds))
        return round(sum(self._tokens_of_step[step:]) / rate, 1)

    def _keep_checkpoint(self, step: int, train: Score, valid: Score | None) -> None:
        epoch = self._epoch_ends.index(step) + 1
        folder = self._job.folder / "checkpoints" / f"step-{step}"
        if not (folder / "checkpoint.json").exists():
            self._write_checkpoint(folder, step, epoch, train, valid)
        for old in self._epoch_ends:
            if old < step and old not in self._epoch_ends[max(0, epoch - KEPT_CHECKPOINTS) : epoch]:
                shutil.rmtree(self._job.folder / "checkpoints" / f"step-{old}", ignore_errors=True)

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
