"""The whole course in one run, with the commands a trainee would type.

    python scripts/demo.py          # or: make demo

Checks the bundled data, freezes a split, estimates, trains on the local engine, evaluates base
against tuned, and writes the report. Every step keeps its result, so a second run skips what is
done and an interrupted one goes on where it was.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from homutune.client import connect
from homutune.errors import UserError
from homutune.evaluation import latest_report
from homutune.settings import Settings, load_settings
from homutune.tuning import find_model

BASE = "gemma3-270m"
SUFFIX = "demo"


def main() -> int:
    """Run all steps; exit status of the first that fails."""
    started = time.monotonic()
    settings = load_settings(base_url="http://127.0.0.1:8400/v1", api_key="local")
    try:
        homutune("data", "check")
        homutune("data", "split")
        homutune("data", "estimate", "--model", BASE)
        with Server(settings):
            homutune("tune", "start", "--recipe", "grounded", "--suffix", SUFFIX, "--reuse", "--watch")
            entry = find_model(settings.home, None)
            if entry is None:
                raise UserError("学習したモデルが見つかりません。", remedy="もう一度実行してください。")
            homutune("eval", "run", "--model", BASE, "--plan", "all")
            homutune("eval", "run", "--model", entry.model, "--plan", "all")
            homutune("eval", "compare", BASE, entry.model)
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    minutes = (time.monotonic() - started) / 60
    print(f"\nここまで {minutes:.1f} 分でした。次は:")
    print("  homutune serve                     … サーバーを起動します（make app でも同じです）")
    print("  homutune ask '検収後に不備が見つかりました。いつまでに通知が必要ですか。'")
    return 0
