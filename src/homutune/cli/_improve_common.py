"""What the ``homutune improve`` commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from homutune.improvement import Loop
    from homutune.settings import Settings

LoopName = Annotated[str, typer.Option(help="改善の計画（loop-…）、または latest。")]


def open_it(name: str) -> tuple[Settings, Loop]:
    """The settings and the loop."""
    from homutune.improvement import open_loop
    from homutune.settings import load_settings

    settings = load_settings()
    return settings, open_loop(settings.home, name)
