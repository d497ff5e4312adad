"""What ``homutune tune`` prints: jobs, models, results."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.table import Column, Table

from homutune.cli._console import tell

if TYPE_CHECKING:
    from openai.types.fine_tuning import FineTuningJob

    from homutune.tuning import ModelEntry


def print_result(entry: ModelEntry) -> None:
    """What a training brought, and what to do next."""
    rows = {
        "学習済みモデル": entry.model,
        "学習損失": loss_text(entry.train_loss),
        "検証損失": loss_text(entry.valid_loss) or "（検証データなし）",
        "学習トークン": f"{entry.trained_tokens:,}" if entry.trained_tokens else "",
        "損失の記録": str(entry.metrics_path or ""),
    }
    print_rows(rows)
    tell("次: homutune eval run で評価、homutune ask で質問できます。")


def job_json(job: FineTuningJob) -> dict[str, Any]:
    """For ``--json``."""
    return job.model_dump(mode="json")


def model_json(model: Any, entry: ModelEntry | None) -> dict[str, Any]:
    """For ``--json``."""
    return {**model.model_dump(mode="json"), "tuned": entry.as_dict() if entry else None}


def print_rows(rows: dict[str, str]) -> None:
    """The rows that have a value."""
    for name, value in rows.items():
        if value:
            tell(f"{name}: {value}")


def make_table(identifier: str, *others: str) -> Table:
    """A table without frame, whose first column can be copied even on a narrow terminal."""
    first = Column(identifier, no_wrap=True)
    rest = [Column(title, overflow="fold") for title in others]
    return Table(first, *rest, box=None, pad_edge=False, header_style="bold")


def when(seconds: int) -> str:
    """Local date and time of seconds since 1970."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def shutdown(model: Any) -> str:
    """Day on which the provider switches the model off; the SDK knows it since version 3.1."""
    return str(getattr(model, "shutdown_date", None) or "")


def loss_text(value: float | None) -> str:
    """A loss, or nothing."""
    return "" if value is None else f"{value:.3f}"
