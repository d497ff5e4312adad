"""Train one job: ``python -m homutune.engine.train <job folder>``.

The folder holds ``job.json``. The run appends to ``events.jsonl``, keeps ``state.json`` and
``metrics.csv`` current, leaves one checkpoint per epoch in ``checkpoints/`` (the newest three
are kept), writes the adapter and, last, ``result.json``. Started again on the same folder it
goes on from its newest resume point. A file named ``cancel`` or SIGTERM stops it after the
current step: cancelled for good the one, to be resumed the other (as a file ``stop`` does). Exit
status 3: another worker holds the job; 75: the disk is full, start again once there is room.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Nothing is fetched from a model hub, whatever a library would like to look up.
os.environ["HF_HUB_OFFLINE"] = "1"
# Tokenising happens in one thread; the library warns about forks otherwise.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from filelock import FileLock, Timeout
from peft import PeftModel
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.utils import logging

from homutune.engine._batches import plan_epoch
from homutune.engine._chat import ChatTemplate, Tokens
from homutune.engine._journal import DISK_FULL_STATUS, Journal
from homutune.engine._lora_gguf import write_lora_gguf
from homutune.engine._options import Options, cut
from homutune.engine._parallel import ALONE, Workers
from homutune.engine._plan import Hyperparameters, epoch_ends, resolve
from homutune.engine._resume import Found, newest, seal
from homutune.engine._trainer import LoraTrainer, Score, choose_precision, load_model
from homutune.errors import UserError
from homutune.files import DiskFull, is_disk_full, sync_tree, write_atomic

KEPT_CHECKPOINTS = 3  # as OpenAI keeps them
WARMUP_SHARE = 0.05
#: Against a single wild step only. Ordinary steps have norms of 1.5 to 4.5; clipped at the usual
#: 1.0, long answers lost most of their weight and short abstentions none of it.
MAX_GRADIENT_NORM = 50.0
#: Resume points over a whole run; each costs about 45 MB and a tenth of a second.
RESUME_POINTS = 20


@dataclass(frozen=True, slots=True)
class Job:
    """``job.json`` as this program reads it."""

    folder: Path
    base: Path
    train_file: Path
    valid_file: Path | None
    seed: int
    hyperparameters: dict[str, Any]
    fine_tuned_model: str
    base_id: str
    adapter: Path
    speed_file: Path | None
    threads: int | None
    ray: dict[str, Any] | None = None

    @classmethod
    def read(cls, folder: Path) -> Job:
        """Read ``<folder>/job.json``."""
        stored = json.loads((folder / "job.json").read_text("utf-8"))

        def path(name: str) -> Path | None:
            return Path(stored[name]) if stored.get(name) else None

        return cls(
            folder=folder,
            base=Path(stored["base_path"]),
            train_file=Path(stored["train_file"]),
            valid_file=path("valid_file"),
            seed=int(stored["seed"]),
            hyperparameters=stored.get("hyperparameters") or {},
            fine_tuned_model=stored["fine_tuned_model"],
            base_id=stored["model"],
            adapter=Path(stored["adapter_path"]),
            speed_file=path("speed_file"),
            threads=stored.get("threads"),
            ray=stored.get("ray"),
        )


def main(folder: Path) -> int:
    """Run or resume the job in ``folder``; exit status 0 when ``result.json`` is written."""
    lock = FileLock(folder / "worker.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"{folder.name}: another worker holds this job", file=sys.stderr)
        return 3
    with lock:
        try:
            if not (folder / "result.json").exists():
                _run(folder)
        except Exception as error:
            if not is_disk_full(error, folder):
                raise
            print(f"{folder.name}: the disk is full", file=sys.stderr)
            return DISK_FULL_STATUS
    return 0


def _run(folder: Path) -> None:
    journal = Journal(folder)
    try:
        result = train(Job.read(folder), journal)
    except DiskFull:
        raise
    except UserError as error:
        journal.event(str(error), level="error")
        result = {
            "status": "failed",
            "trained_tokens": 0,
            "error": {"code": "invalid_training_file", "message": str(error), "param": None},
        }
    if result is not None:
        journal.write_metrics()
        journal.write("result", result)
        # Not before: killed in between, the next attempt would begin at step 0.
        shutil.rmtree(folder / "resume", ignore_errors=True)


def train(
    job: Job,
    journal: Journal,
    workers: Workers = ALONE,
    on_save: Callable[[Path], None] = lambda _: None,
) -> dict[str, Any] | None:
    """The whole run, from top to bottom. Returns the result, or None when asked to stop.

    Args:
        job: what to train.
        journal: of the first worker; that of the others is not written to.
        workers: who shares the work; only the first writes the outcome and has a result.
        on_save: called on the first worker with each new resume point.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if job.threads:
        torch.set_num_threads(job.threads)
    template = ChatTemplate(job.base)
    options = Options.read(job.hyperparameters)
    examples = read_tokens(job.train_file, template, options.max_length)
    validation = read_tokens(job.valid_file, template, options.max_length) if job.valid_file else []
    settings = resolve(job.hyperparameters, len(examples))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = workers.agree(choose_precision(device, options.precision))

    prompts = [example.prompt for example in examples]
    plan = [
        batch
        for epoch in range(settings.n_epochs)
        for batch in plan_epoch(prompts, settings.batch_size, job.seed, epoch)
    ]
    if workers.first:
        journal.event("Fine-tuning job started")
        journal.event("設定: " + " / ".join([*settings.reasons, precision.reason]))

    torch.manual_seed(job.seed)  # LoRA's A matrices are drawn here
    model = load_model(job.base, options.lora, precision.dtype, device)
    used = settings.as_dict() | options.as_dict()
    progress = _Progress(job, journal, settings, used, examples, validation, plan)
    progress.workers, progress.on_save_done = workers, on_save
    trainer = LoraTrainer(
        model,
        TrainingArguments(
            output_dir=str(job.folder / "resume"),
            use_cpu=device.type == "cpu",
            max_steps=len(plan),
            learning_rate=settings.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=max(1, round(WARMUP_SHARE * len(plan))),
            weight_decay=0.0,
            max_grad_norm=MAX_GRADIENT_NORM,
            seed=job.seed,
            save_strategy="steps",
            save_steps=max(1, len(plan) // RESUME_POINTS),
            save_total_limit=2,
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
        ),
        examples=examples,
        plan=plan,
        pad_id=template.pad_id,
        dtype=precision.dtype,
        workers=workers,
        callbacks=[progress],
    )
    progress.trainer = trainer
    found = newest(job.folder / "resume")
    if workers.first:
        tell_resumption(journal, found)
    if found.point is None and validation:
        progress.report(0, None, trainer.score(validation))

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: progress.stop())
    trainer.train(resume_from_checkpoint=str(found.point) if found.point else None)

    if not workers.first:
        return None
    if progress.stopped:
        return None
    tokens = settings.n_epochs * sum(len(example.ids) for example in examples)
    if (job.folder / "cancel").exists():
        return {"status": "cancelled", "trained_tokens": progress.trained_tokens, "error": None}
    save_adapter(model, job.adapter, job)
    progress.save_speed()
    return {"status": "succeeded", "trained_tokens": tokens, "error": None}


def tell_resumption(journal: Journal, found: Found) -> None:
    """Say where the run goes on, and what could not be used."""
    for step in found.damaged:
        journal.event(
            f"step {step} の保存点が壊れているため使いません。"
            + (f"step {found.step} の保存点" if found.point else "最初")
            + "から学習を続けます。",
            level="warn",
        )
    if found.point is not None:
        journal.event(f"Fine-tuning job resumed from step {found.step}")


def read_tokens(path: Path, template: ChatTemplate, max_length: int | None = None) -> list[Tokens]:
    """Tokenise an OpenAI chat JSONL file; longer examples are cut to ``max_length`` tokens.

    Raises:
        UserError: a line cannot be trained on.
    """
    examples = []
    for number, line in enumerate(path.read_text("utf-8-sig").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            whole = template.training_tokens(json.loads(line)["messages"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"学習データの行を読めません（{type(error).__name__}）。",
                file=path.name,
                line=number,
                remedy="homutune data check で確認してください。",
            ) from error
        tokens = cut(whole, max_length)
        if whole.scored and not tokens.scored:
            raise UserError(
                f"max_length {max_length} では、この例の答えまで届きません"
                f"（答えの前に {whole.prompt} トークンあります）。",
                file=path.name,
                line=number,
                remedy="max_length を大きくするか、この行を短くしてください。",
            )
        if not tokens.scored:
            raise UserError(
                "学習する答え（assistant）がありません。",
                file=path.name,
                line=number,
                remedy="assistant の発言を加えるか、この行を除いてください。",
            )
        examples.append(tokens)
    return examples


def save_adapter(model: PeftModel, target: Path, job: Job) -> None:
    """Write the adapter as safetensors and as LoRA GGUF; ``adapter.json`` last."""
    building = target.with_name(f".{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        model.save_pretrained(building, save_embedding_layers=False)
        (building / "README.md").unlink(missing_ok=True)
        # The id, not the path on this machine: adapters travel.
        config = json.loads((building / "adapter_config.json").read_text("utf-8"))
        config["base_model_name_or_path"] = job.base_id
        # PEFT lists a set, in another order in every process.
        config["target_modules"] = sorted(config["target_modules"])
        write_atomic(building / "adapter_config.json", json.dumps(config, indent=2, sort_keys=True))
        write_lora_gguf(building, job.base / "config.json", building / "adapter.gguf")
        sync_tree(building)
        write_atomic(
            building / "adapter.json",
            json.dumps(
                {"model": job.fine_tuned_model, "base": job.base_id, "seed": job.seed},
                ensure_ascii=False,
                indent=2,
            ),
        )
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)


class _Progress(TrainerCallback):
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


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
