"""``homutune eval``: answer the validation items, then compare two models."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from homutune.cli._console import console, out, print_json
from homutune.cli._eval_arms import compare_arms_of, names_arms
from homutune.cli._eval_choices import choices
from homutune.cli._eval_common import (
    MODEL_HELP,
    AsJson,
    DatasetName,
    progress_bars,
    report_path,
    resolve,
)
from homutune.cli._eval_gate import gate
from homutune.cli._eval_judge import judge
from homutune.cli._eval_rate import app as rate_app
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.data import Dataset
    from homutune.evaluation import Comparison, Condition, Run, RunSummary, Training
    from homutune.tuning import ModelEntry

app = typer.Typer(
    help="ベースモデルと学習後のモデルの比較評価。",
    epilog="\n".join(
        (
            "使い方の例:",
            "  homutune eval run --model base       ベースモデルに検証の質問を解かせる",
            "  homutune eval run --model latest     最後に学習したモデルに解かせる",
            "  homutune eval run --model latest --generations 5   1問に5回答えさせて平均する",
            "  homutune eval compare base latest    二つを比べて報告書を作る",
            "  homutune eval rate export            人の採点表を作る",
            "  homutune eval judge --judge 名前     別のモデルに採点させる",
            "  homutune eval gate base latest       悪くなっていないかを判定する（CI 用）",
        )
    ),
    no_args_is_help=True,
    add_completion=False,
)

#: What ``--generations 2`` and more need in order to differ.
SEVERAL_TEMPERATURE = 0.7
_MARKS = {"better": ("改善", "green"), "worse": ("悪化", "red"), "unclear": ("差なし", "dim")}


@app.command("run")
def run(
    model: Annotated[str, typer.Option(help=MODEL_HELP)],
    dataset: DatasetName = "latest",
    plan: Annotated[
        Literal["all", "plain", "grounded"],
        typer.Option(
            metavar="<名前>",
            help="plain（資料なし）、grounded（資料つき）、all（両方と、正しい資料を外した質問）。",
        ),
    ] = "all",
    limit: Annotated[int | None, typer.Option(min=1, help="質問の数を減らします。")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="同時に送る質問の数。")] = 8,
    generations: Annotated[
        int, typer.Option(min=1, max=32, help="1問に何回答えさせるか。点数は平均します。")
    ] = 1,
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=2,
            help="答えのばらつき。省くと、1回なら0、2回以上なら0.7。",
            show_default=False,
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="前の結果を使わず、初めから。")] = False,
    as_json: AsJson = False,
) -> None:
    """検証の質問をモデルに解かせ、採点します。中断しても、同じコマンドで続きから再開します。"""
    from homutune.client import connect
    from homutune.data import open_dataset
    from homutune.evaluation import run_condition, summarize
    from homutune.settings import load_settings

    settings = load_settings()
    name, _ = resolve(settings, model)
    opened = open_dataset(settings.home, None if dataset == "latest" else dataset)
    if temperature is None and generations > 1:
        temperature = SEVERAL_TEMPERATURE
    conditions = [
        condition
        if temperature is None
        else replace(condition, plan=replace(condition.plan, temperature=temperature))
        for condition in _conditions(opened, plan)
    ]
    runs: list[Run] = []
    with connect(settings) as client, progress_bars() as bars:
        for condition in conditions:
            task = bars.add_task(condition.label, total=None)
            runs.append(
                run_condition(
                    settings,
                    client,
                    opened,
                    condition,
                    model=name,
                    limit=limit,
                    concurrency=concurrency,
                    generations=generations,
                    fresh=fresh,
                    progress=lambda done, total, task=task: bars.update(  # type: ignore[misc]
                        task, completed=done, total=total
                    ),
                )
            )
    summaries = [summarize(finished) for finished in runs]
    if as_json:
        print_json(
            {
                "dataset": opened.name,
                "model": name,
                "runs": [asdict(summary) for summary in summaries],
            }
        )
        return
    out.print(_summary_table(summaries, name))
    for finished in runs:
        if finished.missing:
            console.print(
                f"答えが得られなかった質問: {'、'.join(finished.missing)}"
                "（同じコマンドでもう一度送れます）",
                style="yellow",
                markup=False,
            )


@app.command(
    "compare",
    epilog="\n".join(
        (
            "使い方の例:",
            "  homutune eval compare base latest               すべての条件で比べる",
            "  homutune eval compare base@plain base@grounded  同じモデルの二つの条件を比べる",
            "  homutune eval compare base@plain base@grounded latest@plain latest@grounded",
            "                                                  学習とプロンプトの 2×2（相互作用）",
        )
    ),
)
def compare(
    arms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[A B [C D]]",
            help=f"比べるもの。{MODEL_HELP}モデル名@条件、または run-… も使えます。"
            "省くと base と latest。4つなら 学習前・学習前＋プロンプト・学習後・"
            "学習後＋プロンプト の順。",
            show_default=False,
        ),
    ] = None,
    dataset: DatasetName = "latest",
    metrics: Annotated[
        Path | None,
        typer.Option(help="学習の記録（CSV）。省くと、学習したときの記録を使います。"),
    ] = None,
    report: Annotated[Path | None, typer.Option("--out", help="報告書（HTML）の保存先。")] = None,
    as_json: AsJson = False,
) -> None:
    """保存した結果から二つ、または四つを比べ、報告書（HTML）を作ります。"""
    from homutune.data import open_dataset
    from homutune.evaluation import (
        compare_runs,
        find_pairs,
        read_loss_curves,
        read_opinions,
        write_report,
    )
    from homutune.settings import load_settings

    if arms and names_arms(arms):
        compare_arms_of(arms, dataset, report, as_json=as_json)
        return
    if arms and len(arms) != 2:
        raise UserError(
            "比べるものは2つか4つ指定してください。",
            remedy="使い方は homutune eval compare --help で確認できます。",
        )
    base, tuned = arms or ("base", "latest")
    settings = load_settings()
    base_name, _ = resolve(settings, base)
    tuned_name, entry = resolve(settings, tuned)
    opened = open_dataset(settings.home, None if dataset == "latest" else dataset)
    pairs, absent = find_pairs(settings.home, opened, base=base_name, tuned=tuned_name)
    comparison = compare_runs(opened, pairs, absent)
    metrics_path = metrics or (entry.metrics_path if entry else None)
    opinions = read_opinions(settings.home, *next(iter(pairs.values())))
    path = report or report_path(settings.home, tuned_name)
    write_report(
        path,
        comparison,
        pairs,
        opened,
        curves=read_loss_curves(metrics_path) if metrics_path else None,
        training=_training(entry),
        opinions=opinions,
    )
    if as_json:
        print_json(
            {
                "report": str(path.resolve()),
                "comparison": asdict(comparison),
                "opinions": asdict(opinions),
            }
        )
        return
    _print_comparison(comparison)
    out.print(f"報告書: {path.resolve()}", markup=False, soft_wrap=True)


app.add_typer(rate_app, name="rate")
app.command(
    "choices",
    epilog="\n".join(
        (
            "使い方の例:",
            "  homutune eval choices quiz.jsonl --model base",
            "  homutune eval choices quiz.jsonl --model latest --with-text",
        )
    ),
)(choices)
app.command(
    "judge",
    epilog="\n".join(
        (
            "使い方の例:",
            "  homutune eval judge base latest --judge gpt-4.1",
            "  homutune eval judge base@plain latest@plain --judge mock:careful",
        )
    ),
)(judge)
app.command(
    "gate",
    epilog="\n".join(
        (
            "使い方の例:",
            "  homutune eval gate base latest                  合格は終了コード0、不合格は1",
            "  homutune eval gate base latest --margin 0.1 --allow 1",
        )
    ),
)(gate)


def _conditions(dataset: Dataset, plan: str) -> list[Condition]:
    """What to measure; without cards only the question alone can be asked."""
    from homutune.evaluation import CONDITIONS

    if plan != "all":
        return [CONDITIONS[plan]]
    if not dataset.cards:
        console.print("解説カードがないため、資料なしの条件だけを評価します。", style="yellow")
        return [CONDITIONS["plain"]]
    return [
        condition
        for condition in CONDITIONS.values()
        if condition.case == "answerable" or any(item.meta.cards for item in dataset.valid)
    ]


def _summary_table(summaries: list[RunSummary], model: str) -> Table:
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

    return CONDITIONS[condition].label


def _print_comparison(comparison: Comparison) -> None:
    from homutune.evaluation import comparison_rows, headline

    out.print(headline(comparison), style="bold", markup=False)
    rows = comparison_rows(comparison)
    for condition in comparison.conditions.values():
        table = Table(title=condition.label, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("項目", no_wrap=True)
        for title in ("学習前", "学習後", "差", "95%区間", "p"):
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


def _training(entry: ModelEntry | None) -> Training | None:
    """What the registry knows about how the tuned model was made."""
    from homutune.evaluation import Training

    if entry is None:
        return None
    known: dict[str, Any] = {
        "学習データ": entry.dataset,
        "レシピ": entry.recipe,
        "学習の seed": entry.seed,
        "学習トークン": entry.trained_tokens and f"{entry.trained_tokens:,}",
        **(entry.hyperparameters or {}),
    }
    facts = tuple((key, str(value)) for key, value in known.items() if value is not None)
    return Training(entry.dataset, facts)
