"""The card of a released model: the engine's card, with its data and what was measured."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from homutune import __version__
from homutune.deliver._measured import Measured
from homutune.evaluation import comparison_rows
from homutune.tuning import ModelEntry

if TYPE_CHECKING:
    from homutune.engine import BaseModel, TunedModel

_BEFORE = "\n## 使い方\n"
#: Option of ``homutune tune start`` -> hyperparameter that it sets.
_OPTIONS = {
    "--epochs": "n_epochs",
    "--batch-size": "batch_size",
    "--lr-multiplier": "learning_rate_multiplier",
    "--early-stopping": "early_stopping_patience",
}
_LIMITS = """
## 限界

- 小さなモデルです。法律の知識は持たず、質問に付けた資料を読んで答えの形にします。
- 付いた資料が質問に合っていないと、合っていない資料から答えることがあります。
- 資料がないときに答えるべきでない質問に、答えてしまうことがあります。
- 上の数字は、書いてある質問についてのものです。ほかの質問で同じになるとはかぎりません。
"""


def release_card(
    tuned: TunedModel,
    base: BaseModel,
    entry: ModelEntry | None,
    measured: Sequence[Measured],
    *,
    bundled: bool,
) -> str:
    """The card in Markdown; what was not measured says so.

    Args:
        bundled: it learned from the questions that come with homutune, which everybody can split
            in the same way.
    """
    from homutune.engine import model_card

    head, _, rest = model_card(tuned, base).partition(_BEFORE)
    return "\n".join(
        [
            head,
            *_data(tuned, base, entry, bundled),
            *_evaluation(measured),
            _LIMITS.rstrip(),
            _BEFORE + rest,
        ]
    )


def _data(tuned: TunedModel, base: BaseModel, entry: ModelEntry | None, bundled: bool) -> list[str]:
    lines = ["", "## データと再現", ""]
    if entry is None or entry.dataset is None:
        return [*lines, "学習データの版は記録されていません。"]
    settings = entry.hyperparameters or {}
    command = ["homutune", "tune", "start", "--dataset", entry.dataset]
    command += ["--recipe", entry.recipe or "grounded", "--model", base.id]
    for option, name in _OPTIONS.items():
        if name in settings:
            command += [option, str(settings[name])]
    command += ["--seed", str(tuned.seed)]
    if entry.suffix:
        command += ["--suffix", entry.suffix]
    source = "homutune に同梱の質問と回答" if bundled else "利用者の質問と回答"
    where = "" if bundled else "この版のある保存先で、"
    split = "homutune data split && " if bundled else ""
    return [
        *lines,
        f"{source}（版 {entry.dataset}、レシピ {entry.recipe}、"
        f"seed {tuned.seed}、学習したトークン {_count(entry.trained_tokens)}）で学習しました。"
        f"{where}homutune {__version__} の `homutune serve` を動かし、別の端末で次の 1 行を実行する"
        "と作り直せます。並びと初期値はシードで決まります。計算機が違うと、丸めの分だけ違う重みに"
        "なります。",
        "",
        "```sh",
        f"{split}{shlex.join(command)} && homutune model release latest",
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
        lines += [
            "",
            "評価専用の質問では未測定です。検証用の質問は、設定を選ぶときにも見た場合、数字が甘めになります。",
        ]
    return [
        *lines,
        "",
        "規則による採点です。人（弁護士など）による採点を含まないときは、内容の正しさを保証しません。",
    ]


def _count(value: int | None) -> str:
    return "不明" if value is None else f"{value:,}"
