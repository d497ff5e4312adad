"""The statistics against scipy, hand-computed values and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from homutune.evaluation import _statistics as s

DIFFERENCES = [0.5, 0.2, -0.1, 0.4, 0.3, 0.0, 0.6]


def test_t_interval_is_scipys() -> None:
    expected = stats.ttest_1samp(DIFFERENCES, 0).confidence_interval(0.95)
    assert s.t_interval(DIFFERENCES) == pytest.approx((expected.low, expected.high))


def test_one_group_has_no_interval_and_no_p() -> None:
    assert s.t_interval([0.4]) is None
    assert s.bootstrap_interval([0.4]) is None
    assert s.sign_flip_test([0.4]) == (None, False)


def test_sign_flip_test_counts_all_patterns() -> None:
    observed = abs(sum(DIFFERENCES))
    extreme = [
        abs(sum(sign * d for sign, d in zip(signs, DIFFERENCES, strict=True))) >= observed - 1e-12
        for signs in itertools.product((1, -1), repeat=len(DIFFERENCES))
    ]
    p, exact = s.sign_flip_test(DIFFERENCES)
    assert exact
    assert p == pytest.approx(sum(extreme) / len(extreme))


def test_five_equal_groups_cannot_reach_five_percent() -> None:
    assert s.sign_flip_test([0.5] * 5)[0] == pytest.approx(2 / 32)


def test_sign_flip_test_of_many_groups_is_drawn_and_repeatable() -> None:
    rng = np.random.default_rng(1)
    values = list(rng.normal(0.3, 1, 40))
    p, exact = s.sign_flip_test(values)
    assert not exact
    assert s.sign_flip_test(values) == (p, exact)
    assert p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.03)


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.02, 0.04 -> x3, x2, x1; then never decreasing
    assert s.holm([0.04, None, 0.01, 0.02]) == pytest.approx([0.04, None, 0.03, 0.04])
    assert s.holm([0.6, 0.5]) == [1.0, 1.0]
    assert s.holm([]) == []


def test_smallest_detectable_difference_is_found_with_80_percent_power() -> None:
    n, sd = 18, 0.35
    effect = s.smallest_detectable(sd, n)
    assert effect is not None
    samples = np.random.default_rng(3).normal(effect, sd, (4000, n))
    found = stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.80, abs=0.02)


def test_smallest_detectable_difference_needs_spread_and_groups() -> None:
    assert s.smallest_detectable(0.0, 20) is None
    assert s.smallest_detectable(0.3, 2) is None


def test_paired_comparison_weighs_groups_equally() -> None:
    base = {"a1": 0.0, "a2": 0.0, "a3": 0.0, "b1": 0.2, "c1": 0.5, "only-base": 0.9}
    tuned = {"a1": 1.0, "a2": 1.0, "a3": 1.0, "b1": 0.2, "c1": 0.3, "only-tuned": 0.9}
    groups = {key: key[0] for key in base | tuned}
    result = s.compare_paired(base, tuned, groups)
    assert result is not None
    assert (result.n_items, result.n_groups) == (5, 3)
    assert (result.wins, result.ties, result.losses) == (3, 1, 1)
    differences = [1.0, 0.0, -0.2]
    assert result.difference == pytest.approx(np.mean(differences))
    assert result.tuned_mean - result.base_mean == pytest.approx(result.difference)
    assert result.dz == pytest.approx(np.mean(differences) / np.std(differences, ddof=1))


def test_equal_models_differ_by_nothing() -> None:
    values = {f"{n}": n / 10 for n in range(8)}
    result = s.compare_paired(values, dict(values), {key: key for key in values})
    assert result is not None
    assert (result.difference, result.p, result.dz, result.detectable) == (0, 1.0, None, None)
    assert s.compare_paired({"a": 1.0}, {"b": 1.0}, {}) is None


def test_wilson_interval_by_formula() -> None:
    low, high = s.wilson(20, 26)
    z, share, n = 1.959964, 20 / 26, 26
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=1e-6)
    assert s.wilson(0, 0) == (0.0, 1.0)


def test_mcnemar_counts_only_the_items_that_differ() -> None:
    base = {f"{n}": n < 2 for n in range(12)}
    tuned = {f"{n}": 1 <= n < 10 for n in range(12)}
    groups = {key: key for key in base}
    result = s.compare_binary(base, tuned, groups)
    assert result is not None
    assert (result.base_count, result.tuned_count, result.n) == (2, 9, 12)
    assert (result.gained, result.lost) == (8, 1)
    # two-sided exact binomial: 2 * (C(9,0) + C(9,1)) / 2^9
    assert result.p == pytest.approx(2 * 10 / 512)
    same = s.compare_binary(base, base, groups)
    assert same is not None and same.p == 1.0


def test_items_of_one_group_do_not_count_as_independent() -> None:
    base = {f"{n}": False for n in range(12)}
    tuned = dict.fromkeys(base, True)
    result = s.compare_binary(base, tuned, {key: str(int(key) // 3) for key in base})
    assert result is not None
    assert result.p < 0.001
    assert result.p_grouped == pytest.approx(2 / 16)  # four groups, one direction
    alone = s.compare_binary(base, tuned, dict.fromkeys(base, "one"))
    assert alone is not None and alone.p_grouped is None
