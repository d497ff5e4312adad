"""``homutune data preview``: what a model reads of a training line, and what it learns of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from homutune.cli._console import note, out, print_json, tell
from homutune.cli._data_load import EXAMPLES
from homutune.cli._data_source import Source, Target, open_source
from homutune.cli._options import AsJson
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.data import TrainingLine
    from homutune.engine import Piece

PREVIEW_EPILOG = "\n".join(
    (
        EXAMPLES,
        "  homutune data preview                      最初の1行",
        "  homutune data preview latest --line 5",
        "  homutune data preview qa.csv --id qa-012 --model gpt-4.1-mini",
    )
)
#: Two shades of each, so that neighbouring tokens can be told apart.
_LEARNED = ("black on green3", "black on dark_sea_green2")
_READ = ("default", "dim")
_CUT = ("white on red", "white on dark_red")


def preview(
    target: Target = None,
    line: Annotated[int, typer.Option(min=1, help="何行目を見るか（1から）。")] = 1,
    example_id: Annotated[
        str | None, typer.Option("--id", help="この id の例を見ます。", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="モデル。省くと設定のベースモデル。", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """学習の1行を、モデルが読む形で色分けして見せます（緑が学習される部分です）。"""
    from homutune.settings import load_settings

    settings = load_settings()
    name = model or settings.base_model
    chosen = _line(open_source(target), line, example_id)
    pieces, cap = _pieces(settings.home, name, chosen)
    total = sum(piece.n_tokens for piece in pieces)
    learned = sum(piece.n_tokens for piece in pieces if piece.scored)
    if as_json:
        result: dict[str, Any] = {"model": name, "example": chosen.example_id, "case": chosen.case}
        result |= {"tokens": total, "learned": learned, "cap": cap}
        print_json({**result, "pieces": [asdict(piece) for piece in pieces]})
        return
    from homutune.data import visible

    tell(f"{chosen.example_id}（{chosen.case}）　{name}", "bold")
    text = Text()
    position = 0
    for number, piece in enumerate(pieces):
        shades = _CUT if cap and position >= cap else _LEARNED if piece.scored else _READ
        text.append(visible(piece.text), shades[number % 2])
        position += piece.n_tokens
    out.print(text, soft_wrap=True)
    share = f"{learned / total:.0%}" if total else "0%"
    tell(f"{total:,} トークンのうち、学習されるのは緑の {learned:,}（{share}）です。")
    if cap and total > cap:
        note(f"上限 {cap:,} トークンを超えた赤い部分は切り捨てられ、学習されません。", "red")
    if not learned:
        note("学習される部分がありません。assistant の発言と weight を確かめてください。", "red")


def _line(source: Source, number: int, example_id: str | None) -> TrainingLine:
    """The training line asked for: of a dataset its training side, grounded where it can be."""
    from homutune.data import build_lines

    if source.dataset is not None:
        examples, cards = source.dataset.train, source.dataset.train_cards
        if example_id is not None and all(e.meta.id != example_id for e in examples):
            examples, cards = source.dataset.valid, list(source.dataset.cards)
    else:
        examples, cards = list(source.examples()), source.cards or []
    linked = cards and any(example.meta.cards for example in examples)
    lines = build_lines(examples, cards, recipe="grounded" if linked else "plain")
    if example_id is not None:
        lines = [line for line in lines if line.example_id == example_id]
        if not lines:
            raise UserError(
                f"id「{example_id}」の例がありません。", remedy="id の綴りを確認してください。"
            )
    if number > len(lines):
        raise UserError(
            f"{number}行目はありません（全部で{len(lines)}行）。",
            remedy=f"--line に 1〜{len(lines)} を指定してください。",
        )
    return lines[number - 1]


def _pieces(home: Any, model: str, line: TrainingLine) -> tuple[list[Piece], int | None]:
    """The pieces and the cap of ``model``: exact for a local model, else by OpenAI's tokenizer."""
    from homutune.engine import BaseModels, Piece, UnknownModel, loss_mask

    try:
        if BaseModels(home).get(model).ready:
            return loss_mask(home, model, line.messages), None
        raise UserError(
            f"ベースモデル「{model}」がまだ準備されていません。",
            remedy="homutune serve か homutune tune start を一度実行するか、"
            "--model gpt-4.1-mini のように指定してください。",
        )
    except UnknownModel:
        pass
    from homutune.data import load_prices, openai_pieces

    cap = load_prices().find(model).token_cap
    note("OpenAI の会話の区切りは公開されていないため、区切りは目安です。", "yellow")
    pieces = [Piece(*piece) for piece in openai_pieces(line.messages, model)]
    return pieces, cap
