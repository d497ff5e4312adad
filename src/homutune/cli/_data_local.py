"""What training on the local engine takes: tokens, minutes, memory; measured where it can be."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homutune.cli._console import note
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.settings import Settings

_PROBE_S = 900


def local_estimate(
    settings: Settings, conversations: list[Any], n_epochs: int, *, probe: bool = False
) -> dict[str, Any]:
    """Tokens, minutes and memory of the local engine; null, with a remark, where unknown.

    Args:
        probe: measure speed and memory now, in a few real steps; kept for later estimates.

    Raises:
        UserError: with ``probe``, where the base model is not there or its steps fail.
    """
    model = settings.base_model
    result: dict[str, Any] = {
        "model": model,
        "n_epochs": n_epochs,
        "tokens": None,
        "minutes": None,
        "tokens_per_s": None,
        "memory_gb": None,
        "memory_measured": False,
        "usd": 0,
        "notes": [],
    }
    try:
        from homutune.data import token_counts
        from homutune.engine import (
            CONTEXT_PER_SLOT,
            BaseModels,
            UnknownModel,
            count_tokens,
            training_memory,
        )
    except ImportError:
        result["notes"].append(
            "ローカルエンジンが入っていません（pip install 'homutune[local]' で使えます）。"
        )
        return result
    try:
        base = BaseModels(settings.home).get(model)
    except UnknownModel:
        result["notes"].append(f"ローカルに「{model}」というベースモデルはありません。")
        return result
    if not base.ready:
        if probe:
            raise UserError(
                f"ベースモデル「{model}」がまだ準備されていないため、測れません。",
                remedy="homutune doctor --prepare を実行してください。",
            )
        result["notes"].append("ベースモデルが未準備のため、トークン数は学習を始めると分かります。")
        return result
    if probe:
        _probe(settings, base.path, conversations)
    sizes = count_tokens(settings.home, model, conversations)
    long = [str(number) for number, size in enumerate(sizes, 1) if size > CONTEXT_PER_SLOT]
    if long:
        result["notes"].append(
            f"{len(long)}行（{'・'.join(long[:5])}行目など）が {CONTEXT_PER_SLOT:,} トークンを"
            "超えます。"
            "切り捨てずに学習しますが、この長さの質問にはローカルサーバーが答えられません。"
        )
    from homutune.tuning import measured_speed

    counts = token_counts(sizes)
    result["tokens"] = asdict(counts)
    measured = measured_speed(settings.home, model)
    peak = measured.get("peak_bytes") or training_memory(base.path)
    result["memory_gb"] = round(peak / 1e9, 1) if peak else None
    result["memory_measured"] = bool(measured.get("peak_bytes"))
    if speed := measured.get("tokens_per_s"):
        result["tokens_per_s"] = speed
        result["minutes"] = round(counts.total * n_epochs / speed / 60, 1)
    else:
        result["notes"].append("学習の速さは未計測です（--probe で測れます。1分ほど）。")
    return result


def _probe(settings: Settings, base: Path, conversations: list[Any]) -> None:
    """Run :mod:`homutune.engine.probe` and keep what it says in ``speed.json``."""
    from homutune.files import write_atomic

    note("数ステップだけ学習して測っています…")
    lines = "".join(json.dumps(messages) + "\n" for messages in conversations)
    command = [sys.executable, "-m", "homutune.engine.probe", str(base), str(settings.threads or 0)]
    try:
        done = subprocess.run(
            command, input=lines.encode(), capture_output=True, timeout=_PROBE_S, check=True
        )
        measured = json.loads(done.stdout.decode().strip().rsplit("\n", 1)[-1])
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"試しの学習が {_PROBE_S // 60} 分たっても終わらないため、やめました。",
            remedy="ほかの重い作業が終わってから、もう一度実行してください。",
        ) from error
    except (subprocess.SubprocessError, ValueError, OSError) as error:
        raise UserError(
            f"試しの学習ができませんでした（{type(error).__name__}）。",
            remedy="homutune doctor で、空きメモリーと導入の状態を確認してください。",
        ) from error
    described = {
        "model": settings.base_model,
        "measured_at": time.strftime("%Y-%m-%d"),
        **measured,
    }
    write_atomic(settings.home / "speed.json", json.dumps(described))
