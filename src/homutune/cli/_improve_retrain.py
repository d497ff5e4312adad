"""``homutune improve retrain``: train on the new version and compare before and after."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from homutune.cli._console import note, out, print_json, tell
from homutune.cli._eval_common import (
    MODEL_HELP,
    DatasetName,
    conditions_of,
    measure,
    resolve,
)
from homutune.cli._eval_report import report_comparison
from homutune.cli._improve_common import LoopName, open_it
from homutune.cli._options import AsJson
from homutune.errors import UserError

if TYPE_CHECKING:
    import openai

    from homutune.evaluation import VersionScore
    from homutune.improvement import Loop
    from homutune.settings import Settings
    from homutune.tuning import ModelEntry


def retrain(
    loop: LoopName = "latest",
    epochs: Annotated[int | None, typer.Option(min=1, help="省くと前のモデルと同じ。")] = None,
    suffix: Annotated[str | None, typer.Option(help="モデル名に付ける名前。")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="評価の質問の数を減らします。")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="同時に送る質問の数。")] = 8,
    report: Annotated[Path | None, typer.Option("--out", help="報告書（HTML）の保存先。")] = None,
    as_json: AsJson = False,
) -> None:
    """新しい版で学習し直し、前のモデルと後のモデルを同じ質問で比べます。続きから再開できます。"""
    from homutune.cli._eval_view import print_comparison
    from homutune.client import connect, friendly_errors
    from homutune.data import open_dataset
    from homutune.improvement import applied_version

    settings, opened = open_it(loop)
    dataset = open_dataset(settings.home, applied_version(opened))
    before = opened.weaknesses.model
    with friendly_errors(settings), connect(settings) as client:
        entry = _train(settings, client, opened, epochs, suffix)
        conditions = conditions_of(dataset, "all")
        for model in (before, entry.model):
            note(f"評価: {model}")
            measure(
                settings,
                client,
                dataset,
                conditions,
                model=model,
                limit=limit,
                concurrency=concurrency,
            )
    made = report_comparison(
        settings, dataset, base=before, tuned=entry.model, entry=entry, path=report
    )
    if as_json:
        print_json(
            {
                "loop": opened.id,
                "dataset": dataset.name,
                "before": before,
                "after": entry.model,
                "report": str(made.path.resolve()),
                "comparison": asdict(made.comparison),
                "history": [asdict(version) for version in made.versions],
            }
        )
        return
    print_comparison(made.comparison)
    _print_history(made.versions)
    tell(f"報告書: {made.path.resolve()}")


def history(
    model: Annotated[str, typer.Option(help=MODEL_HELP)] = "latest",
    dataset: DatasetName = "latest",
    condition: Annotated[str, typer.Option(help="評価の条件（grounded か plain）。")] = "grounded",
    as_json: AsJson = False,
) -> None:
    """同じ質問に答えた版ごとのモデルと点数を、古い順に表示します（図は比較の報告書にあります）。"""
    from homutune.data import open_dataset
    from homutune.evaluation import find_arm
    from homutune.improvement import version_history
    from homutune.settings import load_settings

    settings = load_settings()
    name, _ = resolve(settings, model)
    opened = open_dataset(settings.home, None if dataset == "latest" else dataset)
    run = find_arm(settings.home, opened, model=name, condition=condition)
    versions = version_history(settings.home, run, settings.base_url)
    if as_json:
        print_json({"versions": [asdict(version) for version in versions]})
    else:
        _print_history(versions)


def _train(
    settings: Settings,
    client: openai.OpenAI,
    loop: Loop,
    epochs: int | None,
    suffix: str | None,
) -> ModelEntry:
    """The model of the new version: found, followed to its end, or trained now."""
    from homutune.cli.tune import follow
    from homutune.improvement import find_or_start
    from homutune.tuning import ModelEntry

    found = find_or_start(settings, client, loop, suffix=suffix, on_note=note, n_epochs=epochs)
    if isinstance(found, ModelEntry):
        note(f"学習は終わっています: {found.model}")
        return found
    _, entry = follow(settings, client, found.id)
    if entry is None:
        raise UserError(
            f"学習（{found.id}）は中止されました。",
            remedy="homutune improve retrain をもう一度実行すると、新しく学習します。",
        )
    return entry


def _print_history(versions: list[VersionScore]) -> None:
    from homutune.evaluation import CRITERIA

    table = Table(title="版の履歴", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("学習データの版", no_wrap=True)
    table.add_column("件数", justify="right")
    table.add_column("モデル", overflow="fold")
    for label in CRITERIA.values():
        table.add_column(label, justify="right")
    for version in versions:
        table.add_row(
            version.trained_on,
            str(version.n_train or ""),
            version.model,
            *(
                f"{version.criteria[key].mean:.2f}" if key in version.criteria else "―"
                for key in CRITERIA
            ),
        )
    out.print(table)
