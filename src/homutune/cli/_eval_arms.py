"""``homutune eval compare`` with two or four arms named ``MODEL@CONDITION`` or by run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from homutune.cli._console import out, print_json, tell
from homutune.cli._eval_common import report_path, resolve

if TYPE_CHECKING:
    from homutune.data import Dataset
    from homutune.evaluation import ArmsComparison, Run
    from homutune.settings import Settings

#: The condition of an arm that names only a model: the real use.
DEFAULT_CONDITION = "grounded"


def names_arms(specs: Sequence[str]) -> bool:
    """Whether ``specs`` mean single runs, rather than two models under all conditions."""
    return len(specs) == 4 or any("@" in spec or spec.startswith("run-") for spec in specs)


def compare_arms_of(
    specs: Sequence[str], dataset: str, report: Path | None, *, as_json: bool
) -> None:
    """Find the runs, compare them, write the report and print what it says."""
    from homutune.data import open_dataset
    from homutune.evaluation import compare_arms, learned_from, write_arms_report
    from homutune.settings import load_settings

    settings = load_settings()
    opened = open_dataset(settings.home, None if dataset == "latest" else dataset)
    runs = [find_run(settings, opened, spec) for spec in specs]
    comparison = compare_arms(
        opened,
        runs,
        learned=learned_from(settings.home, (run.config.model for run in runs)),
    )
    path = report or report_path(settings.home, f"{len(runs)}-arms")
    write_arms_report(path, comparison, runs)
    if as_json:
        print_json({"report": str(path.resolve()), "comparison": asdict(comparison)})
        return
    _print(comparison)
    tell(f"報告書: {path.resolve()}")


def find_run(settings: Settings, dataset: Dataset, spec: str) -> Run:
    """The run that ``spec`` means: ``run-…``, ``MODEL`` or ``MODEL@CONDITION``."""
    from homutune.evaluation import find_arm, open_run

    if spec.startswith("run-"):
        return open_run(settings.home, dataset, spec)
    model, _, condition = spec.partition("@")
    name, _ = resolve(settings, model)
    return find_arm(settings.home, dataset, model=name, condition=condition or DEFAULT_CONDITION)


def _print(comparison: ArmsComparison) -> None:
    from homutune.evaluation import CRITERIA, arms_headline, interaction_sentence
    from homutune.evaluation import _wording as wording

    tell(arms_headline(comparison), "bold")
    if sentence := interaction_sentence(comparison):
        tell(sentence)
    means = Table(title="平均", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    means.add_column("項目", no_wrap=True)
    for name, label in zip("ABCD", comparison.labels, strict=False):
        tell(f"  {name}: {label}")
        means.add_column(name, justify="right")
    for key, label in CRITERIA.items():
        if any(key in arm.criteria for arm in comparison.arms):
            means.add_row(
                label,
                *(
                    wording.number(arm.criteria[key].mean if key in arm.criteria else None)
                    for arm in comparison.arms
                ),
            )
    out.print(means)
    for contrast in comparison.contrasts.values():
        table = Table(title=contrast.label, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("項目", no_wrap=True)
        for title in ("差", "95%区間", "p"):
            table.add_column(title, justify="right", no_wrap=True)
        for key, result in contrast.criteria.items():
            table.add_row(
                CRITERIA[key],
                wording.number(result.difference, sign=True),
                wording.interval_text(result.t_interval),
                wording.p_text(result.p_holm),
            )
        out.print(table)
    tell(f"全員が答えた {len(comparison.common)}問で比べました。", "dim")
    if comparison.unpaired:
        tell(f"そろわず除いた質問: {'、'.join(comparison.unpaired)}", "yellow")
