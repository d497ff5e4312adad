"""What people and judges say of two runs: beside the rules' scores, never mixed with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from homutune.evaluation._blind import load_ratings
from homutune.evaluation._judge_runs import judges_of, load_judged
from homutune.evaluation._judge_summary import JudgeResult, summarize_judge
from homutune.evaluation._people import PeopleResult, summarize_people
from homutune.evaluation._run_files import Run


@dataclass(frozen=True, slots=True)
class Opinions:
    """People's ratings, if any, and the result of every judge that went over both runs."""

    people: PeopleResult | None = None
    judges: tuple[JudgeResult, ...] = ()


def read_opinions(home: Path, base: Run, tuned: Run) -> Opinions:
    """Everything said so far about these two runs."""
    ratings = load_ratings(home)
    judges = []
    for name in sorted({*judges_of(base), *judges_of(tuned)}):
        judged = load_judged(base, tuned, name)
        if judged is not None:
            judges.append(summarize_judge(judged, base, tuned, ratings))
    return Opinions(summarize_people(base, tuned, ratings), tuple(judges))
