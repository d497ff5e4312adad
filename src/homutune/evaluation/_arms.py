"""Two or four arms side by side: any model under any condition, and the 2x2 of tuning and prompt.

All contrasts are taken over the items that every arm answered, so that they can be added up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from homutune.data import Dataset
from homutune.errors import UserError
from homutune.evaluation._exams import CONDITIONS
from homutune.evaluation._run_files import Run, finished_runs, load_run, read_config, runs_folder
from homutune.evaluation._safeguards import Leakage, find_leakage
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

#: Contrast -> (what a reader sees, arm before, arm after); arms are base, base with prompt,
#: tuned, tuned with prompt.
SIMPLE_EFFECTS = {
    "prompt_base": ("学習前のモデルで、プロンプトを変えた効果", 0, 1),
    "tuning_plain": ("元のプロンプトで、学習した効果", 0, 2),
    "prompt_tuned": ("学習後のモデルで、プロンプトを変えた効果", 2, 3),
    "tuning_prompt": ("変えたプロンプトで、学習した効果", 1, 3),
    "both": ("両方を合わせた効果", 0, 3),
}
INTERACTION = "interaction"


@dataclass(frozen=True, slots=True)
class Contrast:
    """One question put to the arms.

    Attributes:
        criteria: paired result by criterion, Holm-corrected over those present. For the
            interaction ``base_mean`` is the effect of the prompt on the base model,
            ``tuned_mean`` that on the tuned one, ``difference`` what differs between them.
        flags: paired counts by flag; none for the interaction.
    """

    label: str
    criteria: dict[str, PairedResult]
    flags: dict[str, BinaryResult] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArmsComparison:
    """Everything the report on arms says, apart from the texts of the answers.

    Attributes:
        labels: name of each arm, in the order given.
        arms: summary of each arm over all items it answered.
        contrasts: by name; ``difference`` alone for two arms, for four the simple effects and
            the interaction.
        common: items that every arm answered; ``unpaired``: all others.
    """

    dataset: str
    created_at: str
    labels: tuple[str, ...]
    arms: tuple[RunSummary, ...]
    contrasts: dict[str, Contrast]
    common: tuple[str, ...]
    unpaired: tuple[str, ...]
    leakage: Leakage

    @property
    def primary(self) -> PairedResult | None:
        """正確性 from the first to the last arm, the endpoint declared beforehand."""
        contrast = self.contrasts.get("both") or self.contrasts["difference"]
        return contrast.criteria.get("correctness")


def find_arm(home: Path, dataset: Dataset, *, model: str, condition: str) -> Run:
    """The finished run of ``model`` with most items, newest first.

    Raises:
        UserError: the condition is unknown or was not measured; names the command that does it.
    """
    found = finished_runs(home, dataset=dataset.name, model=model, condition=condition)
    if not found and condition not in CONDITIONS:
        raise UserError(
            f"条件「{condition}」で評価した結果がありません。",
            remedy=f"モデル名@条件 の条件は {'・'.join(CONDITIONS)}、または "
            "homutune eval run --plan ファイル.yaml で評価したプランの名前です。",
        )
    if not found:
        raise UserError(
            f"{model} を「{CONDITIONS[condition].label}」で評価した結果がありません。",
            remedy=f"次を実行してください：homutune eval run --model {model} "
            f"--dataset {dataset.name}",
        )
    return load_run(runs_folder(home) / found[0].id, dataset)


def open_run(home: Path, dataset: Dataset, run_id: str) -> Run:
    """The run called ``run_id``.

    Raises:
        UserError: there is none, or it is about another dataset.
    """
    folder = runs_folder(home) / run_id
    if not (folder / "run.json").exists():
        raise UserError(
            f"評価 {run_id} がありません。",
            remedy=f"{runs_folder(home)} の中の名前を指定してください。",
        )
    config = read_config(folder)
    if config.dataset != dataset.name:
        raise UserError(
            f"評価 {run_id} はデータセット {config.dataset} のもので、{dataset.name} の質問とは"
            "違うため比べられません。",
            remedy=f"--dataset {config.dataset} を付けるか、同じデータセットで評価してください。",
        )
    return load_run(folder, dataset)


def compare_arms(
    dataset: Dataset, runs: Sequence[Run], *, learned: Iterable[Dataset] = ()
) -> ArmsComparison:
    """Compare two arms, or four as base, base with prompt, tuned, tuned with prompt.

    Args:
        learned: the versions the models learned from, see :func:`find_leakage`.

    Raises:
        UserError: no item was answered in every arm, or four arms are no 2x2 in this order.
    """
    if len(runs) not in (2, 4):
        raise UserError(
            "比べられるのは2つか4つです。", remedy="A B、または A B C D を指定してください。"
        )
    if len(runs) == 4:
        _check_2x2(runs)
    common = set.intersection(*(set(run.scores) for run in runs))
    if not common:
        raise UserError(
            "比べる評価に、同じ質問がひとつもありません。",
            remedy="同じデータセットを、同じ --limit で評価してから比べてください。",
        )
    everything = {item.meta.id for run in runs for item in run.items}
    contrasts = _four(runs, common) if len(runs) == 4 else _two(runs, common)
    return ArmsComparison(
        dataset=dataset.name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        labels=tuple(label_of(run) for run in runs),
        arms=tuple(summarize(run) for run in runs),
        contrasts=contrasts,
        common=tuple(sorted(common)),
        unpaired=tuple(sorted(everything - common)),
        leakage=find_leakage(dataset, learned),
    )


def label_of(run: Run) -> str:
    """Model and condition of a run as a reader sees them."""
    return f"{run.config.model}（{run.config.label}）"


def _check_2x2(runs: Sequence[Run]) -> None:
    models = [run.config.model for run in runs]
    prompts = [(run.config.condition, run.config.plan) for run in runs]
    fits = (
        models[0] == models[1] != models[2] == models[3]
        and prompts[0] == prompts[2] != prompts[1] == prompts[3]
    )
    if not fits:
        raise UserError(
            "4つの評価が 2×2 の形になっていません。",
            remedy="学習前・学習前＋プロンプト・学習後・学習後＋プロンプトの順に指定してください。"
            "例：homutune eval compare base@plain base@grounded latest@plain latest@grounded"
            "（温度と文面の設定も組ごとに同じにします。評価は run-… の名前でも選べます）",
        )


def _two(runs: Sequence[Run], common: set[str]) -> dict[str, Contrast]:
    label = f"{label_of(runs[0])}から{label_of(runs[1])}への変化"
    return {"difference": _contrast(label, runs[0], runs[1], common)}


def _four(runs: Sequence[Run], common: set[str]) -> dict[str, Contrast]:
    contrasts = {
        name: _contrast(label, runs[before], runs[after], common)
        for name, (label, before, after) in SIMPLE_EFFECTS.items()
    }
    values = [{name: _values(run, name, common) for name in CRITERIA} for run in runs]
    effects = [
        {name: _minus(values[after][name], values[before][name]) for name in CRITERIA}
        for before, after in ((0, 1), (2, 3))
    ]
    contrasts[INTERACTION] = Contrast(
        "交互作用（プロンプトの効果は、学習の前と後で違うか）",
        _tested(effects[0], effects[1], groups_of(runs[0].scores)),
    )
    return contrasts


def _contrast(label: str, before: Run, after: Run, common: set[str]) -> Contrast:
    groups = groups_of(before.scores)
    flags = {}
    for flag in FLAGS:
        one, two = flag_values(before.scores, flag), flag_values(after.scores, flag)
        both = common & one.keys() & two.keys()
        result = compare_binary({k: one[k] for k in both}, {k: two[k] for k in both}, groups)
        if result is not None:
            flags[flag] = result
    return Contrast(
        label,
        _tested(
            {name: _values(before, name, common) for name in CRITERIA},
            {name: _values(after, name, common) for name in CRITERIA},
            groups,
        ),
        flags,
    )


def _tested(
    before: Mapping[str, dict[str, float]],
    after: Mapping[str, dict[str, float]],
    groups: Mapping[str, str],
) -> dict[str, PairedResult]:
    """Paired result by criterion, corrected over the criteria."""
    results = {
        name: result
        for name in before
        if (result := compare_paired(before[name], after[name], groups)) is not None
    }
    corrected = holm([result.p for result in results.values()])
    return {
        name: replace(result, p_holm=p)
        for (name, result), p in zip(results.items(), corrected, strict=True)
    }


def _values(run: Run, criterion: str, common: set[str]) -> dict[str, float]:
    values = criterion_values(run.scores, criterion)
    return {key: value for key, value in values.items() if key in common}


def _minus(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {key: after[key] - before[key] for key in after.keys() & before.keys()}
