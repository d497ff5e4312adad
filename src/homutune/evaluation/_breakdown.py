"""A comparison by kind, field and difficulty of the question: where it was won and lost.

Only descriptive: the slices hold few items, so there are intervals here and no tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from homutune.data import Example
from homutune.evaluation._run_files import Run
from homutune.evaluation._scoring import CRITERIA, FLAGS
from homutune.evaluation._statistics import Interval, group_means, grouped_mean, t_interval
from homutune.evaluation._summary import criterion_values, flag_values, groups_of

T = TypeVar("T")

FEWEST_GROUPS = 5

#: ``homutune.data.CASES`` in words; "" is a question without a case.
CASE_LABELS = {
    "": "ふつうの質問",
    "single": "資料1枚で答えられる",
    "two_cards": "資料が2枚いる",
    "near_miss": "紛らわしい資料がある",
    "partial": "一部だけ答えられる",
    "false_premise": "質問の前提が誤り",
}
#: Way of slicing -> (what a reader sees, value of an item; None leaves it out).
BREAKDOWNS: dict[str, tuple[str, Callable[[Example], str | None]]] = {
    "kind": ("質問の種類", lambda item: item.meta.kind),
    "field": ("分野", lambda item: item.meta.field),
    "case": ("問題の型", lambda item: CASE_LABELS.get(item.meta.case or "", item.meta.case)),
}


@dataclass(frozen=True, slots=True)
class Slice:
    """The items of one kind, field or case.

    Attributes:
        means: criterion -> (mean of base, mean of tuned) over groups.
        intervals: criterion -> 95 % Student-t interval of the difference over groups; None for
            fewer than five, where it would be wider than the scale.
        flags: flag -> (items with yes in base, in tuned, items in all).
    """

    n_items: int
    n_groups: int
    means: dict[str, tuple[float, float]] = field(default_factory=dict)
    intervals: dict[str, Interval | None] = field(default_factory=dict)
    flags: dict[str, tuple[int, int, int]] = field(default_factory=dict)


def break_down(base: Run, tuned: Run) -> dict[str, dict[str, Slice]]:
    """Way of slicing -> name of the slice -> the slice, over items that both models answered.

    A way that does not divide the items is left out.
    """
    paired = base.scores.keys() & tuned.scores.keys()
    result = {}
    for way, (_, value_of) in BREAKDOWNS.items():
        members: dict[str, set[str]] = {}
        for item in base.items:
            value = value_of(item)
            if item.meta.id in paired and value is not None:
                members.setdefault(value, set()).add(item.meta.id)
        if len(members) > 1:
            result[way] = {name: _slice(base, tuned, members[name]) for name in sorted(members)}
    return result


def _slice(base: Run, tuned: Run, keys: set[str]) -> Slice:
    groups = groups_of(base.scores)
    found = Slice(len(keys), len({groups[key] for key in keys}))
    for name in CRITERIA:
        before = _only(criterion_values(base.scores, name), keys)
        after = _only(criterion_values(tuned.scores, name), keys)
        both = before.keys() & after.keys()
        one = grouped_mean({key: before[key] for key in both}, groups)
        two = grouped_mean({key: after[key] for key in both}, groups)
        if one is not None and two is not None:
            changes = group_means({key: after[key] - before[key] for key in both}, groups)
            found.means[name] = (one, two)
            enough = len(changes) >= FEWEST_GROUPS
            found.intervals[name] = t_interval(list(changes.values())) if enough else None
    for flag in FLAGS:
        yes_before = _only(flag_values(base.scores, flag), keys)
        yes_after = _only(flag_values(tuned.scores, flag), keys)
        asked = yes_before.keys() & yes_after.keys()
        if asked:
            counts = [sum(yes[key] for key in asked) for yes in (yes_before, yes_after)]
            found.flags[flag] = (counts[0], counts[1], len(asked))
    return found


def _only(values: Mapping[str, T], keys: set[str]) -> dict[str, T]:
    return {key: value for key, value in values.items() if key in keys}
