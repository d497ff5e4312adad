"""What the ``homutune eval`` commands print: one run, and two runs compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from homutune.cli._console import out

if TYPE_CHECKING:
    from homutune.evaluation import Comparison, RunSummary

_MARKS = {"better": ("改善", "green"), "worse": ("悪化", "red"), "unclear": ("差なし", "dim")}


def summary_table(summaries: list[RunSummary], model: str) -> Table:
    from homutune.evaluation import CRITERIA, FLAGS

    table = Table(title=f"評価: {model}", title_justify="left")
    table.add_column("項目")
    for summary in summaries:
        table.add_column(_label(summary.condition), justify="right")
    for key, label in CRITERIA.items():
        if any(key in summary.criteria for summary in summaries):
            table.add_row(
                label,
                *(f"{s.criteria[key].mean:.2f}" if key in s.criteria else "―" for s in summaries),
            )
    for key, label in FLAGS.items():
        if any(key in summary.flags for summary in summaries):
            table.add_row(
                label,
                *(
                    f"{s.flags[key].count}/{s.flags[key].n}" if key in s.flags else "―"
                    for s in summaries
                ),
            )
    table.add_row(
        "（参考）文字の類似度",
        *("―" if s.similarity is None else f"{s.similarity:.2f}" for s in summaries),
    )
    table.add_row("質問", *(f"{s.n_items}" for s in summaries))
    table.add_row(
        "1問の秒数（中央値）",
        *("―" if s.latency_s is None else f"{s.latency_s:.1f}" for s in summaries),
    )
    if any(summary.spread for summary in summaries):
        table.add_row(
            "正確性の答えごとのばらつき",
            *(f"{s.spread['correctness']:.2f}" if s.spread else "―" for s in summaries),
        )
    if any(summary.cost_usd is not None for summary in summaries):
        table.add_row(
            "費用（USD）",
            *("―" if s.cost_usd is None else f"{s.cost_usd:.4f}" for s in summaries),
        )
    return table


def _label(condition: str) -> str:
    from homutune.evaluation import CONDITIONS

    return CONDITIONS[condition].label if condition in CONDITIONS else condition


def print_comparison(comparison: Comparison) -> None:
    from homutune.evaluation import comparison_rows, headline

    out.print(headline(comparison), style="bold", markup=False)
    rows = comparison_rows(comparison)
    for condition in comparison.conditions.values():
        table = Table(title=condition.label, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("項目", no_wrap=True)
        for title in (*comparison.names, "差", "95%区間", "p"):
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("判定", no_wrap=True)
        for row in rows:
            if row.condition == condition.label:
                mark, style = _MARKS[row.verdict]
                figures = (row.base, row.tuned, row.difference, row.interval, row.p)
                table.add_row(row.name, *figures, Text(mark, style))
        out.print(table)
    n_items = max(condition.base.n_items for condition in comparison.conditions.values())
    out.print(
        f"{n_items}問。差なし＝「差があるとは言えない」。測り方と回答は報告書にあります。",
        style="dim",
        markup=False,
    )
    for name, why in comparison.absent.items():
        out.print(f"測っていません: {_label(name)}（{why}）", style="yellow", markup=False)
