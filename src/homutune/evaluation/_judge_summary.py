"""What a judge says of two runs, and what there is against believing it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TypeVar

import scipy  # loads scipy.stats at first use: half a second

from homutune.evaluation._agreement import LengthSlope, Trust, length_slope, trust
from homutune.evaluation._judge_runs import Judged
from homutune.evaluation._judging import MISSING
from homutune.evaluation._run_files import Run
from homutune.evaluation._scoring import CRITERIA
from homutune.evaluation._statistics import PairedResult, compare_paired, holm, sign_flip_test
from homutune.evaluation._summary import groups_of
from homutune.law import normalize

#: People's ratings: criterion -> (run id, item) -> rater -> 1 to 5.
Ratings = Mapping[str, Mapping[tuple[str, str], Mapping[str, int]]]

#: From this share of verdicts turning with the order on, the judge looks at the place.
FLIPS_FLAGGED = 0.3
ALPHA = 0.05

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PairSummary:
    """Pairwise verdicts of one criterion; a win counts only if it survives the swap.

    Attributes:
        wins, ties, losses: items on which ``tuned`` is better, equal, worse.
        missing: items with an order that has no verdict.
        flipped: items whose verdict changed with the order; they are among the ties.
        p: sign-flip p over the groups' net wins, Holm-corrected over the criteria judged; None
            below two groups.
        first: decided verdicts for the answer shown first, ``decided``: all decided ones.
        length: slope of the outcome (1, 0, -1) on how often longer ``tuned`` is, in doublings.
        longer: surviving wins of the longer answer.
    """

    wins: int
    ties: int
    losses: int
    missing: int
    flipped: int
    p: float | None
    first: int
    decided: int
    length: LengthSlope | None
    longer: int

    @property
    def flip_rate(self) -> float | None:
        """Share of the judged items whose verdict changed with the order."""
        judged = self.wins + self.ties + self.losses
        return self.flipped / judged if judged else None

    @property
    def by_place(self) -> bool:
        """Whether the judge prefers a place: many flips, or one place chosen too often."""
        rate = self.flip_rate
        if rate is None:
            return False
        uneven = (
            scipy.stats.binomtest(self.first, self.decided).pvalue < ALPHA
            if self.decided
            else False
        )
        return rate >= FLIPS_FLAGGED or bool(uneven)

    @property
    def by_length(self) -> bool:
        """Whether length explains the outcome, or cannot be told apart from quality."""
        won = self.wins + self.losses
        always = won >= 10 and self.longer >= 0.9 * won
        return always or (self.length is not None and self.length.flagged)


@dataclass(frozen=True, slots=True)
class JudgeResult:
    """One judge on two runs.

    Attributes:
        criteria: paired result on scores 1 to 5, Holm-corrected over those present.
        lengths: criterion -> slope of the score on the length of the answer.
        trusts: criterion -> the judge held against people; absent without ratings.
        asked, missing: verdicts asked for; reason in words -> how many are missing.
        warnings: Japanese sentences against believing the judge, most serious first.
    """

    judge: str
    prompts: str
    base: str
    tuned: str
    criteria: dict[str, PairedResult]
    pairs: dict[str, PairSummary]
    lengths: dict[str, LengthSlope]
    trusts: dict[str, Trust]
    asked: int
    missing: dict[str, int]
    warnings: list[str] = field(default_factory=list)

    @property
    def believed(self) -> bool:
        """Whether people agree with the judge on every criterion it scored."""
        return bool(self.criteria) and all(
            name in self.trusts and self.trusts[name].believed for name in self.criteria
        )


def summarize_judge(judged: Judged, base: Run, tuned: Run, ratings: Ratings) -> JudgeResult:
    """Put the verdicts together; averages and tests as for the rules' scores."""
    groups = groups_of(base.scores)
    by_run: dict[str, dict[str, dict[str, float]]] = {name: {} for name in CRITERIA}
    for (run, name, item), verdict in judged.scores.items():
        if verdict.value is not None:
            by_run[name].setdefault(run, {})[item] = float(verdict.value)
    criteria, lengths, trusts = {}, {}, {}
    for name, runs in by_run.items():
        result = compare_paired(runs.get(base.config.id, {}), runs.get(tuned.config.id, {}), groups)
        if result is not None:
            criteria[name] = result
        scores = {(run, item): int(v) for run, items in runs.items() for item, v in items.items()}
        sizes = {
            key: _length(base if key[0] == base.config.id else tuned, key[1]) for key in scores
        }
        slope = _slope_inside_runs(scores, sizes)
        if slope is not None:
            lengths[name] = slope
        held = trust(_named(scores), _named(ratings.get(name, {})), _named(sizes))
        if held is not None:
            trusts[name] = held
    corrected = holm([result.p for result in criteria.values()])
    criteria = {
        name: replace(result, p_holm=p)
        for (name, result), p in zip(criteria.items(), corrected, strict=True)
    }
    pairs = {
        name: _pair_summary(judged, name, base, tuned, groups)
        for name in CRITERIA
        if any(key[0] == name for key in judged.pairs)
    }
    by_holm = holm([pair.p for pair in pairs.values()])
    pairs = {
        name: replace(pair, p=p) for (name, pair), p in zip(pairs.items(), by_holm, strict=True)
    }
    found = JudgeResult(
        judge=judged.judge,
        prompts=judged.prompts,
        base=base.config.model,
        tuned=tuned.config.model,
        criteria=criteria,
        pairs=pairs,
        lengths=lengths,
        trusts=trusts,
        asked=judged.asked,
        missing={MISSING.get(reason, reason): n for reason, n in judged.missing.items()},
    )
    return replace(found, warnings=_warnings(found))


def _slope_inside_runs(
    scores: Mapping[tuple[str, str], int], sizes: Mapping[tuple[str, str], int]
) -> LengthSlope | None:
    """Slope of the score on the length, both as deviations from the mean of their run.

    Otherwise a better model that writes more would make every judge look biased.
    """
    values, doublings = [], []
    for run in dict.fromkeys(run for run, _ in scores):
        keys = [key for key in scores if key[0] == run]
        logs = [math.log2(max(1, sizes[key])) for key in keys]
        values += [scores[key] - fmean(scores[k] for k in keys) for key in keys]
        doublings += [log - fmean(logs) for log in logs]
    return length_slope(values, doublings)


def _named(values: Mapping[tuple[str, str], T]) -> dict[str, T]:
    return {f"{run}/{item}": value for (run, item), value in values.items()}


def _length(run: Run, item: str) -> int:
    return len(normalize(run.answers[item].text or ""))


def _pair_summary(
    judged: Judged, name: str, base: Run, tuned: Run, groups: Mapping[str, str]
) -> PairSummary:
    outcomes: dict[str, int] = {}
    missing = flipped = first = decided = 0
    for (criterion, item), (one, two) in judged.pairs.items():
        if criterion != name:
            continue
        chosen = [verdict.value for verdict in (one, two)]
        first += chosen.count("1")
        decided += chosen.count("1") + chosen.count("2")
        if None in chosen:
            missing += 1
            continue
        # Base stood first, then tuned.
        tuned_is = {("2", "1"): 1, ("1", "2"): -1}
        outcomes[item] = tuned_is.get((str(chosen[0]), str(chosen[1])), 0)
        flipped += outcomes[item] == 0 and chosen != ["tie", "tie"]
    doublings = {
        item: math.log2(max(1, _length(tuned, item)) / max(1, _length(base, item)))
        for item in outcomes
    }
    net: dict[str, float] = {}
    for item, outcome in sorted(outcomes.items()):
        net[groups[item]] = net.get(groups[item], 0.0) + outcome
    values = list(outcomes.values())
    return PairSummary(
        wins=values.count(1),
        ties=values.count(0),
        losses=values.count(-1),
        missing=missing,
        flipped=flipped,
        p=sign_flip_test(list(net.values()))[0],
        first=first,
        decided=decided,
        length=length_slope(values, [doublings[item] for item in outcomes]),
        longer=sum(outcome * doublings[item] > 0 for item, outcome in outcomes.items()),
    )


def _warnings(result: JudgeResult) -> list[str]:
    found = []
    count = sum(result.missing.values())
    if count == result.asked:
        found.append("判定をひとつも読み取れませんでした。この審査員は使えません。")
    elif count:
        found.append(f"{result.asked}件のうち{count}件の判定を読み取れず、欠測にしました。")
    if result.judge in (result.base, result.tuned):
        found.append("審査員が、採点されるモデル自身です。自分の答えを高く採点しがちです。")
    place = [CRITERIA[name] for name, pair in result.pairs.items() if pair.by_place]
    if place:
        found.append(f"回答の並ぶ順番で判定が変わります（{'・'.join(place)}）。")
    beyond = [CRITERIA[n] for n, t in result.trusts.items() if t.length and t.length.flagged]
    if beyond:
        found.append(f"人よりも、長い回答を高く評価しています（{'・'.join(beyond)}）。")
    # With people's ratings the question is settled above; without, it can only be raised.
    settled = {name for name, held in result.trusts.items() if held.length is not None}
    length = [
        CRITERIA[name]
        for name in CRITERIA
        if (name in result.pairs and result.pairs[name].by_length)
        or (name in result.lengths and name not in settled and result.lengths[name].flagged)
    ]
    if length:
        found.append(
            "長い回答ほど高く評価しています。長さで選んだのか、長い回答のほうが良かったのか、"
            f"切り分けられません（{'・'.join(length)}）。"
        )
    if not result.trusts:
        found.append("人の採点と比べていないため、この点数は信じる根拠がまだありません。")
    elif not result.believed:
        found.append("人の採点との一致が足りないか、比べた件数が30件に足りません。")
    if result.judge.startswith("mock:"):
        found.insert(0, "規則で答える模擬審査員の結果です。見本であり、評価ではありません。")
    return found
