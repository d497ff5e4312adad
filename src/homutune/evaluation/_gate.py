"""A gate for continuous integration: may this model replace that one?

Non-inferiority, not improvement: the candidate passes when it is shown to be no worse than the
margin allows, and when no deterministic check fails more often than before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homutune.errors import UserError
from homutune.evaluation._comparison import Comparison, RunPairs
from homutune.evaluation._exams import CONDITIONS
from homutune.evaluation._run_files import Run
from homutune.evaluation._scoring import CRITERIA, FEW_IS_GOOD, FLAGS
from homutune.evaluation._summary import flag_values


@dataclass(frozen=True, slots=True)
class GateLine:
    """One thing the gate looked at.

    Attributes:
        value: for a criterion the lower limit of the 95 % interval of the difference, for a
            check how many more items fail; None where it could not be computed.
        limit: what ``value`` was held against: at least that for a criterion, at most for a check.
        items: for a check that got worse the items that passed before and fail now.
    """

    condition: str
    name: str
    kind: str
    passed: bool
    value: float | None
    limit: float
    reason: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateResult:
    """All lines; the gate opens when every one passed."""

    base: str
    candidate: str
    dataset: str
    lines: tuple[GateLine, ...]

    @property
    def passed(self) -> bool:
        """Whether the candidate may replace the base."""
        return all(line.passed for line in self.lines)


def check_gate(
    comparison: Comparison,
    pairs: RunPairs,
    *,
    margin: float = 0.05,
    allowed: int = 0,
    criteria: Sequence[str] = ("correctness",),
) -> GateResult:
    """Hold the comparison against the margin.

    Args:
        margin: largest acceptable loss in a criterion, on its scale from 0 to 1.
        allowed: how many more items a deterministic check may fail.
        criteria: what must not be worse, under every condition measured. All of them must pass,
            so no correction for their number is due (intersection-union test).

    Raises:
        UserError: the margin is no share, or nothing was measured that could be held against it.
    """
    if not 0 <= margin < 1 or allowed < 0:
        raise UserError(
            "--margin は0以上1未満、--allow は0以上で指定してください。",
            remedy="例：--margin 0.05 --allow 0",
        )
    lines: list[GateLine] = []
    for name, condition in comparison.conditions.items():
        label = CONDITIONS[name].label
        for key, result in condition.criteria.items():
            if key not in criteria:
                continue
            low = result.t_interval[0] if result.t_interval else None
            passed = low is not None and low >= -margin
            reason = (
                "グループが1つしかなく、信頼区間を計算できません"
                if low is None
                else f"差の信頼区間の下限 {low:+.3f}（許容 {-margin:+.3f} 以上）"
            )
            lines.append(GateLine(label, CRITERIA[key], "criterion", passed, low, -margin, reason))
        base, candidate = pairs[name]
        lines += [_check(label, flag, base, candidate, allowed) for flag in condition.flags]
        lines.append(_missing(label, base, candidate))
    if not any(line.kind == "criterion" for line in lines):
        raise UserError(
            "合否を決める点数がありません。",
            remedy="homutune eval run --plan all で、資料つきか資料なしの条件を評価してください。",
        )
    return GateResult(comparison.base, comparison.tuned, comparison.dataset, tuple(lines))


def _check(label: str, flag: str, base: Run, candidate: Run, allowed: int) -> GateLine:
    before, after = _passes(base, flag), _passes(candidate, flag)
    both = before.keys() & after.keys()
    lost = sorted(key for key in both if before[key] and not after[key])
    gained = sum(after[key] and not before[key] for key in both)
    more = len(lost) - gained
    passed = more <= allowed
    reason = f"不合格の増減 {more:+d}問（合格→不合格 {len(lost)}、不合格→合格 {gained}）"
    worse = () if passed else tuple(lost)
    return GateLine(label, FLAGS[flag], "check", passed, float(more), float(allowed), reason, worse)


def _missing(label: str, base: Run, candidate: Run) -> GateLine:
    """Answers that failed to come may not become more: what is missing is not scored."""
    more = len(candidate.missing) - len(base.missing)
    reason = f"答えのない質問 {len(base.missing)}問 → {len(candidate.missing)}問"
    lost = tuple(sorted(set(candidate.missing) - set(base.missing)))
    return GateLine(label, "欠測", "check", more <= 0, float(more), 0.0, reason, lost)


def _passes(run: Run, flag: str) -> Mapping[str, bool]:
    wanted = flag not in FEW_IS_GOOD
    return {key: value == wanted for key, value in flag_values(run.scores, flag).items()}
