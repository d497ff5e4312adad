"""``homutune ask``: one legal question, answered with the notes that bear the answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from homutune.cli._console import note, print_json
from homutune.cli._options import AsJson, ModelName, NoExternal
from homutune.cli._qa import (
    AnswerPlan,
    Cards,
    FormName,
    answer_with_progress,
    open_desk,
    print_answer,
)
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.assistant import Answer
    from homutune.cli._qa import Desk


def ask(
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="質問。- なら標準入力から読みます。")
    ],
    model: ModelName = "latest",
    plan: AnswerPlan = None,
    cards: Cards = None,
    form: Annotated[
        FormName, typer.Option(metavar="<形>", help="文章・箇条書き・表・JSON のどれか。")
    ] = "文章",
    out: Annotated[
        Path | None, typer.Option(help="回答を書き出すファイル（.md .docx .json）。")
    ] = None,
    no_external: NoExternal = False,
    show_cards: Annotated[
        bool, typer.Option("--show-cards/--no-show-cards", help="根拠にしたカードを表示します。")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """法務の質問に、根拠の資料を添えて答えます。

    例: homutune ask "受領した商品の検査はいつまでに必要ですか" --out 回答.docx

    資料に支えのない文には【支えなし】と付け、支えがまったくなければ
    「確認できません。専門家に確認してください。」と答えます。
    """
    from homutune.assistant import EXPORT_SUFFIXES, export_answers
    from homutune.settings import load_settings

    text = _read_question(question)
    if out is not None and out.suffix.lower() not in EXPORT_SUFFIXES:
        raise UserError(
            f"この種類のファイルには書き出せません（{out.suffix or '拡張子なし'}）。",
            remedy=f"{'・'.join(EXPORT_SUFFIXES)} のどれかにしてください。",
            file=out,
        )
    settings = load_settings()
    desk = open_desk(settings, model, plan, cards, no_external=no_external)
    with desk.model:
        answer = answer_with_progress(desk, text)
    if out is not None:
        export_answers(out, [answer])
        note(f"書き出しました: {out}")
    if as_json or form == "JSON":
        print_json(as_dict(answer, desk))
    else:
        print_answer(answer, form, show_cards=show_cards)


def as_dict(answer: Answer, desk: Desk) -> dict[str, Any]:
    """What ``--json`` prints."""
    values = answer.as_dict()
    cards = values.pop("sources")
    cited = [card["number"] for card in cards if card["cited"]]
    return {
        "answer": values.pop("text"),
        "cards": cards,
        **values,
        "model": answer.model or desk.name,
        "tuned": desk.tuned,
        "references": cited if answer.answered else [],
        "abstention": not answer.answered,
    }


def _read_question(argument: str) -> str:
    text = argument
    if argument == "-":
        raw = sys.stdin.buffer.read()
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:  # a Windows console pipes its code page
            text = raw.decode("cp932", errors="replace")
    if not text.strip():
        raise UserError("質問が空です。", remedy='homutune ask "質問" の形で実行してください。')
    return text.strip()
