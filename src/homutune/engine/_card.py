"""The model card: what a tuned model is, how it was made, what it must not be used for."""

from __future__ import annotations

import time

from homutune.engine._bases import BaseModel
from homutune.engine._tuned import TunedModel

_NAMES = {
    "n_epochs": "エポック数（n_epochs）",
    "batch_size": "バッチサイズ（batch_size）",
    "learning_rate_multiplier": "学習率の倍率（learning_rate_multiplier）",
    "lora_rank": "LoRA rank",
    "lora_alpha": "LoRA alpha",
    "target_modules": "学習した層",
    "seed": "シード",
}


def model_card(tuned: TunedModel, base: BaseModel) -> str:
    """Markdown with the front matter the Hugging Face Hub reads. Nothing of the data is in it."""
    lines = [
        "---",
        "language: ja",
        "license: other",
        f"license_name: {base.license}",
        f"license_link: {base.license_url}",
        f"base_model: {base.id}",
        "pipeline_tag: text-generation",
        "tags: [lora, legal, homutune]",
        "---",
        "",
        f"# {tuned.name}",
        "",
        f"ベースモデル {base.id} を、法務の質問と回答で追加学習（LoRA）したモデルです。",
        "",
        "## 学習",
        "",
        "| 項目 | 値 |",
        "|---|---|",
        f"| 作成日 | {time.strftime('%Y-%m-%d', time.localtime(tuned.created))} |",
        *(f"| {name} | {value} |" for name, value in _settings(tuned)),
        *_results(tuned),
        "",
        "## 使い方",
        "",
        "会話の形式は、同梱の chat template のとおりです。学習のときと同じ形（system の文、資料の",
        "付け方）で質問してください。形が違うと、答えの質は下がります。",
        "",
        "## 注意",
        "",
        "- 法的助言ではありません。答えと根拠条文は、必ず原典で確認してください。",
        "- 学習データの後に改正された法令は反映されていません。",
        "- 学習データに含まれる情報を出力することがあります。社外に渡す前に、学習データに",
        "  秘密や個人情報がないことを確認してください。",
        "- 検証データの損失は、答えの正しさを示すものではありません。",
        "",
        "## ライセンス",
        "",
        notice(base).strip(),
        "",
    ]
    return "\n".join(lines)


def notice(base: BaseModel) -> str:
    """The notice that goes with the weights.

    Gemma's terms (section 3.1) ask for the first sentence in a file called NOTICE, for a mark of
    the change, and for handing on the terms with their restrictions of use.
    """
    if base.license == "Gemma Terms of Use":
        return (
            "Gemma is provided under and subject to the Gemma Terms of Use found at "
            f"{base.license_url}\nこのモデルは、Gemma を追加学習により改変したものです。\n"
            "利用と再配布には同規約の利用制限（第3.2条、Gemma Prohibited Use Policy）が及びます。"
            "人に渡すときは、規約の写しも渡してください（第3.1条）。\n"
        )
    return f"ベースモデル {base.id} のライセンス: {base.license} {base.license_url}".rstrip() + "\n"


def _settings(tuned: TunedModel) -> list[tuple[str, str]]:
    rows = []
    for key, value in tuned.description().items():
        text = "、".join(value) if isinstance(value, list) else str(value)
        rows.append((_NAMES.get(key, key), text))
    return rows


def _results(tuned: TunedModel) -> list[str]:
    metrics = tuned.metrics()
    rows = []
    if metrics:
        rows.append(f"| 学習ステップ数 | {int(metrics[-1]['step'])} |")
    for key, name in (("train_loss", "学習データの損失"), ("valid_loss", "検証データの損失")):
        values = [row[key] for row in metrics if key in row]
        if values:
            rows.append(f"| {name}（最初 → 最後） | {values[0]:.3f} → {values[-1]:.3f} |")
    return rows
