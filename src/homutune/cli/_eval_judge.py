"""``homutune eval judge``: a model, or a mock, rates the answers of two runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from homutune.cli._console import note, out, print_json, tell
from homutune.cli._eval_arms import find_run
from homutune.cli._eval_common import MODEL_HELP, Criterion, DatasetName, progress_bars
from homutune.cli._options import AsJson
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.evaluation import Judge, JudgeResult
    from homutune.settings import Settings


def judge(
    base: Annotated[str, typer.Argument(metavar="[A]", help=MODEL_HELP)] = "base",
    tuned: Annotated[str, typer.Argument(metavar="[B]", help=MODEL_HELP)] = "latest",
    judge_name: Annotated[
        str,
        typer.Option(
            "--judge",
            help="審査員のモデル名。mock:careful・mock:position・mock:length・mock:prose は"
            "見本用の模擬審査員。",
        ),
    ] = "mock:careful",
    dataset: DatasetName = "latest",
    criterion: Annotated[
        list[Criterion] | None,
        typer.Option(
            help="採点する観点（くり返し指定できます）。省くと四つすべて。", show_default=False
        ),
    ] = None,
    pairwise: Annotated[
        bool, typer.Option(help="二つの回答を順番を入れ替えて比べさせます。")
    ] = True,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="同時に送る要求の数。")] = 8,
    as_json: AsJson = False,
) -> None:
    """保存した回答を、別のモデル（審査員）に採点させます。結果は compare の報告書に入ります。

    審査員の接続先は HOMUTUNE_JUDGE_BASE_URL と HOMUTUNE_JUDGE_API_KEY で変えられます。
    """
    from homutune.client import friendly_errors
    from homutune.data import open_dataset
    from homutune.evaluation import CRITERIA, judge_runs, load_ratings, summarize_judge
    from homutune.settings import load_settings

    settings = load_settings()
    opened = open_dataset(settings.home, None if dataset == "latest" else dataset)
    one, two = find_run(settings, opened, base), find_run(settings, opened, tuned)
    if one.config.id == two.config.id:
        raise UserError(
            "同じ評価どうしは比べられません。", remedy="別のモデルか条件を指定してください。"
        )
    with ExitStack() as stack:
        chosen = _judge(settings, judge_name, stack)
        stack.enter_context(_keeping_verdicts())
        stack.enter_context(friendly_errors(settings.for_judge))
        bars = stack.enter_context(progress_bars())
        task = bars.add_task("採点", total=None)
        judged = judge_runs(
            chosen,
            one,
            two,
            criteria=[str(name) for name in criterion or ()] or tuple(CRITERIA),
            pairwise=pairwise,
            concurrency=concurrency,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )
    result = summarize_judge(judged, one, two, load_ratings(settings.home))
    if as_json:
        print_json({"believed": result.believed, **asdict(result)})
        return
    _print(result)


@contextmanager
def _keeping_verdicts() -> Iterator[None]:
    """Say with any failure that nothing judged so far is lost."""
    try:
        yield
    except UserError as error:
        kept = "それまでの判定は保存してあり、同じコマンドで続きから再開できます。"
        error.remedy = f"{error.remedy or ''}{kept}"
        raise


def _judge(settings: Settings, name: str, stack: ExitStack) -> Judge:
    from homutune.client import connect
    from homutune.evaluation import MockJudge, ModelJudge

    if name == "mock" or name.startswith("mock:"):
        return MockJudge(name.removeprefix("mock").removeprefix(":") or "careful")
    reached = settings.for_judge
    if not reached.is_local:
        note(f"質問と回答を {reached.base_url} の {name} に送ります。", "yellow")
    return ModelJudge(stack.enter_context(connect(reached)), name)


def _print(result: JudgeResult) -> None:
    from homutune.evaluation import CRITERIA
    from homutune.evaluation import _wording as wording

    trusted = "人の採点と一致" if result.believed else "参考値（人との一致を確かめていません）"
    tell(f"審査員 {result.judge}: {trusted}", "bold")
    for warning in result.warnings:
        tell(f"注意: {warning}", "yellow")
    if result.trusts:
        table = Table(title="人の採点との一致", title_justify="left", box=SIMPLE_HEAD)
        for title in ("観点", "件数", "AC2", "重み付きκ", "順位相関", "人どうしのAC2"):
            table.add_column(title, justify="left" if title == "観点" else "right", no_wrap=True)
        for name, held in result.trusts.items():
            figures = (held.ac2, held.kappa, held.rho, held.people_ac2)
            table.add_row(CRITERIA[name], str(held.n), *(wording.number(x) for x in figures))
        out.print(table)
    table = Table(title="1〜5の採点", title_justify="left", box=SIMPLE_HEAD)
    for title in ("観点", "前", "後", "差", "95%区間", "p"):
        table.add_column(title, justify="left" if title == "観点" else "right", no_wrap=True)
    for name, r in result.criteria.items():
        table.add_row(
            CRITERIA[name],
            wording.number(r.base_mean),
            wording.number(r.tuned_mean),
            wording.number(r.difference, sign=True),
            wording.interval_text(r.t_interval),
            wording.p_text(r.p_holm),
        )
    if result.criteria:
        out.print(table)
    table = Table(title="二つを比べた判定（順番を入れ替えても同じ勝ちだけ）", title_justify="left")
    table.box = SIMPLE_HEAD
    for title in ("観点", "勝ち", "引き分け", "負け", "欠測", "順番で変わった", "p"):
        table.add_column(title, justify="left" if title == "観点" else "right", no_wrap=True)
    for name, pair in result.pairs.items():
        rate = "―" if pair.flip_rate is None else f"{pair.flip_rate:.0%}"
        counts = (pair.wins, pair.ties, pair.losses, pair.missing)
        table.add_row(CRITERIA[name], *map(str, counts), rate, wording.p_text(pair.p))
    if result.pairs:
        out.print(table)
    for reason, count in result.missing.items():
        tell(f"欠測: {reason} {count}件", "yellow")
