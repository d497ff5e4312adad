"""``homutune eval search``: the best prompt plan, chosen on one half and reported on the other."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from homutune.cli._console import out, print_json, tell
from homutune.cli._eval_common import MODEL_HELP, DatasetName, progress_bars, report_path, resolve
from homutune.cli._options import AsJson

if TYPE_CHECKING:
    from rich.progress import TaskID

    from homutune.evaluation import Search


def search(
    plans: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="試すプランの YAML。省くと、資料の数・例示・項目別・思考の6通り。",
            show_default=False,
        ),
    ] = None,
    model: Annotated[str, typer.Option(help=MODEL_HELP)] = "base",
    dataset: DatasetName = "latest",
    limit: Annotated[int | None, typer.Option(min=1, help="半分ごとの質問の数。")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="同時に送る質問の数。")] = 8,
    shots_from: Annotated[
        str | None,
        typer.Option(
            help="例示をとるデータセット。省くと --dataset の学習用（評価の質問と重なる組は除く）。"
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="選ばれたプランを書き出す YAML。")
    ] = None,
    report: Annotated[Path | None, typer.Option("--out", help="報告書（HTML）の保存先。")] = None,
    as_json: AsJson = False,
) -> None:
    """プロンプトのプランを検証の半分で比べて一つ選び、残りの半分で、標準のプランと比べます。"""
    from homutune.client import connect
    from homutune.data import open_dataset
    from homutune.evaluation import search_plans, write_arms_report
    from homutune.prompting import SEARCH_PLANS, read_plans, write_plan
    from homutune.settings import load_settings

    settings = load_settings()
    name, _ = resolve(settings, model)
    opened = open_dataset(settings.home, None if dataset == "latest" else dataset)
    source = open_dataset(settings.home, shots_from) if shots_from else None
    candidates = read_plans(plans) if plans else list(SEARCH_PLANS)
    bars_of: dict[str, TaskID] = {}
    with connect(settings) as client, progress_bars() as bars:

        def show(what: str, done: int, total: int) -> None:
            if what not in bars_of:
                bars_of[what] = bars.add_task(what, total=total)
            bars.update(bars_of[what], completed=done, total=total)

        result, runs = search_plans(
            settings,
            client,
            opened,
            candidates,
            model=name,
            limit=limit,
            concurrency=concurrency,
            shots_from=source,
            progress=show,
        )
    if save:
        write_plan(save, result.best)
    path = None
    if result.comparison:
        path = report or report_path(settings.home, f"search-{result.best.name}")
        write_arms_report(path, result.comparison, runs)
    if as_json:
        record = asdict(result)
        print_json({**record, "report": str(path.resolve()) if path else None})
        return
    _print(result)
    if path:
        tell(f"報告書: {path.resolve()}")
    if save:
        tell(f"選ばれたプラン: {save}（homutune eval run --plan {save} で使えます）")


def _print(result: Search) -> None:
    from homutune.evaluation import arms_headline

    table = Table(title="選ぶ半分での結果", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("プラン", no_wrap=True)
    for title in ("正確性", "95%区間", "質問", "1問の秒数"):
        table.add_column(title, justify="right")
    for trial in result.trials:
        mark = " ←選んだ" if trial.plan == result.best else ""
        score, summary = trial.score, trial.summary
        if score is None or summary is None:
            table.add_row(trial.plan.name, "―", trial.error or "測れません", "", "")
            continue
        interval = f"{score.interval[0]:.2f}〜{score.interval[1]:.2f}" if score.interval else "―"
        latency = "―" if summary.latency_s is None else f"{summary.latency_s:.1f}"
        table.add_row(
            trial.plan.name + mark, f"{score.mean:.2f}", interval, str(summary.n_items), latency
        )
    out.print(table)
    if result.comparison:
        tell(f"確かめる半分：{arms_headline(result.comparison)}", style="bold")
    else:
        tell("標準のプランが一番でした。変える理由はありません。", style="bold")
        fresh = result.fresh[0]
        if score := fresh.criteria.get("correctness"):
            tell(f"確かめる半分：正確性 {score.mean:.2f}（{fresh.n_items}問）")
    tell(
        "選ぶ半分の点数は、選んだ分だけ高めに出ます。回答を控えるべき質問は比べていません。",
        style="dim",
    )
