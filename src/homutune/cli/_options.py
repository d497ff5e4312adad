"""What several commands share: options, their checks, and the colours of a priority."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homutune.errors import UserError

AsJson = Annotated[bool, typer.Option("--json", help="結果を JSON で出力します。")]
NoExternal = Annotated[
    bool, typer.Option("--no-external", help="外部送信禁止。この PC のモデルだけを使います。")
]
ModelName = Annotated[
    str, typer.Option(help="モデル名・別名・suffix。latest は最後に学習したもの。")
]
ChangeAuthor = Annotated[str, typer.Option(metavar="<名前>", help="変更履歴の作成者名。")]

# A contract and our place in it.
ContractType = Annotated[
    str | None,
    typer.Option("--type", metavar="<類型>", help="契約類型。省くと自動で判定します。"),
]
OurSide = Annotated[str | None, typer.Option(metavar="<立場>", help="自社の立場（例: 受託者）。")]
OurParty = Annotated[
    str | None,
    typer.Option(metavar="<甲か乙>", help="自社が甲か乙か。省くと条文から判定します。"),
]
PlaybookFolder = Annotated[
    Path | None, typer.Option(help="プレイブックのフォルダー。省くと同梱のもの。")
]
#: 確認優先度 -> how it is printed.
PRIORITY_STYLES = {"高": "bold red", "中": "bold yellow", "低": "bold cyan"}


def check_party(party: str | None) -> None:
    """Refuse a ``--party`` that is neither 甲 nor 乙.

    Raises:
        UserError: it is something else.
    """
    if party not in (None, "甲", "乙"):
        raise UserError(
            f"--party は甲か乙です（{party}）。", remedy="--party 甲 の形で指定してください。"
        )
