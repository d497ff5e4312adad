"""``homutune ask``: put a question to the tuned model, with the cards it may lean on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from homutune.cli._console import note, print_json, tell
from homutune.errors import UserError

if TYPE_CHECKING:
    import openai

    from homutune.data import Card
    from homutune.prompting import Prompt, PromptPlan
    from homutune.settings import Settings

PlanName = Literal["grounded", "plain"]
#: Where ``homutune init`` puts the cards of a project.
PROJECT_CARDS = Path("data/cards")


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that answers, and how it is asked."""

    model: str
    tuned: bool
    plan: PlanName


def ask(
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="質問。- なら標準入力から読みます。")
    ],
    model: Annotated[str, typer.Option(help="モデル名。latest は最後に学習したもの。")] = "latest",
    plan: Annotated[
        PlanName | None,
        typer.Option(metavar="<名前>", help="grounded か plain。省くと学習時と同じ。"),
    ] = None,
    cards: Annotated[
        Path | None,
        typer.Option(help="解説カード。省くと data/cards か同梱のもの。"),
    ] = None,
    show_cards: Annotated[
        bool, typer.Option("--show-cards/--no-show-cards", help="根拠にしたカードを表示します。")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="結果を JSON で出力します。")] = False,
) -> None:
    """学習したモデルに法務の質問をします。

    例: homutune ask "受領した商品の検査はいつまでに必要ですか"
    """
    from homutune.client import connect, friendly_errors
    from homutune.prompting import PLANS
    from homutune.settings import load_settings

    text = _read_question(question)
    settings = load_settings()
    with friendly_errors(settings), connect(settings) as client:
        choice = _choose(settings, client, model, plan)
        prompt = _build(PLANS[choice.plan], text, cards)
        reply = _stream(client, choice.model, PLANS[choice.plan], prompt, echo=not as_json)
    if as_json:
        print_json(_as_dict(text, choice, prompt, reply))
        return
    if show_cards:
        _print_cards(prompt.cards, reply)
    _print_citations(reply)
    tell(disclaimer(prompt.cards), style="dim")


def disclaimer(cards: Sequence[Card]) -> str:
    """What must stand under every answer; dated by the oldest card that was shown."""
    dates = sorted(card.as_of for card in cards if card.as_of)
    basis = f"データ基準日 {dates[0]}" if dates else "資料なしの回答"
    return f"法的助言・鑑定ではありません。内容は担当者が条文で確認してください（{basis}）"


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


def _choose(settings: Settings, client: openai.OpenAI, name: str, plan: PlanName | None) -> Choice:
    """The model asked for; the newest of this server; or the base model, with a note."""
    from homutune.tuning import find_model, sync_models

    if name == "latest":
        sync_models(settings.home, client)
    entry = find_model(settings.home, name, settings.base_url)
    if entry is not None:
        same: PlanName = "plain" if entry.recipe == "plain" else "grounded"
        return Choice(entry.model, True, plan or same)
    if name != "latest":
        return Choice(name, False, plan or "grounded")
    note(
        f"学習したモデルがまだないため、ベースモデル {settings.base_model} で答えます。"
        "homutune tune start で学習できます。",
        style="yellow",
    )
    return Choice(settings.base_model, False, plan or "grounded")


def _build(plan: PromptPlan, question: str, cards: Path | None) -> Prompt:
    from homutune.data import Retriever, corpus_path, read_cards
    from homutune.prompting import build

    if plan.form == "plain":
        return build(plan, question)
    bundled = corpus_path() / "cards"
    path = cards or (PROJECT_CARDS if PROJECT_CARDS.is_dir() else bundled)
    return build(plan, question, Retriever(read_cards(path)))


def _stream(
    client: openai.OpenAI, model: str, plan: PromptPlan, prompt: Prompt, *, echo: bool
) -> str:
    """Ask and return the answer, writing it to stdout while it comes."""
    messages: Any = [dict(message) for message in prompt.messages]
    parts: list[str] = []
    finish = None
    with client.chat.completions.create(
        model=model,
        messages=messages,
        max_tokens=plan.max_tokens,
        temperature=plan.temperature,
        stream=True,
    ) as stream:
        for chunk in stream:
            for choice in chunk.choices:
                finish = choice.finish_reason or finish
                if text := choice.delta.content:
                    parts.append(text)
                    if echo:
                        sys.stdout.write(text)
                        sys.stdout.flush()
    if echo:
        sys.stdout.write("\n\n")
    if finish == "length":
        note("回答が長さの上限で途切れています。", style="yellow")
    return "".join(parts)


def _print_cards(cards: Sequence[Card], reply: str) -> None:
    from homutune.data import is_abstention, references

    cited = references(reply)
    if not cards:
        return
    if is_abstention(reply):
        tell("渡した資料に答えがないと判断しました。渡した資料:", style="bold")
    elif not cited:
        tell("回答は資料番号を示していません。渡した資料:", style="bold yellow")
    else:
        tell("根拠にした資料:", style="bold")
    for number, card in enumerate(cards, start=1):
        if not cited or number in cited:
            articles = "・".join(card.articles)
            dated = f"（{card.as_of} 時点）" if card.as_of else ""
            tell(f"[{number}] {card.title} {articles}{dated}")
    unknown = [number for number in cited if not 1 <= number <= len(cards)]
    if unknown:
        listed = "".join(f"[{number}]" for number in unknown)
        tell(f"回答の {listed} に当たる資料はありません。", style="bold yellow")


def _citations(reply: str) -> list[tuple[str, str, str]]:
    """Article, verdict and what to do about it, once for each article named in ``reply``."""
    from homutune.law import check_citation, extract_citations

    found = (check_citation(citation) for citation in extract_citations(reply))
    return list(dict.fromkeys((f.citation.label, str(f.verdict), f.remedy) for f in found))


def _print_citations(reply: str) -> None:
    if not (cited := _citations(reply)):
        return
    tell("回答が挙げた条文（条があるかどうかだけを確かめています）:", style="bold")
    for label, verdict, remedy in cited:
        confirmed = verdict == "確認済み"
        tell(f"{label}（{verdict}）{remedy}", style=None if confirmed else "yellow")


def _as_dict(question: str, choice: Choice, prompt: Prompt, reply: str) -> dict[str, Any]:
    from homutune.data import is_abstention, references

    cited = references(reply)
    return {
        "question": question,
        "answer": reply,
        "model": choice.model,
        "tuned": choice.tuned,
        "plan": choice.plan,
        "references": list(cited),
        "abstention": is_abstention(reply),
        "citations": [
            {"citation": label, "verdict": verdict, "remedy": remedy}
            for label, verdict, remedy in _citations(reply)
        ],
        "cards": [
            {
                "number": number,
                "id": card.id,
                "title": card.title,
                "articles": list(card.articles),
                "as_of": card.as_of,
                "cited": number in cited,
            }
            for number, card in enumerate(prompt.cards, start=1)
        ],
        "disclaimer": disclaimer(prompt.cards),
    }
