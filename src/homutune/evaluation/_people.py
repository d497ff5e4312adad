"""What people say of two runs, as far as they rated both answers to an item."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from homutune.evaluation._agreement import gwet_ac2
from homutune.evaluation._blind import ratings_by_rater
from homutune.evaluation._judge_summary import Ratings
from homutune.evaluation._run_files import Run
from homutune.evaluation._scoring import CRITERIA
from homutune.evaluation._statistics import PairedResult, compare_paired, holm
from homutune.evaluation._summary import groups_of


@dataclass(frozen=True, slots=True)
class PeopleResult:
    """Ratings by people, averaged over the raters of an answer first.

    Attributes:
        raters: number of people.
        criteria: paired result on ratings 1 to 5, Holm-corrected over those present.
        agreement: criterion -> (Gwet's AC2 among the people, answers rated by two or more).
    """

    raters: int
    criteria: dict[str, PairedResult]
    agreement: dict[str, tuple[float | None, int]]


def summarize_people(base: Run, tuned: Run, ratings: Ratings) -> PeopleResult | None:
    """Compare two runs by people's ratings; None where no item was rated in both."""
    groups = groups_of(base.scores)
    criteria: dict[str, PairedResult] = {}
    agreement: dict[str, tuple[float | None, int]] = {}
    raters: set[str] = set()
    for name in CRITERIA:
        given = {
            key: scores
            for key, scores in ratings.get(name, {}).items()
            if key[0] in (base.config.id, tuned.config.id)
        }
        means = [
            {
                item: sum(scores.values()) / len(scores)
                for (run_id, item), scores in given.items()
                if run_id == run.config.id and item in groups
            }
            for run in (base, tuned)
        ]
        result = compare_paired(means[0], means[1], groups)
        if result is not None:
            criteria[name] = result
            raters |= {rater for scores in given.values() for rater in scores}
            double = [scores for scores in given.values() if len(scores) > 1]
            agreement[name] = (gwet_ac2(double), len(double))
    if not criteria:
        return None
    corrected = holm([result.p for result in criteria.values()])
    criteria = {
        name: replace(result, p_holm=p)
        for (name, result), p in zip(criteria.items(), corrected, strict=True)
    }
    return PeopleResult(len(raters), criteria, agreement)


@dataclass(frozen=True, slots=True)
class SheetAgreement:
    """How far the people who rated one sheet agree, without a word about the models.

    Attributes:
        raters: number of people who rated anything on it.
        criteria: criterion -> (Gwet's AC2, answers rated by two or more); None below two raters.
    """

    raters: int
    criteria: dict[str, tuple[float | None, int]]


def sheet_agreement(home: Path, sheet: str) -> SheetAgreement:
    """Agreement among the raters of a sheet."""
    people = {rater: given for rater, given in ratings_by_rater(home, sheet).items() if given}
    criteria: dict[str, tuple[float | None, int]] = {}
    for name in CRITERIA:
        marks: dict[str, dict[str, int]] = {}
        for rater, given in people.items():
            for code, scores in given.items():
                if name in scores:
                    marks.setdefault(code, {})[rater] = scores[name]
        double = [each for each in marks.values() if len(each) > 1]
        criteria[name] = (gwet_ac2(double), len(double))
    return SheetAgreement(len(people), criteria)
