"""The report: one HTML file that a lawyer reads, without any request to anywhere.

Answers are hostile text: everything goes through autoescape, nothing is marked safe but our own
SVG, and the page forbids scripts and outside resources by its Content-Security-Policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from homutune import __version__
from homutune.data import CONTRAST_TYPES, Dataset, Example
from homutune.evaluation import _charts as charts
from homutune.evaluation import _statistics as statistics
from homutune.evaluation import _wording as wording
from homutune.evaluation._agreement import ENOUGH_AC2, ENOUGH_ITEMS
from homutune.evaluation._breakdown import BREAKDOWNS
from homutune.evaluation._comparison import Comparison, RunPairs
from homutune.evaluation._exams import CONDITIONS
from homutune.evaluation._history import VersionScore
from homutune.evaluation._metrics import LossCurves
from homutune.evaluation._opinions import Opinions
from homutune.evaluation._safeguards import ANCHORS
from homutune.evaluation._scoring import CRITERIA, FLAGS
from homutune.evaluation._shot_pool import NEAR_DUPLICATE
from homutune.evaluation._text import LONGEST, SHORTEST
from homutune.evaluation._views import item_views, largest_changes
from homutune.files import write_atomic
from homutune.tuning import ModelEntry

if TYPE_CHECKING:
    import jinja2

#: Every kind of question ends so; beside a picture there is room for what tells them apart.
_ABOUT = "に関する質問"


@dataclass(frozen=True, slots=True)
class Training:
    """How the tuned model came about, as far as it is known.

    Attributes:
        dataset: dataset it learned from; decides whether the leakage check speaks about it.
        facts: (name, value) pairs for the reader, e.g. ("n_epochs", "3").
    """

    dataset: str | None = None
    facts: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, entry: ModelEntry | None) -> Training | None:
        """What the registry knows about how the tuned model was made."""
        if entry is None:
            return None
        known: dict[str, Any] = {
            "学習データ": entry.dataset,
            "レシピ": entry.recipe,
            "学習の seed": entry.seed,
            "学習トークン": entry.trained_tokens and f"{entry.trained_tokens:,}",
            **(entry.hyperparameters or {}),
        }
        facts = tuple((key, str(value)) for key, value in known.items() if value is not None)
        return cls(entry.dataset, facts)


def write_report(
    path: Path,
    comparison: Comparison,
    pairs: RunPairs,
    dataset: Dataset,
    *,
    curves: LossCurves | None = None,
    training: Training | None = None,
    opinions: Opinions | None = None,
    history: Sequence[VersionScore] = (),
) -> None:
    """Write the comparison as one self-contained HTML file.

    Args:
        path: where to; an existing file is replaced.
        pairs: the runs ``comparison`` was made from, for the texts of the answers.
        curves: loss curves of the training job, if known.
        training: how the tuned model came about, if known.
        opinions: what people and judges say, see :func:`read_opinions`.
        history: models of earlier versions on the same questions, oldest first; shown from two on.

    Raises:
        UserError: the file cannot be written.
    """
    text = render_report(
        comparison,
        pairs,
        dataset,
        curves=curves,
        training=training,
        opinions=opinions,
        history=history,
    )
    write_atomic(path, text)


def render_report(
    comparison: Comparison,
    pairs: RunPairs,
    dataset: Dataset,
    *,
    curves: LossCurves | None = None,
    training: Training | None = None,
    opinions: Opinions | None = None,
    history: Sequence[VersionScore] = (),
) -> str:
    """The report as text, see :func:`write_report`."""
    shown = next(iter(pairs))
    items = item_views(dataset, pairs, shown)
    open_items, folded = largest_changes(items)
    first = pairs[shown][0]
    opinions = opinions or Opinions()
    before, after = comparison.names
    return template("report.html.j2").render(
        c=comparison,
        before=before,
        after=after,
        headline=wording.headline(comparison),
        primary=comparison.primary,
        primary_detail=wording.primary_detail(comparison.primary) if comparison.primary else None,
        findings=wording.findings(comparison),
        not_measured=wording.not_measured(comparison, opinions),
        opinions=opinions,
        enough_items=ENOUGH_ITEMS,
        enough_ac2=ENOUGH_AC2,
        criteria=CRITERIA,
        contrast_types=CONTRAST_TYPES,
        conditions=CONDITIONS,
        breakdowns=BREAKDOWNS,
        flags=FLAGS,
        verdicts=wording.VERDICTS,
        verdict=wording.verdict,
        binary_verdict=wording.binary_verdict,
        pictures=comparison_pictures(comparison, curves)
        | _opinion_pictures(opinions)
        | history_picture(history),
        history=history,
        curves=curves,
        items=items,
        open_items=open_items,
        folded=folded,
        shown_label=CONDITIONS[shown].label,
        as_of=_law_dates(dataset, first.items),
        training=training or Training(),
        manifest=dataset.manifest,
        seed=first.config.seed,
        runs=[run.config for pair in pairs.values() for run in pair],
        anchors=ANCHORS,
        near_duplicate=NEAR_DUPLICATE,
        shortest=SHORTEST,
        longest=LONGEST,
        statistics=statistics,
        version=__version__,
    )


def template(name: str) -> jinja2.Template:
    """A template of this room, with autoescape and the filters for numbers."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("homutune.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=wording.number,
        interval=wording.interval_text,
        percent=wording.percent_text,
        effect=wording.effect_text,
        p=wording.p_text,
    )
    return environment.get_template(name)


def history_picture(history: Sequence[VersionScore]) -> dict[str, Markup]:
    """正確性 from version to version; nothing to draw below two."""
    points = [
        charts.CrossPoint(
            f"{version.trained_on}\n"
            + (f"学習 {version.n_train}件" if version.n_train is not None else version.model),
            version.criteria["correctness"].mean,
            version.criteria["correctness"].interval,
        )
        for version in history
        if "correctness" in version.criteria
    ]
    if len(points) < 2:
        return {}
    return {"history": charts.history_plot(points, "版ごとの正確性と95％信頼区間")}


def _opinion_pictures(opinions: Opinions) -> dict[str, Markup]:
    """Differences on the scale of 1 to 5, for people and each judge."""
    results = {f"judge-{n}": judge.criteria for n, judge in enumerate(opinions.judges)}
    if opinions.people:
        results["people"] = opinions.people.criteria
    return {
        name: charts.interval_plot(
            [
                charts.IntervalRow(CRITERIA[key], r.difference, r.t_interval, wording.verdict(r))
                for key, r in criteria.items()
            ],
            "1〜5の採点：差と95％信頼区間",
        )
        for name, criteria in results.items()
        if criteria
    }


def comparison_pictures(
    comparison: Comparison, curves: LossCurves | None = None
) -> dict[str, Markup]:
    """The pictures by name (``differences-grounded``, …); one that has no data is absent."""
    pictures: dict[str, Markup] = {}
    before, after = comparison.names
    for name, condition in comparison.conditions.items():
        if condition.criteria:
            results = condition.criteria.items()
            pictures[f"differences-{name}"] = charts.interval_plot(
                [
                    charts.IntervalRow(
                        CRITERIA[key], r.difference, r.t_interval, wording.verdict(r)
                    )
                    for key, r in results
                ],
                f"{condition.label}：差と95％信頼区間",
            )
            pictures[f"means-{name}"] = charts.mean_plot(
                [charts.MeanRow(CRITERIA[key], r.base_mean, r.tuned_mean) for key, r in results],
                f"{condition.label}：{before}と{after}の平均",
            )
            for way, slices in condition.slices.items():
                rows = [
                    charts.IntervalRow(
                        f"{charts.shorten(key.removesuffix(_ABOUT))}（{part.n_items}問）",
                        part.means["correctness"][1] - part.means["correctness"][0],
                        part.intervals["correctness"],
                        "unclear",
                    )
                    for key, part in slices.items()
                    if "correctness" in part.means
                ]
                if rows:
                    pictures[f"{way}-{name}"] = charts.interval_plot(
                        rows, f"{condition.label}：{BREAKDOWNS[way][0]}ごとの正確性の差"
                    )
        if condition.flags:
            pictures[f"shares-{name}"] = charts.share_plot(
                [
                    charts.ShareRow(
                        FLAGS[key],
                        r.n,
                        r.base_count,
                        r.tuned_count,
                        r.base_interval,
                        r.tuned_interval,
                    )
                    for key, r in condition.flags.items()
                ],
                f"{condition.label}：該当した数と95％信頼区間",
            )
    if curves and (curves.train or curves.valid):
        pictures["loss"] = charts.loss_plot(curves.train, curves.valid, "学習損失と検証損失の推移")
    return pictures


def _law_dates(dataset: Dataset, items: Sequence[Example]) -> str:
    """Date or range of dates of the law the references state."""
    dates = sorted({item.meta.as_of for item in items if item.meta.as_of})
    if not dates:
        return dataset.manifest.as_of or "記載なし"
    return dates[0] if len(dates) == 1 else f"{dates[0]}〜{dates[-1]}"
