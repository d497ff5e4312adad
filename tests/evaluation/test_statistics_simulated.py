"""The statistics keep their promises in thousands of simulated evaluations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from homutune.evaluation import _statistics as s
from homutune.evaluation._resampling import bootstrap_limits, sign_flip_p

Matrix = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Matrix]
#: A rate of 5 % is then known to 0.15 points (one standard error).
SAMPLES = 20_000


def normal(rng: np.random.Generator, samples: int, n: int) -> Matrix:
    return rng.normal(0.0, 1.0, (samples, n))


def ratings(rng: np.random.Generator, samples: int, n: int) -> Matrix:
    """Differences of two 1-to-5 ratings of the same answers: discrete, many ties."""
    quality = rng.normal(0, 0.8, (samples, n))
    one, two = (
        np.clip(np.round(3.2 + quality + rng.normal(0, 0.8, (samples, n))), 1, 5) for _ in "ab"
    )
    return two - one


def shares(rng: np.random.Generator, samples: int, n: int) -> Matrix:
    """Differences of rubric shares, three points an item, items of unequal difficulty."""
    chance = rng.beta(2, 2, (samples, n))
    return (rng.binomial(3, chance) - rng.binomial(3, chance)) / 3


def clusters(rng: np.random.Generator, samples: int, n: int) -> Matrix:
    """Group means of one to four items that share the group's own effect."""
    sizes = np.resize([1, 2, 3, 4], n)
    return rng.normal(0, 0.5, (samples, n)) + rng.normal(0, 1, (samples, n)) / np.sqrt(sizes)


DRAWS = [normal, ratings, shares, clusters]


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("n", [30, 100])
def test_intervals_cover_the_truth_in_93_to_97_percent(draw: Draw, n: int) -> None:
    truth = 0.3
    values = draw(np.random.default_rng(n), 2000, n) + truth
    student = np.array([s.t_interval(list(row)) for row in values])
    drawn = np.concatenate([bootstrap_limits(values[k : k + 500]) for k in range(0, 2000, 500)])
    for limits in (student, drawn):
        covered = np.mean((limits[:, 0] <= truth) & (truth <= limits[:, 1]))
        assert 0.93 <= covered <= 0.97


@pytest.mark.parametrize(
    ("draw", "n"),
    [(normal, 10), (ratings, 10), (normal, 30), (ratings, 30), (clusters, 30), (shares, 100)],
)
def test_sign_flips_cry_wolf_in_at_most_5_5_percent(draw: Draw, n: int) -> None:
    assert np.mean(flipped(draw(np.random.default_rng(n), SAMPLES, n)) < 0.05) <= 0.055


def flipped(differences: Matrix) -> Matrix:
    """The p values, in portions that fit into memory."""
    parts = range(0, len(differences), 4000)
    return np.concatenate([sign_flip_p(differences[k : k + 4000]) for k in parts])


def test_sign_flips_see_what_a_t_test_sees() -> None:
    values = normal(np.random.default_rng(1), 1000, 30) + 0.5
    by_flips = np.mean(sign_flip_p(values) < 0.05)
    by_t = np.mean(stats.ttest_1samp(values, 0, axis=1).pvalue < 0.05)
    assert by_flips == pytest.approx(by_t, abs=0.02) and by_t > 0.7


def test_four_criteria_together_cry_wolf_in_at_most_5_5_percent() -> None:
    rng = np.random.default_rng(11)
    shared = rng.normal(0, 1, (4000, 30))
    p = np.array([sign_flip_p(0.5 * shared + normal(rng, 4000, 30)) for _ in range(4)])
    uncorrected = np.mean((p < 0.05).any(axis=0))
    corrected = np.mean([min(x for x in s.holm(list(row)) if x is not None) < 0.05 for row in p.T])
    assert corrected <= 0.055 < 0.1 < uncorrected


@pytest.mark.parametrize("n", [30, 100])
def test_mcnemar_cries_wolf_in_at_most_5_5_percent(n: int) -> None:
    rng = np.random.default_rng(n)
    items = [str(number) for number in range(n)]
    groups = {item: item for item in items}
    wrong = 0
    for _ in range(500):
        chance = rng.beta(2, 2, n)
        base, tuned = (
            dict(zip(items, (rng.random(n) < chance).tolist(), strict=True)) for _ in "ab"
        )
        result = s.compare_binary(base, tuned, groups)
        assert result is not None
        wrong += result.p < 0.05
    assert wrong / 500 <= 0.055
