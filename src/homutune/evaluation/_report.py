"""The report: one HTML file that a lawyer reads, without any request to anywhere.

Answers are hostile text: everything goes through autoescape, nothing is marked safe but our own
SVG, and the page forbids scripts and outside resources by its Content-Security-Policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from homutune import __version__
from homutune.data import Dataset, Example, points_met
from homutune.evaluation import _charts as charts
from homutune.evaluation import _statistics as statistics
from homutune.evaluation import _wording as wording
from homutune.evaluation._answers import Answer
from homutune.evaluation._breakdown import BREAKDOWNS, CASE_LABELS
from homutune.evaluation._comparison import Comparison, RunPairs
from homutune.evaluation._metrics import LossCurves
from homutune.evaluation._runs import CONDITIONS, Run
from homutune.evaluation._safeguards import ANCHORS, NEAR_DUPLICATE
from homutune.evaluation._scoring import CRITERIA, FLAGS, ItemScore
from homutune.evaluation._text import LONGEST, SHORTEST
from homutune.files import write_atomic

#: Largest gains and largest losses shown open; all other items are folded.
SHOWN_FIRST = 10


@dataclass(frozen=True, slots=True)
class Training:
    """How the tuned model came about, as far as it is known.

    Attributes:
        dataset: dataset it learned from; decides whether the leakage check speaks about it.
        facts: (name, value) pairs for the reader, e.g. ("n_epochs", "3").
    """

    dataset: str | None = None
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Badge:
    """A short mark on an answer; ``css`` is good, bad or plain."""

    text: str
    css: str


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One answer with what was found in it."""

    text: str | None
    error: str | None
    badges: tuple[Badge, ...]
    criteria: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True, slots=True)
class ItemView:
    """One question with both answers; ``change`` is the difference in 正確性."""

    id: str
    kind: str | None
    field: str | None
    case: str | None
    question: str
    reference: str
    notes: tuple[tuple[int, str, str, bool], ...]
    base: AnswerView
    tuned: AnswerView
    change: float | None
    others: tuple[tuple[str, AnswerView, AnswerView], ...]


def write_report(
    path: Path,
    comparison: Comparison,
    pairs: RunPairs,
    dataset: Dataset,
    *,
    curves: LossCurves | None = None,
    training: Training | None = None,
) -> None:
    """Write the comparison as one self-contained HTML file.

    Args:
        path: where to; an existing file is replaced.
        pairs: the runs ``comparison`` was made from, for the texts of the answers.
        curves: loss curves of the training job, if known.
        training: how the tuned model came about, if known.

    Raises:
        UserError: the file cannot be written.
    """
    write_atomic(path, render_report(comparison, pairs, dataset, curves=curves, training=training))


def render_report(
    comparison: Comparison,
    pairs: RunPairs,
    dataset: Dataset,
    *,
    curves: LossCurves | None = None,
    training: Training | None = None,
) -> str:
    """The report as text, see :func:`write_report`."""
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
    shown = next(iter(pairs))
    items = item_views(dataset, pairs, shown)
    open_items, folded = _largest_changes(items)
    first = pairs[shown][0]
    return environment.get_template("report.html.j2").render(
        c=comparison,
        headline=wording.headline(comparison),
        primary=comparison.primary,
        primary_detail=wording.primary_detail(comparison.primary) if comparison.primary else None,
        findings=wording.findings(comparison),
        not_measured=wording.not_measured(comparison),
        criteria=CRITERIA,
        conditions=CONDITIONS,
        breakdowns=BREAKDOWNS,
        flags=FLAGS,
        verdicts=wording.VERDICTS,
        verdict=wording.verdict,
        binary_verdict=wording.binary_verdict,
        pictures=_pictures(comparison, curves),
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


def _pictures(comparison: Comparison, curves: LossCurves | None) -> dict[str, Markup]:
    """The pictures by name; one that has no data is absent."""
    pictures: dict[str, Markup] = {}
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
                f"{condition.label}：学習前と学習後の平均",
            )
            for way, slices in condition.slices.items():
                rows = [
                    charts.IntervalRow(
                        f"{charts.shorten(key)}（{part.n_items}問）",
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
        pictures["loss"] = charts.loss_plot(
            curves.train, curves.valid, "training loss と validation loss の推移"
        )
    return pictures


def item_views(dataset: Dataset, pairs: RunPairs, shown: str) -> list[ItemView]:
    """All items of condition ``shown``, with the answers under the other conditions."""
    cards = {card.id: card for card in dataset.cards}
    base, tuned = pairs[shown]
    views = []
    for item in base.items:
        key = item.meta.id
        answer = base.answers.get(key) or tuned.answers.get(key)
        notes = tuple(
            (n, cards[card].title, cards[card].text, card in item.meta.cards)
            for n, card in enumerate(answer.shown if answer else (), 1)
            if card in cards
        )
        views.append(
            ItemView(
                id=key,
                kind=item.meta.kind,
                field=item.meta.field,
                case=CASE_LABELS.get(item.meta.case) if item.meta.case else None,
                question=item.question,
                reference=item.answer,
                notes=notes,
                base=_answer_view(item, base),
                tuned=_answer_view(item, tuned),
                change=_change(base.scores.get(key), tuned.scores.get(key)),
                others=tuple(
                    (CONDITIONS[name].label, _answer_view(item, one), _answer_view(item, two))
                    for name, (one, two) in pairs.items()
                    if name != shown and (key in one.answers or key in two.answers)
                ),
            )
        )
    return views


def _largest_changes(items: Sequence[ItemView]) -> tuple[list[ItemView], list[ItemView]]:
    """Largest gains, then largest losses; and all others in order of their change."""
    ranked = sorted(items, key=lambda view: view.change or 0.0, reverse=True)
    gains = [view for view in ranked if (view.change or 0.0) > 0][:SHOWN_FIRST]
    losses = [view for view in reversed(ranked) if (view.change or 0.0) < 0][:SHOWN_FIRST]
    first = [*gains, *losses]
    chosen = {view.id for view in first}
    return first, [view for view in ranked if view.id not in chosen]


def _change(base: ItemScore | None, tuned: ItemScore | None) -> float | None:
    if base is None or tuned is None:
        return None
    before, after = base.criteria.get("correctness"), tuned.criteria.get("correctness")
    return after - before if before is not None and after is not None else None


def _answer_view(item: Example, run: Run) -> AnswerView:
    answer, score = run.answers.get(item.meta.id), run.scores.get(item.meta.id)
    if answer is None or score is None:
        return AnswerView(None, answer.error if answer else None, (), ())
    return AnswerView(
        text=answer.text,
        error=None,
        badges=tuple(_badges(item, answer, score.flags)),
        criteria=tuple((CRITERIA[name], value) for name, value in score.criteria.items()),
    )


def _badges(item: Example, answer: Answer, flags: Mapping[str, bool | None]) -> list[Badge]:
    badges = []
    withheld = "abstained" in flags
    if withheld:
        good = bool(flags["abstained"])
        badges.append(
            Badge("回答を控えた" if good else "控えずに答えた", "good" if good else "bad")
        )
    if flags.get("right_card") is not None:
        good = bool(flags["right_card"])
        badges.append(Badge("資料番号 正" if good else "資料番号 誤", "good" if good else "bad"))
    if flags.get("retrieved") is False:
        badges.append(Badge("検索が外れた", "plain"))
    if flags.get("over_abstained"):
        badges.append(Badge("回答を控えた", "bad"))
    if not flags.get("stopped"):
        badges.append(Badge("途中で切れた", "bad"))
    if not withheld:
        text = answer.text or ""
        for point in item.meta.must:
            met = points_met(point, text)
            label = point.replace("|", " / ")
            badges.append(Badge(f"{'✓' if met else '✗'} {label}", "good" if met else "bad"))
        badges += [
            Badge(f"誤り：{point}", "bad")
            for point in item.meta.must_not
            if points_met(point, text)
        ]
    return badges


def _law_dates(dataset: Dataset, items: Sequence[Example]) -> str:
    """Date or range of dates of the law the references state."""
    dates = sorted({item.meta.as_of for item in items if item.meta.as_of})
    if not dates:
        return dataset.manifest.as_of or "記載なし"
    return dates[0] if len(dates) == 1 else f"{dates[0]}〜{dates[-1]}"
