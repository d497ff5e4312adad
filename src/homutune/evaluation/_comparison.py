"""Base against tuned: paired by item, clustered by group, one primary endpoint declared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from homutune.data import Dataset
from homutune.errors import UserError
from homutune.evaluation._breakdown import Slice, break_down
from homutune.evaluation._exams import CONDITIONS
from homutune.evaluation._run_files import Run, RunConfig, finished_runs, load_run, runs_folder
from homutune.evaluation._safeguards import (
    Leakage,
    NoteRivals,
    find_leakage,
    mark_scale,
    note_rivals,
)
from homutune.evaluation._scoring import CRITERIA, FLAGS
from homutune.evaluation._statistics import (
    BinaryResult,
    PairedResult,
    compare_binary,
    compare_paired,
    holm,
)
from homutune.evaluation._summary import (
    RunSummary,
    criterion_values,
    flag_values,
    groups_of,
    summarize,
)

#: The question the comparison is made to answer, fixed before any answer is seen.
PRIMARY = ("grounded", "correctness")


@dataclass(frozen=True, slots=True)
class ConditionComparison:
    """Two runs with the same prompts.

    Attributes:
        criteria: paired result by criterion, Holm-corrected over those present.
        flags: paired counts by flag.
        slices: see :func:`homutune.evaluation._breakdown.break_down`.
        unpaired: items that only one of the models answered, or none.
        rivals: what naming a note without reading would achieve; grounded only.
    """

    condition: str
    label: str
    base: RunSummary
    tuned: RunSummary
    criteria: dict[str, PairedResult]
    flags: dict[str, BinaryResult]
    slices: dict[str, dict[str, Slice]]
    unpaired: tuple[str, ...]
    rivals: NoteRivals | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything the report says, apart from the texts of the answers.

    Attributes:
        conditions: by name, in the order of ``CONDITIONS``; ``absent``: name -> why not measured.
        marks: anchor -> criterion -> value, see :func:`mark_scale`.
    """

    dataset: str
    base: str
    tuned: str
    created_at: str
    conditions: dict[str, ConditionComparison]
    absent: dict[str, str]
    leakage: Leakage
    marks: dict[str, dict[str, float]]

    @property
    def names(self) -> tuple[str, str]:
        """What the two are called: not 学習前 where the first has been tuned as well."""
        if self.base.startswith("ft:"):
            return "前のモデル", "後のモデル"
        return "学習前", "学習後"

    @property
    def primary(self) -> PairedResult | None:
        """The declared endpoint: 正確性 with notes; None if it was not measured."""
        grounded = self.conditions.get(PRIMARY[0])
        return grounded.criteria.get(PRIMARY[1]) if grounded else None


#: Condition name -> (run of base, run of tuned).
RunPairs = dict[str, tuple[Run, Run]]


def find_pairs(
    home: Path, dataset: Dataset, *, base: str, tuned: str
) -> tuple[RunPairs, dict[str, str]]:
    """The runs to compare, and the conditions without one with the reason.

    Of several runs those with most items win, then the newest; both must have been asked with
    the same prompts.

    Raises:
        UserError: no condition was measured for both models; names the command that does it.
    """
    name = dataset.name
    pairs: RunPairs = {}
    absent: dict[str, str] = {}
    lacking: dict[str, list[str]] = {}
    for condition in CONDITIONS:
        found = {
            model: finished_runs(home, dataset=name, model=model, condition=condition)
            for model in (base, tuned)
        }
        pair = _first_match(found[base], found[tuned])
        if pair is not None:
            folder = runs_folder(home)
            pairs[condition] = (
                load_run(folder / pair[0].id, dataset),
                load_run(folder / pair[1].id, dataset),
            )
            continue
        without = [model for model in found if not found[model]]
        for model in without:
            lacking.setdefault(model, []).append(condition)
        absent[condition] = (
            f"{'・'.join(without)} の評価がありません"
            if without
            else "質問・資料・件数の同じ評価がそろっていません"
        )
    if not pairs:
        unmeasured = [model for model in lacking if len(lacking[model]) == len(CONDITIONS)]
        models = unmeasured or [base, tuned]
        commands = "、".join(f"homutune eval run --model {m} --dataset {name}" for m in models)
        raise UserError(
            f"データセット {name} について、両方のモデルにそろった評価がありません"
            f"（足りないモデル：{'、'.join(models)}）。",
            remedy=f"次を実行してから、もう一度比較してください：{commands}",
        )
    return pairs, absent


def compare_runs(
    dataset: Dataset,
    pairs: RunPairs,
    absent: dict[str, str],
    *,
    learned: Iterable[Dataset] = (),
) -> Comparison:
    """Compare all conditions measured for both models.

    Args:
        learned: the versions the models learned from, see :func:`find_leakage`.
    """
    first = next(iter(pairs.values()))
    return Comparison(
        dataset=dataset.name,
        base=first[0].config.model,
        tuned=first[1].config.model,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        conditions={name: _compare(name, base, tuned) for name, (base, tuned) in pairs.items()},
        absent=absent,
        leakage=find_leakage(dataset, learned),
        marks=mark_scale(dataset, first[0].items),
    )


def _first_match(
    base: list[RunConfig], tuned: list[RunConfig]
) -> tuple[RunConfig, RunConfig] | None:
    for one in base:
        for other in tuned:
            if one.prompts_hash == other.prompts_hash and one.plan == other.plan:
                return one, other
    return None


def _compare(name: str, base: Run, tuned: Run) -> ConditionComparison:
    paired = base.scores.keys() & tuned.scores.keys()
    groups = groups_of(base.scores)
    criteria = {}
    for key in CRITERIA:
        paired_result = compare_paired(
            criterion_values(base.scores, key),
            criterion_values(tuned.scores, key),
            groups,
        )
        if paired_result is not None:
            criteria[key] = paired_result
    corrected = holm([result.p for result in criteria.values()])
    return ConditionComparison(
        condition=name,
        label=CONDITIONS[name].label,
        base=summarize(base),
        tuned=summarize(tuned),
        criteria={
            key: replace(result, p_holm=p)
            for (key, result), p in zip(criteria.items(), corrected, strict=True)
        },
        flags={
            flag: result
            for flag in FLAGS
            if (
                result := compare_binary(
                    flag_values(base.scores, flag), flag_values(tuned.scores, flag), groups
                )
            )
        },
        slices=break_down(base, tuned),
        unpaired=tuple(item.meta.id for item in base.items if item.meta.id not in paired),
        rivals=note_rivals(base.items, base.answers) if name == "grounded" else None,
    )
