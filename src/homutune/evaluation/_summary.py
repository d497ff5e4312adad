"""One run in a few numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import TYPE_CHECKING

from homutune.data import CONTRAST_TYPES, load_prices
from homutune.errors import UserError
from homutune.evaluation._answers import Answer
from homutune.evaluation._scoring import CRITERIA, FLAGS, ItemScore
from homutune.evaluation._statistics import (
    Interval,
    group_means,
    grouped_mean,
    t_interval,
    wilson,
)
from homutune.law import normalize

if TYPE_CHECKING:
    from homutune.evaluation._run_files import Run


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean over groups of a criterion, with its 95 % Student-t interval over groups."""

    mean: float
    interval: Interval | None
    n_items: int
    n_groups: int


@dataclass(frozen=True, slots=True)
class Count:
    """Items with yes, of ``n``, with the Wilson 95 % interval of the share."""

    count: int
    n: int
    interval: Interval


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run says.

    Attributes:
        criteria: estimate by criterion; empty with the right cards withheld.
        flags: count by flag; a flag that does not arise is absent.
        missing: items without an answer.
        without_rubric: answered items without ``must``: their 正確性 rests on articles alone, or
            is not measured.
        characters: mean length of an answer, white space not counted.
        latency_s: median seconds from request to answer, other requests under way.
        generations: answers asked for each item; ``spread``: criterion -> mean standard
            deviation between the generations of an item, empty for one generation.
        tokens: prompt and answer tokens of all answers, as the server counted them.
        differences: items with a contradiction of the reference answer, by its type (a key of
            ``CONTRAST_TYPES``).
        similarity: mean TF-IDF cosine with the reference answer over groups; no measure of
            正確性.
        cost_usd: what they cost at the listed prices of a model fine-tuned at OpenAI; None for
            any other model, whose price is not known here.
    """

    run: str
    model: str
    condition: str
    n_items: int
    n_groups: int
    missing: int
    without_rubric: int
    criteria: dict[str, Estimate]
    flags: dict[str, Count]
    characters: float
    completion_tokens: float | None
    latency_s: float | None
    generations: int
    spread: dict[str, float]
    tokens: tuple[int, int] | None
    cost_usd: float | None
    differences: dict[str, int] = field(default_factory=dict)
    similarity: float | None = None


def criterion_values(scores: Mapping[str, ItemScore], name: str) -> dict[str, float]:
    """Value of a criterion by item, where it could be measured."""
    return {
        key: value
        for key, score in scores.items()
        if (value := score.criteria.get(name)) is not None
    }


def flag_values(scores: Mapping[str, ItemScore], name: str) -> dict[str, bool]:
    """Value of a flag by item, where it arises."""
    return {
        key: value for key, score in scores.items() if (value := score.flags.get(name)) is not None
    }


def groups_of(scores: Mapping[str, ItemScore]) -> dict[str, str]:
    """Source group by item."""
    return {key: score.group for key, score in scores.items()}


def summarize(run: Run) -> RunSummary:
    """Summary of a run with at least one answer."""
    groups = groups_of(run.scores)
    criteria = {}
    for name in CRITERIA:
        values = criterion_values(run.scores, name)
        mean = grouped_mean(values, groups)
        if mean is not None:
            means = list(group_means(values, groups).values())
            criteria[name] = Estimate(mean, _on_scale(t_interval(means)), len(values), len(means))
    flags = {}
    for name in FLAGS:
        answered = flag_values(run.scores, name)
        if answered:
            yes = sum(answered.values())
            flags[name] = Count(yes, len(answered), wilson(yes, len(answered)))
    answers = [
        answer
        for key in run.scores
        for answer in run.samples.get(key) or (run.answers[key],)
        if answer.text is not None
    ]
    tokens = [a.completion_tokens for a in answers if a.completion_tokens is not None]
    latencies = [a.latency_s for a in answers if a.latency_s is not None]
    return RunSummary(
        run=run.config.id,
        model=run.config.model,
        condition=run.config.condition,
        n_items=len(run.scores),
        n_groups=len(set(groups.values())),
        missing=len(run.missing),
        without_rubric=sum(
            not item.meta.must
            for item in run.items
            if item.meta.id in run.scores and run.config.case != "withheld"
        ),
        criteria=criteria,
        flags=flags,
        characters=fmean(len(normalize(answer.text or "")) for answer in answers),
        completion_tokens=fmean(tokens) if tokens else None,
        latency_s=median(latencies) if latencies else None,
        generations=run.config.generations,
        spread={
            name: fmean(spreads)
            for name in CRITERIA
            if (spreads := [s.spread[name] for s in run.scores.values() if name in s.spread])
        },
        tokens=_tokens(answers),
        cost_usd=_cost(run.config.model, _tokens(answers)),
        differences=_differences(run.scores),
        similarity=grouped_mean(
            {k: s.similarity for k, s in run.scores.items() if s.similarity is not None}, groups
        ),
    )


def _differences(scores: Mapping[str, ItemScore]) -> dict[str, int]:
    """In how many items each type of contradiction occurs, in the order shown."""
    found = [{difference.type for difference in score.differences} for score in scores.values()]
    counts = {kind: sum(kind in types for types in found) for kind in CONTRAST_TYPES}
    return {kind: count for kind, count in counts.items() if count}


def _on_scale(interval: Interval | None) -> Interval | None:
    """A mean of values between 0 and 1 lies there too."""
    return (max(0.0, interval[0]), min(1.0, interval[1])) if interval else None


def _tokens(answers: Sequence[Answer]) -> tuple[int, int] | None:
    if any(a.prompt_tokens is None or a.completion_tokens is None for a in answers):
        return None
    return sum(a.prompt_tokens or 0 for a in answers), sum(
        a.completion_tokens or 0 for a in answers
    )


def _cost(model: str, tokens: tuple[int, int] | None) -> float | None:
    # The list holds the prices of fine-tuned models; a base model costs less.
    if tokens is None or not model.startswith("ft:"):
        return None
    try:
        price = load_prices().find(model)
    except UserError:
        return None
    return (tokens[0] * price.input + tokens[1] * price.output) / 1_000_000
