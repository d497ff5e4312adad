"""``homutune eval choices``: a model on a set of multiple-choice questions."""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from homutune.cli._console import note, print_json, tell
from homutune.cli._eval_common import MODEL_HELP, progress_bars, resolve
from homutune.cli._options import AsJson


def choices(
    file: Annotated[
        Path, typer.Argument(help="択一問題のファイル（data import --choices と同じ形）。")
    ],
    model: Annotated[str, typer.Option(help=MODEL_HELP)] = "latest",
    with_text: Annotated[
        bool, typer.Option("--with-text", help="問題の参考の文章（context）を見せます。")
    ] = False,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="同時に送る質問の数。")] = 8,
    as_json: AsJson = False,
) -> None:
    """択一問題を、選択肢の順を回して解かせます。中断しても続きから再開します。"""
    from homutune.client import connect, friendly_errors
    from homutune.data import read_choices
    from homutune.evaluation import answer_choices
    from homutune.settings import load_settings

    notes: list[str] = []
    items = read_choices(file, notes)
    for text in notes:
        note(text, "yellow")
    settings = load_settings()
    name, _ = resolve(settings, model)
    # Replies are found again by model and wording, so one log for a file serves all models.
    log = settings.home / "runs" / f"choices-{sha256(file.read_bytes()).hexdigest()[:12]}.jsonl"
    with connect(settings) as client, progress_bars() as bars, friendly_errors(settings):
        task = bars.add_task("択一問題", total=None)
        summary = answer_choices(
            client,
            items,
            log,
            model=name,
            with_text=with_text,
            concurrency=concurrency,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )
    if as_json:
        print_json({**asdict(summary), "majority_share": summary.majority_share})
        return
    form = "参考の文章つき" if with_text else "参考の文章なし"
    between = summary.interval
    tell(f"{name}、{form}、{summary.n}問", "bold")
    tell(
        f"正答率 {summary.accuracy:.1%}"
        + (f"（95%区間 {between[0]:.1%}〜{between[1]:.1%}）" if between else "")
        + "。選択肢の順をすべて回した平均。"
    )
    letter, count = summary.majority
    tell(f"元の順での正答 {summary.given_order}問、どの順でも正答 {summary.always_right}問")
    tell(f"比べるもの: いつも{letter}と答えると{count}問、でたらめなら {summary.chance:.1%}")
    if summary.unread or summary.failed:
        tell(
            f"読み取れない回答 {summary.unread}件、失敗 {summary.failed}件（誤答に数えます）",
            "yellow",
        )
