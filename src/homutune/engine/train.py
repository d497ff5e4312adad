"""Train one job: ``python -m homutune.engine.train <job folder>``.

The folder holds ``job.json``. The run appends to ``events.jsonl``, keeps ``state.json`` and
``metrics.csv`` current, leaves one checkpoint per epoch in ``checkpoints/`` (the newest three
and the best are kept), makes the best or, without a validation file, the last the adapter and
writes, last, ``result.json``. Started again on the same folder it
goes on from its newest resume point. A file named ``cancel`` or SIGTERM stops it after the
current step: cancelled for good the one, to be resumed the other (as a file ``stop`` does). Exit
status 3: another worker holds the job; 75: the disk is full, start again once there is room.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Nothing is fetched from a model hub, whatever a library would like to look up.
os.environ["HF_HUB_OFFLINE"] = "1"
# Tokenising happens in one thread; the library warns about forks otherwise.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from transformers import TrainerState, TrainingArguments
from transformers.utils import logging

from homutune.engine._adapter import save_adapter
from homutune.engine._advice import warn_cut, warn_few_steps, warn_no_gain
from homutune.engine._batches import plan_epoch
from homutune.engine._chat import ChatTemplate
from homutune.engine._checkpoints import deliver
from homutune.engine._dpo import DpoTrainer
from homutune.engine._examples import read_examples
from homutune.engine._job import Job, failure, hold
from homutune.engine._journal import Journal
from homutune.engine._options import Options
from homutune.engine._parallel import ALONE, Workers
from homutune.engine._plan import resolve
from homutune.engine._progress import Progress, epoch_losses, first_loss
from homutune.engine._ranking import rank_examples, told
from homutune.engine._resume import Found, newest
from homutune.engine._trainer import LoraTrainer, check_4bit, choose_precision, load_model
from homutune.errors import UserError
from homutune.files import DiskFull

WARMUP_SHARE = 0.05
#: Against a single wild step only. Ordinary steps have norms of 1.5 to 4.5; clipped at the usual
#: 1.0, long answers lost most of their weight and short abstentions none of it.
MAX_GRADIENT_NORM = 50.0
#: Resume points over a whole run; each costs about 45 MB and a tenth of a second.
RESUME_POINTS = 20
#: Below the server's: training is the work that can wait.
NICENESS = 10


def main(folder: Path) -> int:
    """Run or resume the job in ``folder``; exit status 0 when ``result.json`` is written."""
    return hold(folder, _run)


def _run(folder: Path) -> None:
    journal = Journal(folder)
    try:
        job = Job.read(folder)
        result = train(job, journal)
        if result is not None and result["status"] == "succeeded":
            deliver(folder, job.adapter, journal)
    except DiskFull:
        raise
    except UserError as error:
        journal.event(str(error), level="error")
        result = failure(error)
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

    The adapter is written here where there is no validation file to choose a checkpoint by.

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
    if job.start is not None:
        options = options.going_on_from(job.start)
    examples, cut = read_examples(job.train_file, template, options.max_length, job.method)
    validation, valid_cut = (
        read_examples(job.valid_file, template, options.max_length, job.method)
        if job.valid_file
        else ([], [])
    )
    settings = resolve(job.hyperparameters, len(examples), dpo=job.method == "dpo")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if options.in_4bit:
        check_4bit(device)
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
        if not options.ranks(settings.n_epochs):
            journal.event(
                "例ごとの損失は測りません（1 エポックの学習では、かかる時間が 4 分の 1 ほど増える"
                "ため。測るには rank_examples を true にします）"
                if options.rank_examples is None
                else "例ごとの損失は測りません（rank_examples の指定のとおり）"
            )
        warn_few_steps(journal, len(plan))
        warn_cut(journal, "学習データ", cut, options.max_length)
        warn_cut(journal, "検証データ", valid_cut, options.max_length)

    torch.manual_seed(job.seed)  # LoRA's A matrices are drawn here
    model = load_model(
        job.base, options.lora, precision.dtype, device, job.start, in_4bit=options.in_4bit
    )
    used = settings.as_dict() | options.as_dict(settings.n_epochs)
    progress = Progress(job, journal, settings, used, examples, validation, plan, options.patience)
    progress.workers, progress.on_save_done = workers, on_save
    arguments = TrainingArguments(
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
    )
    parts: dict[str, Any] = {
        "examples": examples,
        "plan": plan,
        "pad_id": template.pad_id,
        "dtype": precision.dtype,
        "workers": workers,
        "callbacks": [progress],
    }
    trainer: LoraTrainer[Any]
    if settings.beta is None:
        trainer = LoraTrainer(model, arguments, **parts)
    else:
        trainer = preference = DpoTrainer(model, arguments, beta=settings.beta, **parts)
        preference.take_reference([*examples, *validation])
    progress.trainer = trainer
    found = newest(job.folder / "resume")
    if workers.first:
        tell_resumption(journal, found)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: progress.stop())
    _take_steps(trainer, progress, found.point)
    ranked = None
    if options.ranks(settings.n_epochs) and not progress.asked_to_stop():
        ranked = rank_examples(trainer, examples, progress.asked_to_stop)

    if progress.asked_to_stop():
        if progress.stopped or not (workers.first and (job.folder / "cancel").exists()):
            return None
        done = progress.tokens_until(trainer.state.global_step)
        return {"status": "cancelled", "trained_tokens": done, "error": None}
    if not workers.first:
        return None
    if ranked is not None:
        journal.write_example_losses(ranked)
        journal.once("学習後も損失が大きい例", f": {told(ranked)}")
    warn_no_gain(journal, first_loss(trainer.state), epoch_losses(trainer.state))
    if not validation:
        save_adapter(model, job.adapter, job)
    progress.save_speed()
    tokens = progress.tokens_until(trainer.state.global_step)
    return {"status": "succeeded", "trained_tokens": tokens, "error": None}


def _take_steps(trainer: LoraTrainer[Any], progress: Progress, point: Path | None) -> None:
    """The steps behind the resume point ``point``, up to the last or to early stopping."""
    if point is not None:
        trainer.state = TrainerState.load_from_json(str(point / "trainer_state.json"))
        if progress.is_over(trainer.state):  # killed between its last step and the result
            trainer._load_from_checkpoint(str(point))
            return
    trainer.train(resume_from_checkpoint=str(point) if point else None)


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


if __name__ == "__main__":
    # Whoever asks a question meanwhile goes first; alone on the machine it costs nothing.
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    sys.exit(main(Path(sys.argv[1])))
