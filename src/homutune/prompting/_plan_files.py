"""Prompt plans in YAML: a list of mappings, or one mapping."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from homutune.data import read_yaml
from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.prompting._plans import PLANS, PromptPlan

#: Key -> (type, least, most); texts have no bounds.
_NUMBERS: dict[str, tuple[type, float, float]] = {
    "k": (int, 1, 20),
    "max_tokens": (int, 1, 8192),
    "temperature": (float, 0, 2),
    "shots": (int, 0, 16),
}
_CHOICES = {"form": ("plain", "grounded"), "output": ("text", "fields")}
#: Names of the conditions that are always measured; a plan of one's own has another.
_RESERVED = {*PLANS, "withheld", "all"}


def read_plans(path: Path) -> list[PromptPlan]:
    """Read the plans of a YAML file.

    Raises:
        UserError: with file, for what cannot be read or used.
    """
    content = read_yaml(path, "プラン")
    entries = content if isinstance(content, list) else [content]
    plans = [_plan(path, entry) for entry in entries]
    names = [plan.name for plan in plans]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise _wrong(path, f"名前「{'」「'.join(sorted(repeated))}」が重なっています。")
    return plans


def write_plan(path: Path, plan: PromptPlan) -> None:
    """Write a plan that :func:`read_plans` reads back.

    Raises:
        UserError: the file cannot be written.
    """
    import yaml

    write_atomic(path, yaml.safe_dump(plan.as_dict(), allow_unicode=True, sort_keys=False))


def _plan(path: Path, entry: Any) -> PromptPlan:
    known = {field.name for field in fields(PromptPlan)}
    if not isinstance(entry, dict) or not {"name", "form"} <= set(entry):
        raise _wrong(path, "プランには name と form を書いてください。")
    name = str(entry["name"])
    if extra := sorted(set(map(str, entry)) - known):
        raise _wrong(path, f"プラン「{name}」に知らない項目 {'・'.join(extra)} があります。")
    for key, allowed in _CHOICES.items():
        if key in entry and entry[key] not in allowed:
            raise _wrong(path, f"プラン「{name}」の {key} は {'・'.join(allowed)} のどれかです。")
    for key, (kind, least, most) in _NUMBERS.items():
        value = entry.get(key, least)
        number = isinstance(value, int if kind is int else int | float)
        if isinstance(value, bool) or not number or not least <= value <= most:
            raise _wrong(path, f"プラン「{name}」の {key} は {least:g}〜{most:g} の数です。")
    if not isinstance(entry.get("reasoning", False), bool):
        raise _wrong(path, f"プラン「{name}」の reasoning は true か false です。")
    if not isinstance(entry.get("system", ""), str | None):
        raise _wrong(path, f"プラン「{name}」の system は文章です。")
    plan = PromptPlan(**{**entry, "name": name})
    if name in _RESERVED and plan != PLANS.get(name):
        raise _wrong(path, f"プランの名前「{name}」は、決まった条件の名前なので使えません。")
    return plan


def _wrong(path: Path, message: str) -> UserError:
    return UserError(
        message,
        remedy="書き方：- name: shots2、form: grounded、k: 3、shots: 2、reasoning: false、"
        "output: text（name と form のほかは省けます）。",
        file=path,
    )
