"""How far raters agree, and whether a judge can be believed.

Legal ratings are skewed: nearly all answers of a good model get a 4 or 5, and then kappa and
alpha are low although the raters agree. Gwet's AC2 does not have that fault; weighted kappa and
rank correlation stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # loads scipy.stats at first use: half a second

from homutune.evaluation._resampling import CONFIDENCE

CATEGORIES = (1, 2, 3, 4, 5)
#: Fewer answers rated by both say nothing (protocol: 30 or more double-labelled items).
ENOUGH_ITEMS = 30
#: From here on Landis and Koch (Biometrics 33, 1977, 159-174) call agreement substantial.
ENOUGH_AC2 = 0.6


def gwet_ac2(
    ratings: Sequence[Mapping[str, int]],
    categories: Sequence[int] = CATEGORIES,
    *,
    weighted: bool = True,
) -> float | None:
    """Gwet's AC2 with quadratic weights; AC1 without weights.

    Args:
        ratings: for each answer rater -> category; raters may be missing anywhere.
        categories: all categories of the scale, used or not.

    Returns:
        1 for full agreement, 0 for chance; None when no answer has two raters.

    Source: K. L. Gwet, "Computing inter-rater reliability and its variance in the presence of
    high agreement", British Journal of Mathematical and Statistical Psychology 61 (2008), 29-48;
    weights and missing ratings as in his Handbook of Inter-Rater Reliability, 4th ed. (2014).
    """
    rated = [list(answer.values()) for answer in ratings if answer]
    twice = [values for values in rated if len(values) > 1]
    if not twice:
        return None
    q = len(categories)
    scale = np.array(categories, dtype=float)
    distance = (scale[:, None] - scale[None, :]) / (scale.max() - scale.min())
    weights = 1 - distance**2 if weighted else np.eye(q)

    def counts(answers: Sequence[Sequence[int]]) -> np.ndarray:
        return np.array([[values.count(c) for c in categories] for values in map(list, answers)])

    table = counts(twice)
    raters = table.sum(axis=1)
    agreeing = (table * (table @ weights.T - 1)).sum(axis=1)
    observed = float(np.mean(agreeing / (raters * (raters - 1))))
    everything = counts(rated)
    share = (everything / everything.sum(axis=1, keepdims=True)).mean(axis=0)
    chance = float(weights.sum() / (q * (q - 1)) * (share * (1 - share)).sum())
    return (observed - chance) / (1 - chance) if chance < 1 else None


def weighted_kappa(one: Sequence[int], other: Sequence[int]) -> float | None:
    """Cohen's kappa with quadratic weights; None where both never vary."""
    from sklearn.metrics import cohen_kappa_score

    if not one or len({*one, *other}) < 2:
        return None
    found = float(cohen_kappa_score(one, other, labels=list(CATEGORIES), weights="quadratic"))
    return found if math.isfinite(found) else None


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rho; None below three pairs or where one side never varies."""
    if len(one) < 3 or len(set(one)) < 2 or len(set(other)) < 2:
        return None
    return float(scipy.stats.spearmanr(one, other).statistic)


@dataclass(frozen=True, slots=True)
class LengthSlope:
    """How a value changes when an answer is twice as long.

    Attributes:
        slope: change of the value for each doubling, by least squares.
        interval: 95 % interval of the slope.
        n: answers, or pairs of answers.
    """

    slope: float
    interval: tuple[float, float]
    n: int

    @property
    def flagged(self) -> bool:
        """Whether longer is surely valued more."""
        return self.interval[0] > 0


def length_slope(values: Sequence[float], doublings: Sequence[float]) -> LengthSlope | None:
    """Regress ``values`` on lengths in doublings (log2); None below ten or without variation."""
    if len(values) < 10 or len(set(doublings)) < 2:
        return None
    fit = scipy.stats.linregress(doublings, values)
    half = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 2) * fit.stderr)
    slope = float(fit.slope)
    return LengthSlope(slope, (slope - half, slope + half), len(values))


@dataclass(frozen=True, slots=True)
class Trust:
    """A judge held against people on the answers that both rated, one criterion.

    Attributes:
        n: answers rated by the judge and by at least one person.
        ac2, kappa, rho: judge against the people's mean, rounded for the first two.
        people_ac2: among the people, on ``n_double`` answers with two or more of them.
        shift: mean of judge minus people.
        length: slope of (judge minus people) on length: what the judge gives for length alone.
    """

    n: int
    ac2: float | None
    kappa: float | None
    rho: float | None
    n_double: int
    people_ac2: float | None
    shift: float
    length: LengthSlope | None

    @property
    def believed(self) -> bool:
        """Whether the judge's scores may be used: enough answers, agreement, no length bias."""
        return (
            self.n >= ENOUGH_ITEMS
            and self.ac2 is not None
            and self.ac2 >= ENOUGH_AC2
            and not (self.length is not None and self.length.flagged)
        )


def trust(
    judge: Mapping[str, int],
    people: Mapping[str, Mapping[str, int]],
    lengths: Mapping[str, int],
) -> Trust | None:
    """Hold a judge against people; None when no answer was rated by both.

    Args:
        judge: answer -> score 1 to 5.
        people: answer -> rater -> score.
        lengths: answer -> characters.
    """
    both = sorted(key for key in judge if people.get(key))
    if not both:
        return None
    means = [sum(people[key].values()) / len(people[key]) for key in both]
    # Half points round up, as a reader would; Python's round() would go to the even number.
    rounded = [math.floor(mean + 0.5) for mean in means]
    scores = [judge[key] for key in both]
    residual = [score - mean for score, mean in zip(scores, means, strict=True)]
    double = [key for key in people if len(people[key]) > 1]
    return Trust(
        n=len(both),
        ac2=gwet_ac2([{"judge": s, "people": m} for s, m in zip(scores, rounded, strict=True)]),
        kappa=weighted_kappa(scores, rounded),
        rho=rank_correlation(scores, means),
        n_double=len(double),
        people_ac2=gwet_ac2([people[key] for key in double]),
        shift=sum(residual) / len(residual),
        length=length_slope(residual, [math.log2(max(1, lengths[key])) for key in both]),
    )
