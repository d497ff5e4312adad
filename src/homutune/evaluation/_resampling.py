"""Sign flips and redrawn groups, for many samples of one size at once.

Rows are samples and columns groups, so that the tests can simulate thousands of comparisons
through the very functions that a comparison uses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy  # loads scipy.stats at first use: half a second
from numpy.typing import NDArray

#: Seed of every random draw made here.
SEED = 42
#: Sign patterns tried; all of them (exact test) where there are no more than this.
PERMUTATIONS = 10_000
BOOTSTRAPS = 5_000
CONFIDENCE = 0.95
#: Draws made at once, so that memory does not grow with their number.
_BLOCK = 1_000

Matrix = NDArray[np.floating[Any]]


def is_exact(n: int) -> bool:
    """Whether all sign patterns of ``n`` groups are tried."""
    return n <= math.log2(PERMUTATIONS)


def sign_flip_p(differences: Matrix) -> Matrix:
    """Two-sided p of a zero mean for every row of ``differences`` (samples x groups).

    Under the null hypothesis each group's difference is as likely to have the other sign. With
    drawn patterns p = (extreme + 1) / (draws + 1), which keeps the level (Phipson and Smyth,
    Statistical Applications in Genetics and Molecular Biology 9, 2010, article 39).
    """
    n = differences.shape[1]
    # Equal sums may differ by rounding, and must count as equal.
    slack = 1e-12 * np.abs(differences).sum(axis=1)
    observed = np.abs(differences.sum(axis=1)) - slack
    extreme = np.zeros(len(differences))
    tried = 0
    for signs in _all_signs(n) if is_exact(n) else _drawn_signs(n):
        extreme += (np.abs(differences @ signs.T) >= observed[:, None]).sum(axis=1)
        tried += len(signs)
    unseen = 0 if is_exact(n) else 1
    p: Matrix = (extreme + unseen) / (tried + unseen)
    return p


def _all_signs(n: int) -> Iterator[Matrix]:
    patterns = np.arange(2**n)[:, None] >> np.arange(n) & 1
    yield patterns * 2.0 - 1


def _drawn_signs(n: int) -> Iterator[Matrix]:
    rng = np.random.default_rng(SEED)
    for _ in range(0, PERMUTATIONS, _BLOCK):
        yield rng.integers(0, 2, (_BLOCK, n)) * 2.0 - 1


def bootstrap_limits(values: Matrix) -> Matrix:
    """95 % expanded percentile limits of the mean of every row; shape (samples, 2).

    The plain percentile interval is too narrow for few groups: it divides by n where the
    variance wants n - 1, and takes z for t. The quantiles are therefore moved out to
    Φ(-√(n/(n-1)) t), as in T. Hesterberg, "What Teachers Should Know About the Bootstrap",
    The American Statistician 69 (2015), 371-386.
    """
    n = values.shape[1]
    t = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))
    tail = float(scipy.stats.norm.cdf(-math.sqrt(n / (n - 1)) * t))
    rng = np.random.default_rng(SEED)
    # How often each group is drawn, instead of which: the mean is then one product.
    means = [
        values @ (rng.multinomial(n, [1 / n] * n, _BLOCK) / n).T
        for _ in range(0, BOOTSTRAPS, _BLOCK)
    ]
    limits: Matrix = np.quantile(np.concatenate(means, axis=1), [tail, 1 - tail], axis=1).T
    return limits
