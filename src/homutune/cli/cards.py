"""``homutune cards``: the team's own notes, found by the next question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homutune.cli._console import print_json, tell
from homutune.cli._options import AsJson

if TYPE_CHECKING:
    from homutune.data import CardShelf

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="自社カード（解説・見解・Q&A）の追加・一覧・削除。学習し直さずに、すぐ検索されます。",
)


@app.command()
def add(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help=".md .xlsx .csv .yaml のファイル。")
    ],
) -> None:
    """自社カードを足します。同じ名前のファイルは入れ替えます。

    例: homutune cards add 社内見解.md よくある質問.xlsx

    Markdown は「# 題名」と本文、表は 題名・本文（または 質問・回答）の列を読みます。
    条文・分野・基準日・想定質問 の列や行があれば使います。
    """
    from homutune.settings import load_settings

    home = load_settings().home
    shelf = _shelf(home)
    for file in files:
        cards = shelf.add(file)
        dated = sum(card.as_of is not None for card in cards)
        tell(f"{file.name}: {len(cards)}枚を足しました（基準日あり {dated}枚）。")
    tell("次の homutune ask と chat から使われます。")


@app.command("list")
def list_(
    as_json: AsJson = False,
) -> None:
    """自社カードを一覧します。

    例: homutune cards list
    """
    from dataclasses import asdict

    from homutune.settings import load_settings

    listed = _shelf(load_settings().home).listed()
    if as_json:
        print_json([{"file": file, **asdict(card)} for file, card in listed])
        return
    if not listed:
        tell("自社カードはまだありません。homutune cards add FILE で足せます。")
    for file, card in listed:
        dated = f"（{card.as_of} 時点）" if card.as_of else ""
        tell(f"{card.id}  {card.title}{dated}  {'・'.join(card.articles)}  [{file}]")


@app.command()
def remove(
    names: Annotated[
        list[str], typer.Argument(metavar="ID...", help="カードの id か、足したファイルの名前。")
    ],
) -> None:
    """自社カードを消します。

    例: homutune cards remove 社内見解-1a2b3c4d
    """
    from homutune.settings import load_settings

    shelf = _shelf(load_settings().home)
    for name in names:
        tell(f"{len(shelf.remove(name))}枚を消しました（{name}）。")


def _shelf(home: Path) -> CardShelf:
    from homutune.data import CardShelf

    return CardShelf(home)
