"""The card of a released model: the engine's card, with its data and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from homutune.deliver._measured import Measured
from homutune.evaluation import comparison_rows
from homutune.tuning import ModelEntry

if TYPE_CHECKING:
    from homutune.engine import BaseModel, TunedModel

_BEFORE = "\n## 使い方\n"


def release_card(
    tuned: TunedModel, base: BaseModel, entry: ModelEntry | None, measured: Sequence[Measured]
) -> str:
    """The card in Markdown; what was not measured says so."""
    from homutune.engine import model_card

    head, _, rest = model_card(tuned, base).partition(_BEFORE)
    return "\n".join([head, *_data(tuned, entry), *_evaluation(measured), _BEFORE + rest])


def _data(tuned: TunedModel, entry: ModelEntry | None) -> list[str]:
    lines = ["", "## データと再現", ""]
    if entry is None or entry.dataset is None:
        return [*lines, "学習データの版は記録されていません。"]
    settings = entry.hyperparameters or {}
    epochs = settings.get("n_epochs", "auto")
    return [
        *lines,
        f"homutune に同梱の質問と回答（版 {entry.dataset}、レシピ {entry.recipe}、"
        f"seed {tuned.seed}、学習したトークン {_count(entry.trained_tokens)}）で学習しました。"
        "同じ版のソフトウェアで、次の命令を順に実行すると作り直せます。",
        "",
        "```sh",
        "homutune data split",
        f"homutune tune start --dataset {entry.dataset} --recipe {entry.recipe} "
        f"--epochs {epochs} --seed {tuned.seed}",
        "homutune model release latest",
        "```",
    ]


def _evaluation(measured: Sequence[Measured]) -> list[str]:
    lines = ["", "## 評価（学習前との比較、規則による採点）"]
    if not measured:
        return [*lines, "", "未測定です。"]
    for item in measured:
        lines += [
            "",
            f"### {item.label}",
            "",
            "| 条件 | 観点 | 学習前 | 学習後 | 差 | 95％区間 | p | 判定 |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in comparison_rows(item.comparison):
            cells = (row.condition, row.name, row.base, row.tuned, row.difference, row.interval)
            lines.append(f"| {' | '.join((*cells, row.p, row.verdict_label))} |")
    if not any(item.held_out for item in measured):
        lines += ["", "評価専用の質問（学習にも設定選びにも使わない質問）では未測定です。"]
    return [
        *lines,
        "",
        "規則による採点です。人（弁護士など）による採点を含まないときは、内容の正しさを保証しません。",
    ]


def _count(value: int | None) -> str:
    return "不明" if value is None else f"{value:,}"
