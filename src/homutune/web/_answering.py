"""A question put to the model through the client, with the cards it may lean on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from homutune.data import Card, CardLibrary, CardShelf, corpus_path, is_abstention, references
from homutune.errors import UserError
from homutune.law import check_citation, extract_citations
from homutune.prompting import PLANS, Prompt, build
from homutune.server import MatterRow
from homutune.tuning import sync_models
from homutune.web._context import Web

LATEST = "latest"
MAX_QUESTION = 4000


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that answers, and how it is asked."""

    model: str
    plan: str


def choose(web: Web, name: str) -> Choice:
    """The model asked for, asked the way it was trained; the base model while there is no other.

    Raises:
        UserError: the server could not be reached.
    """
    settings = web.settings
    if name == LATEST:
        with web.client() as client:
            sync_models(web.home, client)
    known = web.models()
    entry = next((e for e in known if name in (LATEST, e.model)), None)
    if entry is not None:
        return Choice(entry.model, "plain" if entry.recipe == "plain" else "grounded")
    return Choice(settings.base_model if name == LATEST else name, "grounded")


def stream(
    web: Web, question: str, choice: Choice, matter: MatterRow | None = None
) -> Iterator[str | dict[str, Any]]:
    """The answer piece by piece, then the finished turn as JSON values.

    Args:
        matter: what the question belongs to; it decides whether it may leave this machine.

    Raises:
        UserError: the model could not be reached or refused; also half-way.
    """
    plan = PLANS[choice.plan]
    prompt = build(plan, question, _library(web.home) if plan.form == "grounded" else None)
    messages: Any = [dict(message) for message in prompt.messages]
    parts: list[str] = []
    finish = None
    with (
        web.client(matter) as client,
        client.chat.completions.create(
            model=choice.model,
            messages=messages,
            max_tokens=plan.max_tokens,
            temperature=plan.temperature,
            stream=True,
        ) as chunks,
    ):
        for chunk in chunks:
            for part in chunk.choices:
                finish = part.finish_reason or finish
                if text := part.delta.content:
                    parts.append(text)
                    yield text
    yield _turn(question, choice, prompt, "".join(parts), finish)


def _turn(
    question: str, choice: Choice, prompt: Prompt, answer: str, finish: str | None
) -> dict[str, Any]:
    cited = references(answer)
    cards = [_card(number, card, number in cited) for number, card in enumerate(prompt.cards, 1)]
    found = [check_citation(citation) for citation in extract_citations(answer)]
    dates = sorted(card.as_of for card in prompt.cards if card.as_of)
    return {
        "question": question,
        "answer": answer,
        "at": int(time.time()),
        "model": choice.model,
        "plan": choice.plan,
        "cut": finish == "length",
        "abstention": bool(prompt.cards) and is_abstention(answer),
        "cards": cards,
        "unknown": [number for number in cited if not 1 <= number <= len(cards)],
        "citations": list(
            {
                f.citation.label: {
                    "label": f.citation.label,
                    "verdict": str(f.verdict),
                    "remedy": f.remedy,
                    "url": f.law.url if f.law else None,
                }
                for f in found
            }.values()
        ),
        "basis": dates[0] if dates else None,
    }


def _card(number: int, card: Card, cited: bool) -> dict[str, Any]:
    return {
        "number": number,
        "title": card.title,
        "text": card.text,
        "articles": list(card.articles),
        "as_of": card.as_of,
        "cited": cited,
    }


@cache
def _library(home: Path) -> CardLibrary:
    """The bundled cards and the team's own, as they are on disk when searched."""
    return CardLibrary(corpus_path() / "cards", CardShelf(home))


def clean_question(text: str) -> str:
    """The question as it is sent.

    Raises:
        UserError: empty or too long.
    """
    text = text.strip()
    if not text:
        raise UserError("質問が空です。", remedy="質問を書いてから送ってください。")
    if len(text) > MAX_QUESTION:
        raise UserError(
            f"質問が長すぎます（{len(text):,} 字、上限 {MAX_QUESTION:,} 字）。",
            remedy="要点にしぼってください。契約書は「契約書レビュー」で読み込めます。",
        )
    return text
