"""What ``eval compare`` and ``improve retrain`` end with: a comparison and its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from homutune.cli._eval_common import report_path

if TYPE_CHECKING:
    from homutune.data import Dataset
    from homutune.evaluation import Comparison, Opinions, VersionScore
    from homutune.settings import Settings
    from homutune.tuning import ModelEntry


@dataclass(frozen=True, slots=True)
class Reported:
    """A comparison, what was said of its answers, the versions it ends, and its report."""

    path: Path
    comparison: Comparison
    opinions: Opinions
    versions: list[VersionScore]


def report_comparison(
    settings: Settings,
    dataset: Dataset,
    *,
    base: str,
    tuned: str,
    entry: ModelEntry | None,
    metrics: Path | None = None,
    path: Path | None = None,
) -> Reported:
    """Compare the runs of two models and write the report.

    Args:
        base, tuned: full names of the models.
        entry: what the registry knows about ``tuned``.
        metrics: its training's record, instead of the one ``entry`` names.
        path: where the report goes, instead of ``reports/`` of the home.

    Raises:
        UserError: no runs of both models on this dataset, or the report cannot be written.
    """
    from homutune.evaluation import (
        Training,
        compare_runs,
        find_pairs,
        learned_from,
        read_loss_curves,
        read_opinions,
        write_report,
    )
    from homutune.improvement import version_history

    pairs, absent = find_pairs(settings.home, dataset, base=base, tuned=tuned)
    learned = learned_from(settings.home, (base, tuned))
    comparison = compare_runs(dataset, pairs, absent, learned=learned)
    first = next(iter(pairs.values()))
    metrics = metrics or (entry.metrics_path if entry else None)
    reported = Reported(
        path or report_path(settings.home, tuned),
        comparison,
        read_opinions(settings.home, *first),
        version_history(settings.home, first[1], settings.base_url),
    )
    write_report(
        reported.path,
        comparison,
        pairs,
        dataset,
        curves=read_loss_curves(metrics) if metrics else None,
        training=Training.of(entry),
        opinions=reported.opinions,
        history=reported.versions,
    )
    return reported
