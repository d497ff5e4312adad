"""質問・相談: questions to the tuned model, answers that arrive word by word, and their history."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.server import MatterRow
from homutune.web._answering import LATEST, choose, clean_question, stream
from homutune.web._context import Web, download, go, user_of, web_of

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
) -> Response:
    """Open a conversation with its first question."""
    web = web_of(request)
    text = clean_question(question)
    matter = web.matters.create(user_of(request), KIND, text.splitlines()[0][:60])
    _add(web, matter, text, model)
    return go(f"/ask/{matter.id}")


@router.get("/{matter_id}")
def show(request: Request, matter_id: str) -> Response:
    """One conversation."""
    web, matter = _matter(request, matter_id)
    return _page(request, web, matter, _turns(web, matter))


@router.post("/{matter_id}")
def add(
    request: Request,
    matter_id: str,
    question: Annotated[str, Form()] = "",
    model: Annotated[str, Form()] = LATEST,
) -> Response:
    """One more question."""
    web, matter = _matter(request, matter_id)
    _add(web, matter, clean_question(question), model)
    return go(f"/ask/{matter.id}#last")


@router.post("/{matter_id}/turns/{number}/answer")
def answer(request: Request, matter_id: str, number: int) -> Response:
    """Stream the answer: one JSON object a line, ``text`` or ``problem``; kept at the end."""
    web, matter = _matter(request, matter_id)
    turns = _turns(web, matter)
    if not 1 <= number <= len(turns):
        raise HTTPException(404)
    asked = turns[number - 1]

    def lines() -> Iterator[str]:
        try:
            for part in stream(web, asked["question"], choose(web, asked["model"]), matter):
                if isinstance(part, str):
                    yield json.dumps({"text": part}, ensure_ascii=False) + "\n"
                else:
                    _keep(web, matter, number, part)
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
        request, "ask/_answer.html", turn=turns[number - 1], number=number, matter=matter
    )


@router.get("/{matter_id}/export.md")
def export(request: Request, matter_id: str) -> Response:
    """The conversation as Markdown."""
    web, matter = _matter(request, matter_id)
    text = web.render(request, "ask/export.md", turns=_turns(web, matter), matter=matter)
    return download(text.encode(), f"{matter.title[:30]}.md", "text/markdown; charset=utf-8")


@router.post("/{matter_id}/delete")
def delete(request: Request, matter_id: str) -> Response:
    """Remove the conversation for good."""
    web, matter = _matter(request, matter_id)
    web.matters.delete(matter)
    return go("/ask")


def _page(
    request: Request, web: Web, matter: MatterRow | None, turns: list[dict[str, Any]]
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
    )


def _matter(request: Request, matter_id: str) -> tuple[Web, MatterRow]:
    web = web_of(request)
    return web, web.matters.get(user_of(request), KIND, matter_id)


def _turns(web: Web, matter: MatterRow) -> list[dict[str, Any]]:
    path = web.matters.folder(matter) / "turns.json"
    return list(json.loads(path.read_text("utf-8"))) if path.is_file() else []


def _write(web: Web, matter: MatterRow, turns: list[dict[str, Any]]) -> None:
    path = web.matters.folder(matter) / "turns.json"
    write_atomic(path, json.dumps(turns, ensure_ascii=False))


def _add(web: Web, matter: MatterRow, question: str, model: str) -> None:
    turns = _turns(web, matter)
    waiting = {"question": question, "answer": None, "model": model, "at": int(time.time())}
    _write(web, matter, [*turns, waiting])
    web.matters.update(matter, status="open")


def _keep(web: Web, matter: MatterRow, number: int, finished: dict[str, Any]) -> None:
    turns = _turns(web, matter)
    turns[number - 1] = finished
    _write(web, matter, turns)
