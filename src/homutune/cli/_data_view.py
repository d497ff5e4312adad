"""What the ``homutune data`` verbs show to a reader."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from homutune.cli._console import console, out

if TYPE_CHECKING:
    from homutune.data import CheckReport, CostEstimate, Dataset, Problem

_SHOWN_PER_ID = 5
_SIDES = ("train", "valid")


def print_report(path: Path, report: CheckReport) -> None:
    """What the checks found, the first few of each id."""
    out.print(f"{path}：{report.n}件", markup=False, soft_wrap=True)
    for title, counts in (("種類", report.by_kind), ("分野", report.by_field)):
        text = "、".join(f"{name} {count}" for name, count in counts.items())
        out.print(f"{title}: {text}", markup=False, soft_wrap=True)
    for title, size in (("質問", report.question_characters), ("回答", report.answer_characters)):
        out.print(f"{title}の字数: 最小 {size.min}・中央 {size.median}・最大 {size.max}")
    for title, style, problems in (
        ("エラー", "bold red", report.errors),
        ("警告", "bold yellow", report.warnings),
    ):
        by_id: dict[str, list[Problem]] = defaultdict(list)
        for problem in problems:
            by_id[problem.id].append(problem)
        for problem_id, found in sorted(by_id.items()):
            out.print(f"{title} {problem_id}：{len(found)}件", style=style)
            for problem in found[:_SHOWN_PER_ID]:
                _print_problem(problem)
            if len(found) > _SHOWN_PER_ID:
                out.print(f"  ほか {len(found) - _SHOWN_PER_ID} 件（--json ですべて表示）")
    summary = f"エラー {len(report.errors)} 件、警告 {len(report.warnings)} 件"
    out.print(summary, style="bold green" if report.ok else "bold red")


def _print_problem(problem: Problem) -> None:
    place = f"{problem.file}:{problem.line}行目 " if problem.file else ""
    numbers = "・".join(map(str, problem.examples))
    which = f"（{numbers}番目）" if numbers else ""
    out.print(f"  {place}{problem.message}{which}", markup=False, soft_wrap=True)
    out.print(f"    → {problem.remedy}", markup=False, soft_wrap=True)


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
    out.print("次: homutune tune start", style="dim")


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
    """Tokens and minutes of the local engine."""
    if tokens := own["tokens"]:
        time = f"約{own['minutes']}分" if own["minutes"] is not None else "時間は未計測"
        out.print(
            f"ローカル {own['model']}：1行 {tokens['min']:,}・{tokens['median']:,}"
            f"・{tokens['max']:,} トークン、計 {tokens['total'] * own['n_epochs']:,}、{time}、0円",
            markup=False,
            soft_wrap=True,
        )
    else:
        out.print(f"ローカル {own['model']}：未計測、0円", markup=False, soft_wrap=True)
    for note in own["notes"]:
        console.print(note, style="yellow", markup=False, soft_wrap=True)
