"""What the ``homutune eval`` commands share."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from homutune.cli._console import console
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.settings import Settings
    from homutune.tuning import ModelEntry

AsJson = Annotated[bool, typer.Option("--json", help="結果を JSON で出力します。")]
DatasetName = Annotated[str, typer.Option(help="データセットの名前、または latest。")]
MODEL_HELP = "モデル名、suffix、base（設定のベースモデル）または latest（最後に学習したモデル）。"


def resolve(settings: Settings, name: str) -> tuple[str, ModelEntry | None]:
    """The full model name, and what the registry knows about it."""
    from homutune.tuning import find_model

    if name == "base":
        return settings.base_model, None
    entry = find_model(settings.home, name, settings.base_url)
    if entry is None and name == "latest":
        raise UserError(
            "学習したモデルがまだありません。",
            remedy="homutune tune start で学習するか、モデル名を指定してください。",
        )
    return (entry.model if entry else name), entry


def report_path(home: Path, model: str) -> Path:
    short = "".join(c if c.isalnum() else "-" for c in model.split(":", 1)[-1]).strip("-")[-24:]
    return home / "reports" / f"{datetime.now():%Y%m%d-%H%M%S}-{short}.html"


class Criterion(StrEnum):
    """Typer takes a list of choices only as an enumeration."""

    correctness = "correctness"
    relevance = "relevance"
    style = "style"
    expertise = "expertise"


def progress_bars() -> Progress:
    """Bars on stderr that show how much is done and how long the rest takes."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("残り"),
        TimeRemainingColumn(),
        console=console,
    )
