"""What the ``homutune data`` verbs show to a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from homutune.cli._console import console, out

if TYPE_CHECKING:
    from homutune.data import CostEstimate, Dataset

_SIDES = ("train", "valid")


def print_dataset(dataset: Dataset) -> None:
    """Where a dataset lies and how its kinds are spread over the sides."""
    counts = dataset.manifest.counts
    out.print(f"データセット {dataset.name}", style="bold")
    table = Table("種類", "学習用", "検証用", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    kinds = dict.fromkeys(key.split("/", 1)[1] for key in counts if "/" in key)
    for kind in kinds:
        table.add_row(kind, *(str(counts.get(f"{side}/{kind}", 0)) for side in _SIDES))
    table.add_row("合計", str(counts["train"]), str(counts["valid"]), style="bold")
    out.print(table)
    out.print("学習用と検証用に共通のグループ・カード・質問: 0")
    out.print(f"カード {counts['cards']}枚、保存先 {dataset.path}", soft_wrap=True, markup=False)
    following = (
        "tune start" if counts["train"] else f"eval run --model latest --dataset {dataset.name}"
    )
    out.print(f"次: homutune {following}", style="dim", markup=False, soft_wrap=True)


def print_costs(costs: list[CostEstimate]) -> None:
    """One row for each hosted model; remarks go to stderr."""
    table = Table("OpenAI のモデル", "1行の最小・中央・最大", "課金トークン", "USD", "円", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for cost in costs:
        tokens = cost.tokens
        table.add_row(
            cost.model,
            f"{tokens.min:,}・{tokens.median:,}・{tokens.max:,}",
            f"{cost.billed_tokens:,}",
            f"{cost.usd:,.2f}",
            f"{cost.jpy:,}",
        )
    out.print(table)
    for note in dict.fromkeys(note for cost in costs for note in cost.notes):
        console.print(note, style="yellow", markup=False, soft_wrap=True)


def print_local(own: dict[str, Any]) -> None:
    """Tokens, minutes and memory of the local engine."""
    if tokens := own["tokens"]:
        time = f"約{own['minutes']}分" if own["minutes"] is not None else "時間は未計測"
        how = "実測" if own["memory_measured"] else "推定"
        memory = f"、メモリー約{own['memory_gb']}GB（{how}）" if own["memory_gb"] else ""
        out.print(
            f"ローカル {own['model']}：1行 {tokens['min']:,}・{tokens['median']:,}"
            f"・{tokens['max']:,} トークン、計 {tokens['total'] * own['n_epochs']:,}"
            f"、{time}{memory}、0円",
            markup=False,
            soft_wrap=True,
        )
    else:
        out.print(f"ローカル {own['model']}：未計測、0円", markup=False, soft_wrap=True)
    for note in own["notes"]:
        console.print(note, style="yellow", markup=False, soft_wrap=True)
