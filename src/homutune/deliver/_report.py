"""The report of the course: text of ours, numbers of the stored runs, nothing else.

What was not measured is 未測定. The text may be edited; length and headings are checked again
wherever it is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from homutune.assistant import load_playbooks
from homutune.data import Dataset, check_examples, open_dataset
from homutune.deliver._measured import Measured, improved, measured_model
from homutune.errors import UserError
from homutune.evaluation import (
    CRITERIA,
    BinaryResult,
    PairedResult,
    find_pairs,
    interval_text,
    number,
    read_loss_curves,
    read_opinions,
    verdict,
)
from homutune.settings import Settings
from homutune.tuning import ModelEntry

#: The course asks for so many Japanese characters.
LENGTH = (800, 1200)
#: Not given by the course text at hand; one heading for the aim and one for each exercise.
HEADINGS = (
    "目的と設計方針",
    "学習データの準備",
    "ファインチューニングの実施",
    "評価と改善",
    "アプリケーションと考察",
)
UNMEASURED = "未測定"
_LAST_STEPS = 10
_TEMPLATE = Path(__file__).with_name("_report_text.md.j2")


@dataclass(frozen=True, slots=True)
class ReportCheck:
    """Length in characters and the headings that are missing."""

    length: int
    missing: tuple[str, ...]

    @property
    def problems(self) -> list[str]:
        """What is wrong, as Japanese sentences."""
        low, high = LENGTH
        found = [f"見出し「{heading}」がありません。" for heading in self.missing]
        if not low <= self.length <= high:
            found.append(f"本文は {self.length} 字です（{low}〜{high} 字）。")
        return found


def check_report(text: str) -> ReportCheck:
    """Count the body without title, headings, Markdown marks and white space; find the headings."""
    headings = re.findall(r"^##\s+(.*)$", text, re.MULTILINE)
    body = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    length = len(re.sub(r"[\s*`|]|^[-+]\s", "", body, flags=re.MULTILINE))
    missing = [h for h in HEADINGS if not any(h in heading for heading in headings)]
    return ReportCheck(length, tuple(missing))


def write_report_text(settings: Settings, model: str = "latest") -> str:
    """The report in Markdown, filled from the home of ``settings``.

    Args:
        settings: home and address of the models.
        model: the tuned model it is about; without any, its numbers are 未測定.

    Raises:
        UserError: what came out does not keep to the length, which only a change of the text
            can cause.
    """
    text = _fill(report_values(settings, model))
    if problems := check_report(text).problems:
        raise UserError("レポートが決まりに合いません。" + "".join(problems))
    return text


def report_values(settings: Settings, model: str = "latest") -> dict[str, str]:
    """What stands in the places of the text."""
    home = settings.home
    entry, measured = measured_model(settings, model)
    base = entry.base if entry else settings.base_model
    dataset = _dataset(home, entry)
    values = {
        **_about_data(dataset),
        **_about_training(entry, base),
        **_about_results(measured[0] if measured else None),
        "improvement": _improvement(home),
        "people": _people(home, entry, measured),
        "playbooks": str(len(load_playbooks())),
    }
    return {name: value or UNMEASURED for name, value in values.items()}


def _fill(values: dict[str, str]) -> str:
    template = jinja2.Template(
        _TEMPLATE.read_text("utf-8"), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    return str(template.render(values))


def _dataset(home: Path, entry: ModelEntry | None) -> Dataset | None:
    try:
        return open_dataset(home, entry.dataset if entry else None)
    except UserError:
        return None


def _about_data(dataset: Dataset | None) -> dict[str, str]:
    names = ("pairs", "kinds", "errors", "train", "valid", "ratio")
    if dataset is None:
        return dict.fromkeys(names, "")
    total, valid = len(dataset.examples), len(dataset.valid)
    kinds = {example.meta.kind for example in dataset.examples if example.meta.kind}
    errors = len(check_examples(dataset.examples, dataset.cards).errors)
    texts = (total, len(kinds), errors, len(dataset.train), valid, f"{valid / total:.0%}")
    return dict(zip(names, map(str, texts), strict=True))


def _about_training(entry: ModelEntry | None, base: str) -> dict[str, str]:
    settings: dict[str, Any] = (entry.hyperparameters or {}) if entry else {}
    first = trained = None
    if entry and entry.metrics_path and entry.metrics_path.is_file():
        curves = read_loss_curves(entry.metrics_path)
        first = curves.base_valid
        # One step is a handful of rows: the last may happen to be all easy ones.
        last = [loss for _, loss in curves.train[-_LAST_STEPS:]]
        trained = sum(last) / len(last) if last else None
    return {
        "base": base,
        "epochs": str(settings.get("n_epochs", "")),
        "batch": str(settings.get("batch_size", "")),
        "seed": "" if entry is None or entry.seed is None else str(entry.seed),
        "tokens": f"{entry.trained_tokens:,}" if entry and entry.trained_tokens else "",
        "train_loss": _loss(trained),
        "last_steps": str(_LAST_STEPS),
        "first_valid": _loss(first),
        "valid_loss": _loss(entry.valid_loss if entry else None),
    }


def _about_results(measured: Measured | None) -> dict[str, str]:
    names = ("correctness", "relevance", "style", "expertise")
    found = {}
    for condition, prefix in (("grounded", ""), ("plain", "plain_")):
        there = measured.comparison.conditions.get(condition) if measured else None
        for name in names:
            found[prefix + name] = _change(there.criteria.get(name) if there else None)
    for condition, flag in (("grounded", "right_card"), ("withheld", "abstained")):
        there = measured.comparison.conditions.get(condition) if measured else None
        found[flag] = _count(there.flags.get(flag) if there else None)
    exam = f"学習の前と後のモデルを同じ質問で比べる手順を用意しましたが、比較は{UNMEASURED}です。"
    if measured is not None:
        kind = (
            "学習に使わない評価専用の質問"
            if measured.held_out
            else "学習に使わない検証用の質問（設定を選ぶときにも見た場合、数字は甘めになります）"
        )
        exam = (
            f"{kind}{measured.n_items}問を学習の前後のモデルに資料つきで解かせ、"
            "規則で採点しました。"
        )
    return {**found, "exam": exam, "conclusion": _conclusion(measured)}


def _improvement(home: Path) -> str:
    """What was done, and only that."""
    found = improved(home)
    if found is None:
        return f"弱点の分析から再学習までの手順は用意しましたが、再学習の効果は{UNMEASURED}です。"
    told = f"改善では、弱い分野を調べ、人が書くか採用した{found.accepted}件をデータに加えました。"
    result = found.measured.comparison.primary if found.measured else None
    if found.measured is None or result is None:
        return f"{told}再学習の効果は{UNMEASURED}です。"
    kind = "評価専用" if found.measured.held_out else "検証用"
    end = {"better": "上がりました", "worse": "下がりました", "unclear": "差があるとは言えません"}
    return (
        f"{told}再学習の前後の正確性は、{kind}の{found.measured.n_items}問で"
        f"{_change(result)}で、{end[verdict(result)]}。"
    )


def _people(home: Path, entry: ModelEntry | None, measured: list[Measured]) -> str:
    if entry is None or not measured:
        return ""
    dataset = open_dataset(home, measured[0].dataset)
    pairs, _ = find_pairs(home, dataset, base=entry.base, tuned=entry.model)
    opinions = read_opinions(home, *next(iter(pairs.values())))
    return "実施済み" if opinions.people is not None else ""


def _conclusion(measured: Measured | None) -> str:
    primary = measured.comparison.primary if measured else None
    if measured is None or primary is None:
        return "学習の効果はまだ測っていないため、結論は出せません。"
    told = {
        "better": "資料つきの正確性は学習で上がりました。",
        "worse": "資料つきの正確性は学習で下がり、この設定は勧められません。",
        "unclear": "資料つきの正確性に差があるとは言えず、学習の効果は確かめられていません。",
    }[verdict(primary)]
    others: dict[str, list[str]] = {}
    for name, result in measured.comparison.conditions["grounded"].criteria.items():
        if result is not primary:
            others.setdefault(verdict(result), []).append(CRITERIA[name])
    words = {
        "better": "上がったのは",
        "worse": "下がったのは",
        "unclear": "差があるとは言えないのは",
    }
    parts = [f"{words[key]}{'・'.join(others[key])}" for key in words if key in others]
    return f"{told}ほかの観点で{'、'.join(parts)}です。" if parts else told


def _change(result: PairedResult | None) -> str:
    """``0.28→0.50（差の95%区間 -0.00〜+0.43）``."""
    if result is None:
        return ""
    change = f"{number(result.base_mean)}→{number(result.tuned_mean)}"
    if result.t_interval is None:
        return f"{change}（区間は計算できない件数）"
    if result.t_interval == (0.0, 0.0):
        return f"{change}（どの質問でも同じ）"
    return f"{change}（差の95%区間{interval_text(result.t_interval)}）"


def _count(result: BinaryResult | None) -> str:
    """``1→23（30問中）``."""
    return f"{result.base_count}→{result.tuned_count}（{result.n}問中）" if result else ""


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
