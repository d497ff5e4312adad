"""What the ``homutune eval`` commands share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from homutune.cli._console import console, tell_embedding
from homutune.errors import UserError

if TYPE_CHECKING:
    import openai

    from homutune.data import Dataset
    from homutune.evaluation import Condition, Run
    from homutune.settings import Settings
    from homutune.tuning import ModelEntry

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


def conditions_of(dataset: Dataset, plan: str) -> list[Condition]:
    """What to measure; without cards only the question alone can be asked."""
    from homutune.evaluation import CONDITIONS, condition_of, conditions_for
    from homutune.prompting import read_plans

    if plan in CONDITIONS:
        return [CONDITIONS[plan]]
    if plan.endswith((".yaml", ".yml")):
        return [condition_of(read) for read in read_plans(Path(plan))]
    if plan != "all":
        raise UserError(
            f"プラン「{plan}」はありません。",
            remedy="plain・grounded・withheld・all か、プランの YAML ファイルを指定してください。",
        )
    if not dataset.cards:
        console.print("解説カードがないため、資料なしの条件だけを評価します。", style="yellow")
    return conditions_for(dataset)


def measure(
    settings: Settings,
    client: openai.OpenAI,
    dataset: Dataset,
    conditions: Sequence[Condition],
    *,
    model: str,
    **options: Any,
) -> list[Run]:
    """Answer and score under each condition, with a bar for each; ``options`` go to each run."""
    from homutune.evaluation import run_condition

    runs: list[Run] = []
    with progress_bars() as bars:
        for condition in conditions:
            task = bars.add_task(condition.label, total=None)
            runs.append(
                run_condition(
                    settings,
                    client,
                    dataset,
                    condition,
                    model=model,
                    progress=lambda done, total, task=task: bars.update(  # type: ignore[misc]
                        task, completed=done, total=total
                    ),
                    embedding=tell_embedding,
                    **options,
                )
            )
    return runs
