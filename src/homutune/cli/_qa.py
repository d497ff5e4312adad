"""What ``ask`` and ``chat`` share: the model chosen, the desk opened, an answer printed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from homutune.cli._console import console, note, tell, tell_embedding
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.assistant import Answer, LegalModel, LegalQA, VettedAnswer
    from homutune.client import Conversation, Form
    from homutune.data import CardLibrary
    from homutune.settings import Settings

PlanName = Literal["grounded", "plain"]
AnswerPlan = Annotated[
    PlanName | None,
    typer.Option(metavar="<名前>", help="grounded か plain。省くと学習時と同じ。"),
]
Cards = Annotated[
    Path | None,
    typer.Option(help="解説カード。省くと data/cards か同梱のもの。自社カードは常に使います。"),
]
FormName = Literal["文章", "箇条書き", "表", "JSON"]
#: Where ``homutune init`` puts the cards of a project.
PROJECT_CARDS = Path("data/cards")


@dataclass(slots=True)
class Desk:
    """Everything that answers questions in one command."""

    model: LegalModel
    qa: LegalQA
    plan: PlanName
    tuned: bool
    name: str


def open_desk(
    settings: Settings,
    name: str,
    plan: PlanName | None,
    cards: Path | None,
    *,
    no_external: bool = False,
) -> Desk:
    """Choose the model and how it is asked, and open the cards.

    Raises:
        UserError: the server cannot be reached, external sending is forbidden, or the cards
            cannot be read.
    """
    from homutune.assistant import LegalModel, LegalQA
    from homutune.law import LawStore
    from homutune.prompting import PLANS

    model = LegalModel(name, settings=settings, no_external=no_external)
    model_id, tuned, recipe = _choose(model, name)
    chosen: PlanName = plan or ("plain" if recipe == "plain" else "grounded")
    library = open_library(settings, cards) if chosen == "grounded" else None
    vetted = _vetted(settings.home) if library else []
    qa = LegalQA(model, PLANS[chosen], library, LawStore(settings.home), vetted)
    return Desk(model, qa, chosen, tuned, model_id)


def open_library(settings: Settings, cards: Path | None) -> CardLibrary:
    """The cards named, or the project's, or the bundled ones; with the team's own."""
    from homutune.data import CardLibrary, CardShelf, corpus_path
    from homutune.embedding import text_vectors

    bundled = corpus_path() / "cards"
    base = cards or (PROJECT_CARDS if PROJECT_CARDS.is_dir() else bundled)
    if not base.exists():
        raise UserError(
            "カードのファイルかフォルダーが見つかりません。",
            remedy="--cards のパスを確認してください。",
            file=base,
        )
    vectors = text_vectors(settings, tell_embedding)
    return CardLibrary(base, CardShelf(settings.home), vectors=vectors)


def _vetted(home: Path) -> list[VettedAnswer]:
    """What the team accepted with ``homutune improve``."""
    if not (home / "improvements").is_dir():  # spares most the second that the import takes
        return []
    from homutune.assistant import VettedAnswer
    from homutune.improvement import accepted_pairs

    return [
        VettedAnswer(
            id=pair.meta.id,
            question=pair.question,
            answer=pair.answer,
            cards=pair.meta.cards,
            by=decision.by,
            at=decision.at,
            as_of=pair.meta.as_of,
        )
        for pair, decision in accepted_pairs(home)
    ]


def _choose(model: LegalModel, name: str) -> tuple[str, bool, str | None]:
    """(model id, whether it is tuned, recipe it was tuned with).

    Jobs that nobody watched to the end are remembered first, so that latest is the latest.
    """
    from homutune.client import connect, friendly_errors
    from homutune.tuning import find_model, sync_models

    settings = model.settings
    if name == "latest":
        with friendly_errors(settings), connect(settings) as client:
            sync_models(settings.home, client)
    entry = find_model(settings.home, name, settings.base_url)
    if entry is not None:
        return entry.model, True, entry.recipe
    if name != "latest":
        return name, False, None
    found = model.resolve()
    return found, found != settings.base_model, None


def answer_with_progress(
    desk: Desk, question: str, conversation: Conversation | None = None
) -> Answer:
    """Answer while a line on stderr shows that something is being written.

    Nothing of the answer is shown before it was checked: an unsupported sentence that scrolled
    by has been read.
    """
    if not console.is_terminal:
        return desk.qa.ask(question, conversation)
    with console.status("資料を探しています") as status:
        length = 0

        def heard(piece: str) -> None:
            nonlocal length
            length += len(piece)
            status.update(f"回答を書いています（{length}字）")

        return desk.qa.ask(question, conversation, heard)


def print_answer(answer: Answer, form: Form = "文章", *, show_cards: bool = True) -> None:
    """The answer with its marks, the notes it leaned on, the verdicts, and the disclaimer."""
    from homutune.assistant import answer_text

    tell(answer_text(answer, form), style=None if answer.answered else "bold")
    tell("")
    for remark in answer.notes:
        note(remark, style="yellow")
    if not answer.answered:
        tell(_WHY[answer.outcome], style="yellow")
    elif answer.plan == "plain":
        tell("資料と照合していない回答です。文の裏付けはありません。", style="bold yellow")
    elif answer.unsupported:
        count = len(answer.unsupported)
        tell(
            f"【支えなし】の {count} 文は、下の資料では裏付けられません。条文で確認してください。",
            style="bold yellow",
        )
    if show_cards:
        _print_sources(answer)
    if answer.vetted:
        _print_vetted(answer.vetted)
    if answer.citations:
        tell("回答が挙げた条文（条があるかどうかだけを確かめています）:", style="bold")
    for cited in answer.citations:
        tell(f"{cited.label}（{cited.verdict}）{cited.remedy}", None if cited.ok else "yellow")
    tell(answer.disclaimer, style="dim")


_WHY = {
    "資料なし": "質問の語を含む資料が見つかりませんでした。homutune cards add で資料を足せます。",
    "モデルが保留": "モデルは、渡した資料に答えがないと判断しました。",
    "支えなし": "モデルの回答は、渡した資料では1文も裏付けられなかったため示しません"
    "（--json では raw に入ります）。",
}


def _print_vetted(vetted: VettedAnswer) -> None:
    from homutune.assistant import VETTED

    tell(f"{VETTED}（{vetted.label}）:", style="bold")
    tell(f"    質問：{vetted.question}")
    for line in vetted.answer.splitlines():
        tell(f"    {line}")


def _print_sources(answer: Answer) -> None:
    shown = [source for source in answer.sources if source.cited and answer.answered]
    if answer.sources:
        if not answer.answered:
            shown = list(answer.sources)
            tell("渡した資料（参考）:", style="bold")
        elif shown:
            tell("根拠にした資料:", style="bold")
        else:
            shown = list(answer.sources)
            tell("回答は資料番号を示していません。渡した資料:", style="bold yellow")
    for source in shown:
        articles = "・".join(source.articles)
        dated = f"（{source.as_of} 時点）" if source.as_of else ""
        tell(f"[{source.number}] {source.title} {articles}{dated} {source.kind}")
        if answer.answered:
            tell(f"    {source.text}", style="dim")
    if answer.unknown_references and answer.answered:
        listed = "".join(f"[{number}]" for number in answer.unknown_references)
        tell(f"回答の {listed} に当たる資料はありません。", style="bold yellow")
