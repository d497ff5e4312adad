"""The main job in one run, by the commands a trainee would type.

    make demo        # or: .venv/bin/python scripts/demo.py

Checks the bundled data, freezes a split, estimates, trains on the local engine, evaluates base
against tuned, and writes the report. Every step keeps its result, so a second run skips what is
done and an interrupted one goes on where it was.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from homutune.client import connect
from homutune.errors import UserError
from homutune.settings import Settings, load_settings
from homutune.tuning import find_model, sync_models

SUFFIX = "demo"
#: One pass and a part of the validation items, so that the demo fits into 25 minutes on two cores.
EPOCHS = "1"
ITEMS = "30"
SERVER_STARTS_WITHIN_S = 60


def main() -> int:
    """Run all steps; the exit status is that of the first command that fails."""
    started = time.monotonic()
    if status := run_here(demo):
        return status
    print(f"\n所要時間 {(time.monotonic() - started) / 60:.1f} 分。次にできること:")
    print("  make app    サーバーを起動します。別の端末で、たとえば:")
    print("  .venv/bin/homutune ask '検収後に不備を見つけました。いつまでに通知が必要ですか。'")
    return 0


def demo(settings: Settings) -> None:
    """All steps in order."""
    base = settings.base_model
    homutune("data", "check")
    homutune("data", "split")
    # The estimate counts with the base model's own tokenizer, so that comes first.
    homutune("doctor", "--prepare")
    homutune("data", "estimate", "--model", base, "--epochs", EPOCHS)
    with server(settings):
        tuned = train(settings)
        for model in (base, tuned):
            homutune("eval", "run", "--model", model, "--plan", "all", "--limit", ITEMS)
        homutune("eval", "compare", base, tuned)


def run_here(work: Callable[[Settings], None]) -> int:
    """Do ``work`` with the models of this machine; the exit status of what went wrong, or 0."""
    try:
        settings = load_settings()
        if not settings.is_local:
            raise UserError(
                f"接続先（{settings.base_url}）が外部です。ここでは手元のモデルで動かします。",
                remedy="HOMUTUNE_BASE_URL の設定を外してください。",
            )
        work(settings)
    except UserError as error:
        print(f"エラー: {error}", file=sys.stderr)
        return error.exit_code
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    except KeyboardInterrupt:
        print("\n中断しました。同じコマンドをもう一度実行すると続きから進みます。", file=sys.stderr)
        return 130
    return 0


def train(settings: Settings) -> str:
    """Train on the newest dataset unless that has been done; the tuned model's name."""
    dataset = json.loads(homutune("data", "split", "--json", show=False))["name"]
    client = connect(settings)
    sync_models(settings.home, client)
    for job in client.fine_tuning.jobs.list(limit=100):
        if (job.metadata or {}).get("homutune_dataset") != dataset:
            continue
        if job.status == "succeeded" and job.fine_tuned_model:
            print(f"\n学習は終わっています: {job.fine_tuned_model}")
            return job.fine_tuned_model
        if job.status in ("validating_files", "queued", "running"):
            homutune("tune", "watch", job.id)
            break
    else:
        homutune("tune", "start", "--dataset", dataset, "--suffix", SUFFIX, "--epochs", EPOCHS)
    entry = find_model(settings.home, "latest")
    if entry is None:
        raise UserError(
            "学習したモデルがありません。", remedy="homutune tune list を確認してください。"
        )
    return entry.model


def homutune(*arguments: str, show: bool = True) -> str:
    """Run one ``homutune`` command, shown as it would be typed.

    Raises:
        subprocess.CalledProcessError: it failed and has said why.
    """
    command = [sys.executable, "-m", "homutune.cli", *arguments]
    if not show:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"\n$ homutune {' '.join(arguments)}", flush=True)
    subprocess.run(command, check=True)
    return ""


@contextmanager
def server(settings: Settings) -> Iterator[None]:
    """The local server for as long as the block runs; one that runs already is used."""
    if answers(settings):
        yield
        return
    log = settings.home / "logs" / "demo-server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # A session of its own: Ctrl-C reaches us first, and we stop it in good order.
    with log.open("ab") as handle:
        process = subprocess.Popen(
            [sys.executable, "-m", "homutune.cli", "serve"],
            stdout=handle,
            stderr=handle,
            start_new_session=os.name == "posix",
        )
    try:
        wait_until_it_answers(settings, process, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def wait_until_it_answers(settings: Settings, process: subprocess.Popen[Any], log: Path) -> None:
    """Return once the server answers.

    Raises:
        UserError: it ended or did not answer in time.
    """
    deadline = time.monotonic() + SERVER_STARTS_WITHIN_S
    while not answers(settings):
        if process.poll() is not None or time.monotonic() > deadline:
            raise UserError(
                "サーバーを起動できませんでした。", file=log, remedy="記録を確認してください。"
            )
        time.sleep(0.3)


def answers(settings: Settings) -> bool:
    """Whether a homutune server answers at the configured address."""
    try:
        with urlopen(settings.base_url.removesuffix("/v1") + "/healthz", timeout=2) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(main())
