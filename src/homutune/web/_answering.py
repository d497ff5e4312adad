"""A question put to the model with the notes it may lean on, every sentence held against them."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homutune.assistant import Answer, LegalModel, LegalQA
from homutune.client import Reply, Turn
from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.law import LawStore, extract_citations, law_names
from homutune.prompting import PLANS
from homutune.tuning import sync_models
from homutune.web._context import Web

LATEST = "latest"
FORMS = ("文章", "箇条書き", "表")
MAX_QUESTION = 4000


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that answers, and how it is asked."""

    model: str
    plan: str


@dataclass(slots=True)
class Before:
    """What was asked before in a conversation that is kept elsewhere."""

    turns: list[Turn] = field(default_factory=list)

    def add(self, question: str, reply: Reply, **details: Any) -> None:
        """Nothing: the matter keeps the answer."""


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
    web: Web, question: str, choice: Choice, before: Sequence[str], *, inside: bool = False
) -> Iterator[str | Answer]:
    """The model's words as they come, then the answer that was made of them.

    Args:
        before: the questions asked before in this conversation.
        inside: refuse a model that is not on this machine (外部送信禁止 of the matter).

    Raises:
        UserError: the model could not be reached or refused; also half-way.
    """
    heard: queue.SimpleQueue[str | Answer | BaseException] = queue.SimpleQueue()
    history = Before([Turn(asked, "", {}, "") for asked in before])

    def work() -> None:
        try:
            library = web.library if choice.plan == "grounded" else None
            with LegalModel(choice.model, settings=web.settings, no_external=inside) as model:
                qa = LegalQA(model, PLANS[choice.plan], library, LawStore(web.home))
                heard.put(qa.ask(question, history, heard.put))
        except BaseException as error:
            heard.put(error)

    threading.Thread(target=work, daemon=True).start()
    while True:
        item = heard.get()
        if isinstance(item, BaseException):
            raise item
        yield item
        if isinstance(item, Answer):
            return


def article_text(home: Path, label: str) -> tuple[str, list[str], str] | None:
    """The stored text of the article that ``label`` names: caption, paragraphs, 基準日."""
    store = LawStore(home)
    for citation in extract_citations(label)[:1]:
        for law in law_names().laws(citation.law):
            stored = store.get(law.law_id)
            article = stored.articles.get(citation.article) if stored else None
            if stored and article and not article.deleted:
                lines = [
                    line
                    for paragraph in article.paragraphs
                    for line in (paragraph.text, *paragraph.items.values())
                ]
                return article.caption or "", lines, stored.as_of or ""
    return None


def read_turns(folder: Path) -> list[dict[str, Any]]:
    """The turns of a conversation; ``answer`` is an :class:`Answer`, or None while it waits."""
    path = folder / "turns.json"
    turns = list(json.loads(path.read_text("utf-8"))) if path.is_file() else []
    return [
        {**turn, "answer": Answer.from_dict(turn["answer"]) if turn["answer"] else None}
        for turn in turns
    ]


def write_turns(folder: Path, turns: list[dict[str, Any]]) -> None:
    """Keep the turns, unless the conversation was deleted meanwhile."""
    if folder.is_dir():
        rows = [{**t, "answer": t["answer"].as_dict() if t["answer"] else None} for t in turns]
        write_atomic(folder / "turns.json", json.dumps(rows, ensure_ascii=False))


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
