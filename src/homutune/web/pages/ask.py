"""質問・相談: questions to the tuned model, answers that arrive word by word, and their history."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from homutune.assistant import Answer, export_answers
from homutune.errors import UserError
from homutune.server import MatterRow
from homutune.web._answering import (
    FORMS,
    LATEST,
    article_text,
    choose,
    clean_question,
    read_turns,
    stream,
    write_turns,
)
from homutune.web._context import Web, go, user_of, web_of
from homutune.web._documents import send_made

#: How answers are laid out, by rule; see ``_answering.FORMS``.
Layout = Literal["文章", "箇条書き", "表"]
KIND = "chat"
router = APIRouter(prefix="/ask")


@router.get("")
def index(request: Request) -> Response:
    """A new conversation, and the earlier ones."""
    web = web_of(request)
    return _page(request, web, None, [])


@router.post("")
def begin(
    request: Request,
    question: Annotated[str, Form()] = "",
    model: Annotated[str, Form()] = LATEST,
    form: Annotated[Layout, Form()] = "文章",
) -> Response:
    """Open a conversation with its first question."""
    web = web_of(request)
    text = clean_question(question)
    matter = web.matters.create(user_of(request), KIND, text.splitlines()[0][:60])
    _add(web, matter, text, model, form)
    return go(f"/ask/{matter.id}")


@router.get("/articles")
def article(request: Request, label: str = "") -> Response:
    """The text of an article for its chip, where this server has fetched the law."""
    found = article_text(web_of(request).home, label[:200])
    return web_of(request).page(request, "ask/_article.html", found=found)


@router.get("/{matter_id}")
def show(request: Request, matter_id: str, form: Layout | None = None) -> Response:
    """One conversation, its answers laid out as ``form``."""
    web, matter = _matter(request, matter_id)
    return _page(request, web, matter, _turns(web, matter), form)


@router.post("/{matter_id}")
def add(
    request: Request,
    matter_id: str,
    question: Annotated[str, Form()] = "",
    model: Annotated[str, Form()] = LATEST,
    form: Annotated[Layout, Form()] = "文章",
) -> Response:
    """One more question."""
    web, matter = _matter(request, matter_id)
    _add(web, matter, clean_question(question), model, form)
    return go(f"/ask/{matter.id}#last")


@router.post("/{matter_id}/turns/{number}/answer")
def answer(request: Request, matter_id: str, number: int) -> Response:
    """Stream the answer: one JSON object a line, ``text`` or ``problem``; kept at the end."""
    web, matter = _matter(request, matter_id)
    turns = _turns(web, matter)
    if not 1 <= number <= len(turns):
        raise HTTPException(404)
    asked = turns[number - 1]
    before = [turn["question"] for turn in turns[: number - 1]]
    folder = web.matters.folder(matter)

    def lines() -> Iterator[str]:
        try:
            choice = choose(web, asked["model"])
            inside = bool(matter.facts.get("no_external"))
            for part in stream(web, asked["question"], choice, before, inside=inside):
                if isinstance(part, str):
                    yield json.dumps({"text": part}, ensure_ascii=False) + "\n"
                else:
                    _keep(folder, number, part, choice.model)
        except UserError as error:
            problem = f"{error.message}{error.remedy or ''}"
            yield json.dumps({"problem": problem}, ensure_ascii=False) + "\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@router.get("/{matter_id}/turns/{number}")
def turn(request: Request, matter_id: str, number: int) -> Response:
    """A finished answer with its chips."""
    web, matter = _matter(request, matter_id)
    turns = _turns(web, matter)
    if not 1 <= number <= len(turns):
        raise HTTPException(404)
    return web.page(
        request,
        "ask/_answer.html",
        turn=turns[number - 1],
        number=number,
        matter=matter,
        form=matter.facts.get("form", FORMS[0]),
    )


@router.get("/{matter_id}/export{suffix}")
def export(request: Request, matter_id: str, suffix: Literal[".md", ".docx"]) -> Response:
    """The conversation as Markdown or as a Word file."""
    web, matter = _matter(request, matter_id)
    answers = [turn["answer"] for turn in _turns(web, matter) if turn["answer"]]
    name = f"{matter.title[:30]}{suffix}"
    title = f"質問・相談：{matter.title}"
    return send_made(web, matter, name, lambda path: export_answers(path, answers, title))


@router.post("/{matter_id}/delete")
def delete(request: Request, matter_id: str) -> Response:
    """Remove the conversation for good."""
    web, matter = _matter(request, matter_id)
    web.matters.delete(matter)
    return go("/ask")


def _page(
    request: Request,
    web: Web,
    matter: MatterRow | None,
    turns: list[dict[str, Any]],
    form: Layout | None = None,
) -> Response:
    return web.page(
        request,
        "ask/index.html",
        matter=matter,
        turns=turns,
        conversations=web.matters.list(user_of(request), KIND, limit=50),
        models=web.models(),
        base=web.settings.base_model,
        latest=LATEST,
        forms=FORMS,
        form=form or (matter.facts.get("form", FORMS[0]) if matter else FORMS[0]),
        chosen=turns[-1]["model"] if turns else LATEST,
        warmed=web.warmed.is_set(),
    )


def _matter(request: Request, matter_id: str) -> tuple[Web, MatterRow]:
    web = web_of(request)
    return web, web.matters.get(user_of(request), KIND, matter_id)


def _turns(web: Web, matter: MatterRow) -> list[dict[str, Any]]:
    return read_turns(web.matters.folder(matter))


def _add(web: Web, matter: MatterRow, question: str, model: str, form: Layout) -> None:
    waiting = {"question": question, "answer": None, "model": model, "at": int(time.time())}
    write_turns(web.matters.folder(matter), [*_turns(web, matter), waiting])
    web.matters.update(matter, status="open", form=form)


def _keep(folder: Path, number: int, answer: Answer, model: str) -> None:
    turns = read_turns(folder)
    if len(turns) >= number:
        turns[number - 1] |= {"answer": answer, "answered_by": model}
        write_turns(folder, turns)
