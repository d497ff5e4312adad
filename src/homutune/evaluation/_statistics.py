"""Statistics of a paired comparison on a small set, clustered by source group.

Everything here takes plain numbers, so that it can be checked against scipy and by hand.
The protocol is that of Miller, "Adding Error Bars to Evals" (2024, arXiv:2411.00640): pair by
item, cluster by source; with the small-sample choices (Student-t, exact tests) it leaves open.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # loads scipy.stats at first use: half a second

from homutune.evaluation._resampling import (
    BOOTSTRAPS,
    CONFIDENCE,
    PERMUTATIONS,
    SEED,
    bootstrap_limits,
    is_exact,
    sign_flip_p,
)

__all__ = ["BOOTSTRAPS", "CONFIDENCE", "PERMUTATIONS", "SEED"]  # for the report

POWER = 0.80

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PairedResult:
    """Paired difference of one measure, ``tuned`` minus ``base``.

    Every group counts the same: values are averaged inside a group first, then over groups, so
    ``difference`` is exactly ``tuned_mean - base_mean`` and the groups are the independent units.
    What cannot be computed from so few groups, or without spread, is None.

    Attributes:
        t_interval: 95 % Student-t interval of the mean difference over groups.
        bootstrap_interval: 95 % expanded percentile interval, groups redrawn 5,000 times.
        p: two-sided sign-flip permutation p over groups.
        p_holm: ``p`` after Holm's correction over the criteria tested together.
        exact: whether all sign patterns were tried.
        dz: Cohen's dz, mean difference / standard deviation of the differences (groups).
        wins, ties, losses: items on which ``tuned`` is better, equal, worse.
        detectable: smallest true difference found with 80 % power by a two-sided t-test at 5 %
            with this number of groups and this standard deviation.
    """

    n_items: int
    n_groups: int
    base_mean: float
    tuned_mean: float
    difference: float
    t_interval: Interval | None
    bootstrap_interval: Interval | None
    p: float | None
    p_holm: float | None
    exact: bool
    dz: float | None
    wins: int
    ties: int
    losses: int
    detectable: float | None


@dataclass(frozen=True, slots=True)
class BinaryResult:
    """A yes/no measure on the items both models answered.

    Attributes:
        base_count, tuned_count: items with yes, of ``n``.
        base_interval, tuned_interval: Wilson 95 % intervals of the shares.
        gained: items on which only ``tuned`` says yes; ``lost``: only ``base``.
        p: exact two-sided McNemar p over items.
        p_grouped: sign-flip p over the net changes of the groups, for items that share a group
            are not independent; None below two groups.
    """

    n: int
    base_count: int
    tuned_count: int
    base_interval: Interval
    tuned_interval: Interval
    gained: int
    lost: int
    p: float
    p_grouped: float | None


def group_means(values: Mapping[str, float], groups: Mapping[str, str]) -> dict[str, float]:
    """Mean per group of ``values`` (item -> value), with ``groups`` item -> group."""
    members: defaultdict[str, list[float]] = defaultdict(list)
    for item, value in values.items():
        members[groups[item]].append(value)
    return {group: math.fsum(items) / len(items) for group, items in sorted(members.items())}


def grouped_mean(values: Mapping[str, float], groups: Mapping[str, str]) -> float | None:
    """Mean over groups of the mean inside each group; None without values."""
    means = group_means(values, groups)
    return math.fsum(means.values()) / len(means) if means else None


def t_interval(values: Sequence[float]) -> Interval | None:
    """95 % Student-t interval of the mean; None below two values."""
    if len(values) < 2:
        return None
    mean = float(np.mean(values))
    half = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * scipy.stats.sem(values))
    return mean - half, mean + half


def bootstrap_interval(values: Sequence[float]) -> Interval | None:
    """95 % expanded percentile bootstrap interval of the mean; None below two values."""
    if len(values) < 2:
        return None
    low, high = bootstrap_limits(np.asarray([values], dtype=float))[0]
    return float(low), float(high)


def sign_flip_test(differences: Sequence[float]) -> tuple[float | None, bool]:
    """Two-sided permutation test of a zero mean by flipping signs; ``(p, exact)``.

    All patterns are tried for up to 13 groups, else 10,000 seeded draws. None below two groups.
    """
    if len(differences) < 2:
        return None, False
    p = sign_flip_p(np.asarray([differences], dtype=float))[0]
    return float(p), is_exact(len(differences))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction, in the order given; None stays None and is not counted.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979), 65–70.
    """
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, index) in enumerate(known):
        running = max(running, min(1.0, p * (len(known) - rank)))
        adjusted[index] = running
    return adjusted


def smallest_detectable(sd: float, n: int) -> float | None:
    """Smallest true mean difference a paired t-test (5 %, two-sided) finds with 80 % power.

    Args:
        sd: standard deviation of the differences.
        n: number of independent units (groups).

    Returns:
        In the unit of ``sd``, from the noncentral t distribution; None for ``n`` < 3 or no spread.
    """
    if n < 3 or sd <= 0:
        return None
    df = n - 1
    critical = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, df)

    def missing_power(effect: float) -> float:
        # The far tail (a significant result in the wrong direction) is below 1e-5 here.
        return float(scipy.stats.nct.sf(critical, df, effect * math.sqrt(n))) - POWER

    return float(scipy.optimize.brentq(missing_power, 1e-6, 20.0)) * sd


def compare_paired(
    base: Mapping[str, float], tuned: Mapping[str, float], groups: Mapping[str, str]
) -> PairedResult | None:
    """Compare two models on the items present in both mappings (item -> value).

    Returns:
        The result with ``p_holm`` still equal to ``p``; None when no item is in both.
    """
    items = sorted(base.keys() & tuned.keys())
    if not items:
        return None
    difference = {item: tuned[item] - base[item] for item in items}
    per_group = list(group_means(difference, groups).values())
    sd = float(np.std(per_group, ddof=1)) if len(per_group) > 1 else 0.0
    # Rounding noise is neither spread nor a win.
    sd = sd if sd > 1e-9 else 0.0
    wins = sum(value > 1e-9 for value in difference.values())
    losses = sum(value < -1e-9 for value in difference.values())
    p, exact = sign_flip_test([0.0 if abs(value) <= 1e-9 else value for value in per_group])
    base_mean = grouped_mean({item: base[item] for item in items}, groups)
    tuned_mean = grouped_mean({item: tuned[item] for item in items}, groups)
    assert base_mean is not None and tuned_mean is not None  # items is not empty
    mean = tuned_mean - base_mean
    return PairedResult(
        n_items=len(items),
        n_groups=len(per_group),
        base_mean=base_mean,
        tuned_mean=tuned_mean,
        difference=mean,
        t_interval=t_interval(per_group),
        bootstrap_interval=bootstrap_interval(per_group),
        p=p,
        p_holm=p,
        exact=exact,
        dz=mean / sd if sd else None,
        wins=wins,
        ties=len(items) - wins - losses,
        losses=losses,
        detectable=smallest_detectable(sd, len(per_group)),
    )


def wilson(count: int, n: int) -> Interval:
    """Wilson 95 % interval of a share; (0, 1) when nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    interval = scipy.stats.binomtest(count, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def compare_binary(
    base: Mapping[str, bool], tuned: Mapping[str, bool], groups: Mapping[str, str]
) -> BinaryResult | None:
    """Compare a yes/no measure (item -> yes) on the items in both; None when there are none.

    The test is McNemar's exact one: a binomial test on the items where the models differ.
    """
    items = base.keys() & tuned.keys()
    if not items:
        return None
    gained = sum(tuned[item] and not base[item] for item in items)
    lost = sum(base[item] and not tuned[item] for item in items)
    base_count = sum(base[item] for item in items)
    tuned_count = sum(tuned[item] for item in items)
    p = scipy.stats.binomtest(gained, gained + lost, 0.5).pvalue if gained + lost else 1.0
    net: defaultdict[str, float] = defaultdict(float)
    for item in sorted(items):
        net[groups[item]] += tuned[item] - base[item]
    return BinaryResult(
        n=len(items),
        base_count=base_count,
        tuned_count=tuned_count,
        base_interval=wilson(base_count, len(items)),
        tuned_interval=wilson(tuned_count, len(items)),
        gained=gained,
        lost=lost,
        p=float(p),
        p_grouped=sign_flip_test(list(net.values()))[0],
    )
