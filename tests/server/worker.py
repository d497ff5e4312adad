"""A training program without training: it keeps the job folder's protocol, steps, may die.

python worker.py [options] <job folder>
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

from homutune.engine import DISK_FULL_STATUS
from homutune.files import DiskFull, is_disk_full, write_atomic


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--step-s", type=float, default=0.01)
    parser.add_argument("--hold-at", type=int, help="wait after this step for <home>/go")
    parser.add_argument("--deaths", type=int, default=0)
    parser.add_argument("--die-each", type=int, help="dies after every so many steps")
    parser.add_argument("--fails", action="store_true")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    try:
        with FileLock(options.folder / "worker.lock", timeout=0):
            if not (options.folder / "result.json").exists():
                run(options)
    except Timeout:
        return 3
    except (OSError, DiskFull) as error:
        if not is_disk_full(error, options.folder):
            raise
        return DISK_FULL_STATUS
    return 0


def run(options: argparse.Namespace) -> None:
    folder: Path = options.folder
    job = json.loads((folder / "job.json").read_text("utf-8"))
    assert Path(job["train_file"]).read_text("utf-8").count("\n") >= 10
    starts = count(folder / "starts")
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    event(folder, "Fine-tuning job started")
    steps, cancel = options.steps, folder / "cancel"
    done = max(
        (int(p.parent.name[5:]) for p in folder.glob("checkpoints/*/checkpoint.json")), default=0
    )
    result = {"status": "succeeded", "trained_tokens": 10 * steps, "error": None}
    for step in range(done + 1, steps + 1):
        time.sleep(options.step_s)
        metrics = {"step": step, "train_loss": 1 / step, "train_mean_token_accuracy": 0.5}
        event(folder, f"Step {step}/{steps}: training loss={1 / step:.2f}", metrics)
        used = {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.0}
        state = {"step": step, "total_steps": steps, "trained_tokens": 10 * step}
        state |= {"eta_s": (steps - step) * options.step_s, "hyperparameters": used}
        write_atomic(folder / "state.json", json.dumps(state))
        if step == 2 and starts <= options.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        if options.die_each and step == done + options.die_each:
            os.kill(os.getpid(), signal.SIGKILL)
        if step % 3 == 0:
            adapter(folder / "checkpoints" / f"step-{step}", job)
            write_atomic(
                folder / "checkpoints" / f"step-{step}" / "checkpoint.json",
                json.dumps(
                    {"step": step, "epoch": 1, "created_at": int(time.time()), "metrics": metrics}
                ),
            )
            event(folder, f"Checkpoint created at step {step}")
        go = folder.parent.parent / "go"
        while step == options.hold_at and not (go.exists() or stopped or cancel.exists()):
            time.sleep(0.01)
        if stopped:
            return
        if cancel.exists():
            result = {"status": "cancelled", "trained_tokens": 10 * step, "error": None}
            break
    if options.fails:
        error = {"code": "invalid_training_file", "message": "broken", "param": "training_file"}
        result = {"status": "failed", "trained_tokens": 0, "error": error}
    if result["status"] == "succeeded":
        adapter(Path(job["adapter_path"]), job)
    write_atomic(folder / "metrics.csv", "step,train_loss\n1,1.0\n")
    write_atomic(folder / "result.json", json.dumps(result))


def adapter(target: Path, job: dict[str, str]) -> None:
    write_atomic(target / "adapter.gguf", b"weights")
    write_atomic(target / "adapter.json", json.dumps({"model": job["fine_tuned_model"]}))


def event(folder: Path, message: str, data: dict[str, float] | None = None) -> None:
    path = folder / "events.jsonl"
    known = [json.loads(line)["message"] for line in path.read_text("utf-8").splitlines()]
    if message in known:
        return
    kind = "metrics" if data else "message"
    line = {"created_at": int(time.time()), "level": "info", "message": message, "type": kind}
    with path.open("ab") as out:
        out.write(json.dumps({**line, "data": data}).encode() + b"\n")


def count(path: Path) -> int:
    number = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(number))
    return number


if __name__ == "__main__":
    sys.exit(main())
