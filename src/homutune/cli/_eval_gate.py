"""``homutune eval gate``: exit code 0 when the candidate may replace the base, 1 when not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from homutune.cli._console import print_json, tell
from homutune.cli._eval_common import MODEL_HELP, Criterion, DatasetName, resolve
from homutune.cli._options import AsJson


def gate(
    base: Annotated[str, typer.Argument(metavar="[BASE]", help=MODEL_HELP)] = "base",
    candidate: Annotated[str, typer.Argument(metavar="[CANDIDATE]", help=MODEL_HELP)] = "latest",
    dataset: DatasetName = "latest",
    margin: Annotated[
        float, typer.Option(help="許せる低下の幅（0〜1）。差の95%区間の下限が −margin 以上で合格。")
    ] = 0.05,
    allow: Annotated[
        int, typer.Option(help="はい・いいえの検査で、不合格が増えてもよい問題の数。")
    ] = 0,
    criterion: Annotated[
        list[Criterion] | None,
        typer.Option(
            help="合否に使う観点（くり返し指定できます）。省くと correctness（正確性）。",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """前より悪くなっていないかを判定します。不合格なら終了コード1です（CI 用）。"""
    from homutune.data import open_dataset
    from homutune.evaluation import CONDITIONS, check_gate, compare_runs, find_pairs
    from homutune.settings import load_settings

    settings = load_settings()
    base_name, _ = resolve(settings, base)
    name, _ = resolve(settings, candidate)
    opened = open_dataset(settings.home, None if dataset == "latest" else dataset)
    pairs, absent = find_pairs(settings.home, opened, base=base_name, tuned=name)
    result = check_gate(
        compare_runs(opened, pairs, absent),
        pairs,
        margin=margin,
        allowed=allow,
        criteria=[str(name) for name in criterion or ()] or ("correctness",),
    )
    if as_json:
        print_json({"passed": result.passed, **asdict(result)})
    else:
        for line in result.lines:
            mark = "合格  " if line.passed else "不合格"
            tell(
                f"{mark} {line.condition} {line.name}: {line.reason}",
                None if line.passed else "red",
            )
            if line.items:
                tell(f"         悪くなった質問: {'、'.join(line.items)}")
        for condition, why in absent.items():
            tell(f"測っていません: {CONDITIONS[condition].label}（{why}）", "yellow")
        if result.passed:
            tell(
                f"合格: {name} は {base_name} より悪くなっていません（許容 {margin:g}）。",
                "bold green",
            )
        else:
            tell(f"不合格: {name} を {base_name} の代わりに使えません。", "bold red")
    if not result.passed:
        raise typer.Exit(1)
