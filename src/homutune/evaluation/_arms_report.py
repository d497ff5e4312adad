"""The report on two or four arms: one HTML file, offline, like the other one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from homutune import __version__
from homutune.evaluation import _charts as charts
from homutune.evaluation import _statistics as statistics
from homutune.evaluation import _wording as wording
from homutune.evaluation._arms import INTERACTION, ArmsComparison
from homutune.evaluation._exams import CONDITIONS
from homutune.evaluation._report import template
from homutune.evaluation._run_files import Run
from homutune.evaluation._scoring import CRITERIA, FLAGS
from homutune.evaluation._shot_pool import NEAR_DUPLICATE
from homutune.evaluation._views import arms_views, largest_changes
from homutune.files import write_atomic


def write_arms_report(path: Path, comparison: ArmsComparison, runs: Sequence[Run]) -> None:
    """Write the comparison of arms as one self-contained HTML file.

    Args:
        path: where to; an existing file is replaced.
        runs: the arms ``comparison`` was made from, in the same order.

    Raises:
        UserError: the file cannot be written.
    """
    items, folded = largest_changes(arms_views(runs))
    text = template("arms.html.j2").render(
        c=comparison,
        headline=arms_headline(comparison),
        short_labels=_short_labels(comparison),
        interaction=interaction_sentence(comparison),
        primary_detail=wording.primary_detail(comparison.primary) if comparison.primary else None,
        pictures=_pictures(comparison, runs),
        names="ABCD",
        criteria=CRITERIA,
        flags=FLAGS,
        verdict=wording.verdict,
        verdicts=wording.VERDICTS,
        binary_verdict=wording.binary_verdict,
        items=items,
        folded=folded,
        conditions=CONDITIONS,
        runs=[run.config for run in runs],
        near_duplicate=NEAR_DUPLICATE,
        statistics=statistics,
        version=__version__,
    )
    write_atomic(path, text)


def arms_headline(comparison: ArmsComparison) -> str:
    """The declared endpoint in one sentence, whatever it shows."""
    result = comparison.primary
    if result is None:
        return "正確性は測っていません。"
    change = f"{wording.number(result.base_mean)} → {wording.number(result.tuned_mean)}"
    labels = _short_labels(comparison)
    first, last = labels[0], labels[-1]
    return {
        "better": f"{first}より{last}のほうが、正確性が高くなりました（{change}）。",
        "worse": f"{first}より{last}のほうが、正確性が低くなりました（{change}）。",
        "unclear": f"{first}と{last}の正確性に、差があるとは言えませんでした（{change}）。",
    }[wording.verdict(result)]


def _short_labels(comparison: ArmsComparison) -> list[str]:
    """The arms of a 2x2 as 学習前・学習後 with their prompt; two arms by their full names."""
    labels = comparison.labels
    if len(labels) != 4:
        return list(labels)
    when = ("学習前", "学習前", "学習後", "学習後")
    return [
        before + label.removeprefix(arm.model)
        for before, label, arm in zip(when, labels, comparison.arms, strict=True)
    ]


def interaction_sentence(comparison: ArmsComparison) -> str | None:
    """What the interaction in 正確性 says; None for two arms."""
    contrast = comparison.contrasts.get(INTERACTION)
    result = contrast.criteria.get("correctness") if contrast else None
    if result is None:
        return None
    effects = (
        f"プロンプトの効果は、学習前 {wording.number(result.base_mean, sign=True)}、"
        f"学習後 {wording.number(result.tuned_mean, sign=True)}"
    )
    return {
        "better": f"{effects}で、学習後のほうが大きくなりました（互いに強め合う）。",
        "worse": f"{effects}で、学習後のほうが小さくなりました（効果が重なる）。",
        "unclear": f"{effects}で、違いがあるとは言えません"
        "（この件数では、足し合わせと見分けられません）。",
    }[wording.verdict(result)]


def _pictures(comparison: ArmsComparison, runs: Sequence[Run]) -> dict[str, Markup]:
    pictures = {
        name: charts.interval_plot(
            [
                charts.IntervalRow(CRITERIA[key], r.difference, r.t_interval, wording.verdict(r))
                for key, r in contrast.criteria.items()
            ],
            f"{contrast.label}：差と95％信頼区間",
        )
        for name, contrast in comparison.contrasts.items()
        if contrast.criteria
    }
    estimates = [arm.criteria.get("correctness") for arm in comparison.arms]
    points = [
        charts.CrossPoint(run.config.label, found.mean, found.interval)
        for run, found in zip(runs, estimates, strict=True)
        if found is not None
    ]
    if len(points) == 4:
        pictures["crossing"] = charts.crossing_plot(
            (points[0], points[1]), (points[2], points[3]), "正確性：モデルとプロンプトの組み合わせ"
        )
    return pictures
