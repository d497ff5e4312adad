"""Agreement coefficients against published values, and what makes a judge believable."""

from __future__ import annotations

import numpy as np
import pytest

from homutune.evaluation import _agreement as a

#: Twelve units, four raters, missing ratings: the example of Krippendorff that ships with the
#: irrCAC package of Gwet (cac.raw4raters).
FOUR_RATERS = """
1 1 . 1
2 2 3 2
3 3 3 3
3 3 3 3
2 2 2 2
1 2 3 4
4 4 4 4
1 1 2 1
2 2 2 2
. 5 5 5
. . 1 1
. . 3 .
"""
#: Two abstractors, 100 patients, nominal scale (cont3x3abstractors of the same package).
ABSTRACTORS = [[13, 0, 0], [0, 20, 7], [0, 4, 56]]


def four_raters() -> list[dict[str, int]]:
    return [
        {str(n): int(cell) for n, cell in enumerate(line.split()) if cell != "."}
        for line in FOUR_RATERS.strip().splitlines()
    ]


def test_ac1_of_published_examples() -> None:
    # irrCAC: gwet.ac1.raw(cac.raw4raters) 0.77544, gwet.ac1.table(cont3x3abstractors) 0.8493305.
    assert a.gwet_ac2(four_raters(), weighted=False) == pytest.approx(0.77544, abs=5e-6)
    pairs = [
        {"one": row, "two": column}
        for row in range(3)
        for column in range(3)
        for _ in range(ABSTRACTORS[row][column])
    ]
    found = a.gwet_ac2(pairs, categories=(0, 1, 2), weighted=False)
    assert found == pytest.approx(0.8493305, abs=5e-8)


def test_ac2_with_quadratic_weights_of_a_published_example() -> None:
    # irrCAC 0.4 for Python, CAC(raw_4raters(), weights="quadratic").gwet(): 0.914.
    assert a.gwet_ac2(four_raters()) == pytest.approx(0.914, abs=5e-4)


def test_ac2_knows_agreement_and_chance() -> None:
    assert a.gwet_ac2([{"x": 5, "y": 5}] * 3 + [{"x": 2, "y": 2}]) == 1.0
    rng = np.random.default_rng(0)
    random = [{"x": int(x), "y": int(y)} for x, y in rng.integers(1, 6, (4000, 2))]
    assert a.gwet_ac2(random) == pytest.approx(0.0, abs=0.04)
    assert a.gwet_ac2([{"x": 5}, {}]) is None


def test_skewed_ratings_fool_kappa_and_not_ac2() -> None:
    one = [5] * 45 + [4, 4, 4] + [5, 4]
    two = [5] * 45 + [5, 5, 5] + [4, 5]
    kappa = a.weighted_kappa(one, two)
    ac2 = a.gwet_ac2([{"x": x, "y": y} for x, y in zip(one, two, strict=True)])
    assert kappa is not None and ac2 is not None
    assert kappa < 0.3 and ac2 > 0.9
    assert a.weighted_kappa([5, 5], [5, 5]) is None


def test_rank_correlation_needs_variation() -> None:
    assert a.rank_correlation([1, 2, 3], [2, 4, 9]) == pytest.approx(1.0)
    assert a.rank_correlation([1, 2, 3], [4, 4, 4]) is None


def rated(n: int, judge_extra: float = 0.0) -> a.Trust:
    """A judge who agrees with two people but gives ``judge_extra`` points for each doubling."""
    rng = np.random.default_rng(3)
    people, judge, lengths = {}, {}, {}
    for number in range(n):
        key, quality, doublings = str(number), rng.uniform(1.5, 4.5), rng.uniform(-1, 1)
        noisy = (quality + rng.normal(0, 0.3, 2)).round().clip(1, 5)
        people[key] = {"山田": int(noisy[0]), "佐藤": int(noisy[1])}
        judge[key] = int(np.clip(round(quality + judge_extra * doublings), 1, 5))
        lengths[key] = int(200 * 2**doublings)
    found = a.trust(judge, people, lengths)
    assert found is not None
    return found


def test_a_judge_is_believed_only_with_agreement_on_enough_answers() -> None:
    good = rated(60)
    assert good.believed and good.n == good.n_double == 60
    assert good.ac2 is not None and good.ac2 > 0.8
    assert good.people_ac2 is not None and good.people_ac2 > 0.8
    assert good.length is not None and not good.length.flagged
    assert not rated(20).believed


def test_a_judge_that_pays_for_length_is_not_believed() -> None:
    biased = rated(60, judge_extra=1.2)
    assert biased.length is not None and biased.length.flagged
    assert biased.length.slope == pytest.approx(1.0, abs=0.4)
    assert not biased.believed


def test_without_common_answers_there_is_nothing_to_say() -> None:
    assert a.trust({"a": 3}, {"b": {"山田": 3}}, {"a": 10}) is None
