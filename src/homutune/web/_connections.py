"""Where models are reached, and with which keys: kept in ``.env`` beside ``homutune.toml``.

A key is written and never shown again. An environment variable wins over ``.env``, so what it
sets cannot be changed here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import set_key

from homutune.errors import UserError
from homutune.settings import Settings, load_settings

#: Setting -> the variables that decide it, the one written to ``.env`` first.
VARIABLES = {
    "base_url": ("HOMUTUNE_BASE_URL",),
    "api_key": ("HOMUTUNE_API_KEY", "OPENAI_API_KEY"),
    "judge_base_url": ("HOMUTUNE_JUDGE_BASE_URL",),
    "judge_api_key": ("HOMUTUNE_JUDGE_API_KEY",),
    "base_model": ("HOMUTUNE_BASE_MODEL",),
    "model_aliases": ("HOMUTUNE_MODEL_ALIASES",),
    "no_external": ("HOMUTUNE_NO_EXTERNAL",),
}
#: With a server on loopback any key will do.
NO_KEY = "local"


def fixed_by_environment() -> frozenset[str]:
    """The settings an environment variable decides."""
    return frozenset(
        name
        for name, variables in VARIABLES.items()
        if any(variable in os.environ for variable in variables)
    )


def save_connections(settings: Settings, changes: Mapping[str, object]) -> None:
    """Write the changes to ``.env`` and take them over into ``settings``, at once.

    Args:
        changes: setting (a key of :data:`VARIABLES`) -> new value.

    Raises:
        UserError: a value cannot be used, or an environment variable decides it; nothing was
            written then.
    """
    if blocked := sorted(fixed_by_environment() & changes.keys()):
        raise UserError(
            "環境変数で決まっている設定は、ここでは変えられません"
            f"（{'、'.join(VARIABLES[name][0] for name in blocked)}）。",
            remedy="環境変数を消してサーバーを起動し直すか、環境変数の方を変えてください。",
        )
    texts = {name: _text(value) for name, value in changes.items()}
    if any(not text.isprintable() for text in texts.values()):
        raise UserError("改行などの使えない文字が入っています。", remedy="入れ直してください。")
    checked = load_settings(**changes)
    path = Path(".env")
    path.touch(mode=0o600)
    path.chmod(0o600)
    for name, text in texts.items():
        set_key(path, VARIABLES[name][0], text, quote_mode="always")
    for name in changes:
        setattr(settings, name, getattr(checked, name))


def read_aliases(text: str) -> dict[str, str]:
    """Lines ``名前 = モデル``.

    Raises:
        UserError: with the line, where one is not of that form.
    """
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, sign, model = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not (name and sign and model):
            raise UserError(
                f"別名の {number} 行目を読めません。",
                remedy="1 行に一つ、「別名 = モデルの名前」の形で書いてください。",
            )
        found[name] = model
    return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
