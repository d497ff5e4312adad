"""``homutune eval``: answer the validation items, then compare two models."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from homutune.cli._console import console, out, print_json
from homutune.cli._eval_arms import compare_arms_of, names_arms
from homutune.cli._eval_choices import choices
from homutune.cli._eval_common import (
    MODEL_HELP,
    DatasetName,
    conditions_of,
    measure,
    resolve,
)
from homutune.cli._eval_gate import gate
from homutune.cli._eval_judge import judge
from homutune.cli._eval_rate import app as rate_app
from homutune.cli._eval_report import report_comparison
from homutune.cli._eval_search import search
from homutune.cli._eval_view import print_comparison, summary_table
from homutune.cli._options import AsJson
from homutune.errors import UserError

app = typer.Typer(
    help="ベースモデルと学習後のモデルの比較評価。",
    epilog="\n".join(
        (
            "使い方の例:",
            "  homutune eval run --model base       ベースモデルに検証の質問を解かせる",
            "  homutune eval run --model latest     最後に学習したモデルに解かせる",
            "  homutune eval run --model latest --generations 5   1問に5回答えさせて平均する",
            "  homutune eval compare base latest    二つを比べて報告書を作る",
            "  homutune eval search                 一番よいプロンプトのプランを探す",
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


@app.command("run")
def run(
    model: Annotated[str, typer.Option(help=MODEL_HELP)],
    dataset: DatasetName = "latest",
    plan: Annotated[
        str,
        typer.Option(
            metavar="<名前>",
            help="plain（資料なし）、grounded（資料つき）、withheld（正しい資料を外す）、"
            "all（三つとも）、またはプランの YAML ファイル。",
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
    batch: Annotated[
        bool,
        typer.Option(
            "--batch",
            help="まとめて /v1/batches に送ります（中断しても進みます）。",
        ),
    ] = False,
    shots_from: Annotated[
        str | None,
        typer.Option(help="例示をとるデータセット（プランに shots があるとき）。"),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="前の結果を使わず、初めから。")] = False,
    as_json: AsJson = False,
) -> None:
    """検証の質問をモデルに解かせ、採点します。中断しても、同じコマンドで続きから再開します。"""
    from homutune.client import connect
    from homutune.data import open_dataset
    from homutune.evaluation import summarize
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
        for condition in conditions_of(opened, plan)
    ]
    with connect(settings) as client:
        runs = measure(
            settings,
            client,
            opened,
            conditions,
            model=name,
            limit=limit,
            concurrency=concurrency,
            generations=generations,
            fresh=fresh,
            batch=batch,
            shots_from=open_dataset(settings.home, shots_from) if shots_from else None,
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
    out.print(summary_table(summaries, name))
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
            "                                                  学習とプロンプトの 2×2（交互作用）",
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
    made = report_comparison(
        settings,
        opened,
        base=base_name,
        tuned=tuned_name,
        entry=entry,
        metrics=metrics,
        path=report,
    )
    if as_json:
        print_json(
            {
                "report": str(made.path.resolve()),
                "comparison": asdict(made.comparison),
                "opinions": asdict(made.opinions),
            }
        )
        return
    print_comparison(made.comparison)
    out.print(f"報告書: {made.path.resolve()}", markup=False, soft_wrap=True)


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
    "search",
    epilog="\n".join(
        (
            "使い方の例:",
            "  homutune eval search --model base --save best.yaml",
            "  homutune eval search plans.yaml --model latest --limit 30",
        )
    ),
)(search)
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
