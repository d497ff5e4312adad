"""``homutune model release``: the tuned model as it goes into the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homutune.cli._console import print_json, tell
from homutune.cli._options import AsJson


def release(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="学習したモデルの名前、または latest。")
    ] = "latest",
    output: Annotated[
        Path | None,
        typer.Option(help="書き出すフォルダー。省くと models/ の中の、ベースモデルの名前。"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """学習したモデルを、モデルカードと一緒に公開用のフォルダーに写します（10 MB まで）。

    カードには、学習データの版・設定・シード・ライセンスと、保存した評価（区間つき）が入ります。
    models/ に置いたモデルは、homutune serve がすぐに使えるようにします。

    例:

      homutune model release

      homutune model release latest --output models/gemma3-270m
    """
    from homutune.cli.model import find_tuned
    from homutune.deliver import models_path, release_model
    from homutune.settings import load_settings

    tuned, base = find_tuned(model)
    made = release_model(load_settings().home, tuned, base, output or models_path() / base.id)
    if as_json:
        print_json(
            {
                "model": made.model,
                "folder": str(made.folder.resolve()),
                "files": made.files,
                "bytes": made.size,
            }
        )
        return
    tell(f"公開用に書き出しました: {made.folder}（{made.size / 1e6:.1f} MB）")
    for name, size in made.files.items():
        tell(f"  {name}（{size / 1e6:.2f} MB）")
