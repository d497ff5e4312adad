"""A search over prompt plans: chosen on one half of the items, reported on the other.

The best of several plans looks better than it is on the items it was chosen on. Only the figures
of the fresh half say what it gains; they are of items, and of groups, that the choice never saw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homutune.data import Dataset
from homutune.errors import UserError
from homutune.evaluation._arms import ArmsComparison, compare_arms
from homutune.evaluation._exams import CONDITIONS, Condition, Part
from homutune.evaluation._run_files import Run
from homutune.evaluation._runs import run_condition
from homutune.evaluation._summary import Estimate, RunSummary, summarize
from homutune.prompting import PLANS, PromptPlan
from homutune.settings import Settings

if TYPE_CHECKING:
    import openai

#: What a plan is chosen by.
CRITERION = "correctness"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """One plan on the tuning half; ``error`` says why there is no summary."""

    plan: PromptPlan
    summary: RunSummary | None
    error: str | None = None

    @property
    def score(self) -> Estimate | None:
        """正確性 on the tuning half."""
        return self.summary.criteria.get(CRITERION) if self.summary else None


@dataclass(frozen=True, slots=True)
class Search:
    """What came out.

    Attributes:
        trials: every plan, in the order tried.
        best: the plan chosen.
        comparison: baseline against ``best`` on the fresh half; None where the baseline is best.
        fresh: summaries on the fresh half: of the baseline, and of ``best`` if it is another.
    """

    model: str
    baseline: PromptPlan
    trials: tuple[Trial, ...]
    best: PromptPlan
    comparison: ArmsComparison | None
    fresh: tuple[RunSummary, ...]


def condition_of(plan: PromptPlan) -> Condition:
    """The condition under which ``plan`` is measured: the right cards may be shown."""
    known = CONDITIONS.get(plan.name)
    return Condition(plan.name, plan, "answerable", known.label if known else plan.name)


def search_plans(
    settings: Settings,
    client: openai.OpenAI,
    dataset: Dataset,
    plans: Sequence[PromptPlan],
    *,
    model: str,
    baseline: PromptPlan = PLANS["grounded"],
    limit: int | None = None,
    concurrency: int = 8,
    shots_from: Dataset | None = None,
    progress: Progress | None = None,
) -> tuple[Search, list[Run]]:
    """Try all plans on the tuning half, and the best one and the baseline on the fresh half.

    Runs are kept like any other: an interrupted search goes on where it was. A plan that fails,
    say because its prompt is too long for the model, is reported and left out.

    Args:
        baseline: what the best plan must beat; it is tried as well.
        limit: at most so many items of each half.
        progress: called with (what is measured, answers there, answers in all).

    Returns:
        The result, and the runs on the fresh half for the report.

    Raises:
        UserError: no plan could be measured, or the dataset has too few groups for two halves.
    """
    groups = {item.meta.group or item.meta.id for item in dataset.valid}
    if len(groups) < 4:
        raise UserError(
            "検証用の質問のグループが4つに満たないため、選ぶ半分と確かめる半分に分けられません。",
            remedy="検証用の例を増やして、データセットを作り直してください。",
        )

    def measure(plan: PromptPlan, part: Part) -> Run:
        name = f"{plan.name}（{'選ぶ' if part == 'tuning' else '確かめる'}）"
        return run_condition(
            settings,
            client,
            dataset,
            condition_of(plan),
            model=model,
            limit=limit,
            concurrency=concurrency,
            part=part,
            shots_from=shots_from,
            progress=(lambda done, total: progress(name, done, total)) if progress else None,
        )

    trials = []
    for plan in dict.fromkeys((baseline, *plans)):
        try:
            trials.append(Trial(plan, summarize(measure(plan, "tuning"))))
        except UserError as error:
            if plan == baseline:
                raise
            trials.append(Trial(plan, None, error.message))
    best = _best(trials)
    runs = [measure(plan, "fresh") for plan in dict.fromkeys((baseline, best))]
    comparison = compare_arms(dataset, runs) if len(runs) == 2 else None
    fresh = tuple(summarize(run) for run in runs)
    return Search(model, baseline, tuple(trials), best, comparison, fresh), runs


def _best(trials: Sequence[Trial]) -> PromptPlan:
    """The highest mean; of equal ones the one with fewest tokens, then the one tried first."""
    scored = [trial for trial in trials if trial.score is not None]
    if not scored:
        raise UserError(
            "どのプランでも正確性を測れませんでした。",
            remedy="要点（must）か条文（articles）のある検証用の質問を用意してください。",
        )

    def rank(trial: Trial) -> tuple[float, int]:
        tokens = trial.summary.tokens if trial.summary else None
        return -round(trial.score.mean if trial.score else 0.0, 9), sum(tokens or (0, 0))

    return min(scored, key=rank).plan
