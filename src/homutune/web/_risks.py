"""A register of risks as a matter: a contract or a described plan, and what is known about it."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from homutune.assistant import Register, contract_register, plan_register
from homutune.errors import UserError
from homutune.server import MatterRow
from homutune.web import _documents as documents

KIND = "risk"
#: Facts of a matter that the register depends on.
_CHOSEN = ("plan", "type", "side", "party", "signed", "owners")


def register_of(folder: Path, matter: MatterRow) -> Register:
    """The register; made again each time, so that it always agrees with the document.

    Raises:
        UserError: the type or the side is not known.
    """
    chosen = {name: matter.facts[name] for name in _CHOSEN if name in matter.facts}
    return make_register(folder, matter.title, chosen)


def make_register(folder: Path, title: str, chosen: dict[str, Any]) -> Register:
    """The register for these choices, before they are kept."""
    key = json.dumps(chosen, ensure_ascii=False, sort_keys=True)
    return replace(_register(documents.document_path(folder), key), file=title)


@lru_cache(maxsize=8)
def _register(path: Path, key: str) -> Register:
    chosen = json.loads(key)
    document = documents.read(path.parent)
    owners = chosen.get("owners") or None
    if chosen.get("plan"):
        return plan_register(document, owners=owners)
    return contract_register(
        document,
        documents.playbooks(),
        contract_type=chosen["type"],
        side=chosen["side"],
        party=chosen["party"] or None,
        signed=parse_day(chosen["signed"]),
        owners=owners,
    )


def parse_day(text: str) -> datetime.date | None:
    """The day of a date field; None where it was left empty.

    Raises:
        UserError: no such day.
    """
    if not text:
        return None
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"日付「{text}」を読めません。", remedy="2027-04-01 の形で入力してください。"
        ) from None


def forget() -> None:
    """Keep no document in memory after one was deleted."""
    documents.forget()
    _register.cache_clear()
