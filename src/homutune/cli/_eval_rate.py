"""``homutune eval rate``: a blinded sheet for people, and its way back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from homutune.cli._console import print_json, tell
from homutune.cli._eval_arms import find_run
from homutune.cli._eval_common import MODEL_HELP, DatasetName
from homutune.cli._options import AsJson

app = typer.Typer(
    help="人による採点：採点表の書き出しと取り込み。",
    epilog="\n".join(
        (
            "使い方の例:",
            "  homutune eval rate export base latest --out 採点表.xlsx --limit 30",
            "  homutune eval rate import 採点表.xlsx --rater 山田",
        )
    ),
    no_args_is_help=True,
    add_completion=False,
)


@app.command("export")
def export(
    base: Annotated[str, typer.Argument(metavar="[A]", help=MODEL_HELP)] = "base",
    tuned: Annotated[str, typer.Argument(metavar="[B]", help=MODEL_HELP)] = "latest",
    path: Annotated[Path, typer.Option("--out", help="採点表（.xlsx か .csv）の保存先。")] = Path(
        "採点表.xlsx"
    ),
    dataset: DatasetName = "latest",
    limit: Annotated[
        int | None, typer.Option(min=1, help="質問の数。審査員の確認には30以上が要ります。")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """どのモデルの回答かを伏せた採点表を作ります。二人以上に同じ表を渡してください。"""
    from homutune.data import open_dataset
    from homutune.evaluation import export_sheet
    from homutune.settings import load_settings

    settings = load_settings()
    opened = open_dataset(settings.home, None if dataset == "latest" else dataset)
    runs = [find_run(settings, opened, spec) for spec in (base, tuned)]
    sheet = export_sheet(settings.home, path, runs, limit=limit)
    if as_json:
        print_json({"sheet": sheet, "path": str(path.resolve())})
        return
    tell(f"採点表: {path.resolve()}")
    tell("各行の四つの観点に1〜5を書き、保存して homutune eval rate import で取り込みます。")


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="記入した採点表。")],
    rater: Annotated[str, typer.Option(help="採点した人の名前。")],
    as_json: AsJson = False,
) -> None:
    """記入した採点表を取り込みます。同じ人がもう一度取り込むと、前の採点と入れ替わります。"""
    from homutune.evaluation import import_sheet
    from homutune.settings import load_settings

    result = import_sheet(load_settings().home, path, rater)
    if as_json:
        print_json(asdict(result))
        return
    tell(
        f"{result.rater} さんの採点を取り込みました"
        f"（回答 {result.answers}件、点数 {result.rated}個、空欄 {result.blank}個）。"
    )
