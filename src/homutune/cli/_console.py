"""Where the commands write: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from homutune.assistant import LegalModel

#: Progress, notes and errors.
console = Console(stderr=True, highlight=False)
#: Results meant for a reader; results meant for a program go through :func:`print_json`.
out = Console(highlight=False)


def note(text: str, style: str | None = None) -> None:
    """Print a line on stderr as it is: brackets are no markup, the terminal wraps it."""
    console.print(Text(text, style or ""), soft_wrap=True)


def tell(text: str, style: str | None = None) -> None:
    """Print a line of the result on stdout as it is."""
    out.print(Text(text, style or ""), soft_wrap=True)


def tell_sending(model: LegalModel, what: str) -> None:
    """Say on stderr that ``what`` leaves this machine, where it does."""
    if not model.settings.stays_inside:
        note(f"{what}を仮名化して {model.settings.base_url} に送ります。", style="yellow")


def tell_embedding(done: int, total: int) -> None:
    """Say on stderr that cards are read for the first time, where that takes a while."""
    if done == 0 and total > 100:
        note(f"解説カードを検索できるように読み取ります（{total}件、初回だけ 1〜2 分）。")


def print_json(obj: Any) -> None:
    """Print ``obj`` as indented UTF-8 JSON on stdout, nothing else with it.

    Raises:
        TypeError: ``obj`` holds something JSON does not know.
    """
    sys.stdout.write(json.dumps(obj, ensure_ascii=False, indent=2) + "\n")
