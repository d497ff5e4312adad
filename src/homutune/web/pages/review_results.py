"""契約書レビュー: what comes out of it, as files and as a page, and what a model adds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from homutune.assistant import (
    DISCLAIMER,
    DISPUTE,
    hunks,
    read_document,
    write_adopted,
    write_comments,
    write_excel,
    write_html,
)
from homutune.errors import UserError
from homutune.web._context import Web, download, go, user_of, wants_fragment
from homutune.web._documents import read, send_made, stem
from homutune.web._opinions import is_running, problem, start, unread
from homutune.web._reviews import changed, own_reviewed

router = APIRouter(prefix="/review")


@router.get("/{matter_id}/comments.docx")
def commented(request: Request, matter_id: str) -> Response:
    """A copy of the contract with the findings as comments."""
    web, matter, review, decisions = own_reviewed(request, matter_id)
    document = read(web.matters.folder(matter))
    name = f"{stem(matter)}-コメント付き.docx"
    return send_made(
        web, matter, name, lambda path: write_comments(path, document, review, decisions)
    )


@router.get("/{matter_id}/redline.docx")
def redlined(request: Request, matter_id: str) -> Response:
    """A copy of the contract in which what was adopted stands as tracked changes."""
    web, matter, review, decisions = own_reviewed(request, matter_id)
    document = read(web.matters.folder(matter))
    author = _author(web, request)
    return send_made(
        web,
        matter,
        f"{stem(matter)}-変更履歴.docx",
        lambda path: write_adopted(path, document, review, decisions, author=author),
    )


@router.get("/{matter_id}/redline")
def redline(request: Request, matter_id: str) -> Response:
    """The same copy as a page: what is deleted, what is inserted, and what could not be."""
    web, matter, review, decisions = own_reviewed(request, matter_id)
    document = read(web.matters.folder(matter))
    if document.format != "docx":
        raise UserError(
            "変更履歴は docx の契約書にだけ付けられます。",
            remedy="Word の契約書を読み込んでレビューしてください。",
        )
    with TemporaryDirectory(dir=web.matters.folder(matter)) as folder:
        path = web.matters.folder(matter) / Path(folder).name / "redline.docx"
        applied = write_adopted(path, document, review, decisions)
        # What the page shows is what stands in the file.
        written = read_document(path).text
    return web.page(
        request,
        "review/redline.html",
        matter=matter,
        applied=applied,
        numbers={finding.id: number for number, finding in enumerate(review.findings, 1)},
        paper=changed(document.text, hunks(document.text, written)),
        disclaimer=DISCLAIMER,
        dispute=DISPUTE,
    )


@router.get("/{matter_id}/review.xlsx")
def workbook(request: Request, matter_id: str) -> Response:
    """The findings as a table in which decisions can be written and brought back."""
    web, matter, review, decisions = own_reviewed(request, matter_id)
    name = f"{stem(matter)}-レビュー.xlsx"
    return send_made(web, matter, name, lambda path: write_excel(path, review, decisions))


@router.get("/{matter_id}/report.html")
def report(request: Request, matter_id: str) -> Response:
    """The cards as one file without scripts."""
    web, matter, review, decisions = own_reviewed(request, matter_id)
    name = f"{stem(matter)}-レビュー.html"
    return send_made(web, matter, name, lambda path: write_html(path, review, decisions))


@router.get("/{matter_id}/review.json")
def as_json(request: Request, matter_id: str) -> Response:
    """Everything, for another program."""
    _, matter, review, decisions = own_reviewed(request, matter_id)
    content: dict[str, Any] = {
        "disclaimer": DISCLAIMER + DISPUTE,
        **asdict(review),
        "decisions": {key: asdict(value) for key, value in decisions.items()},
    }
    text = json.dumps(content, ensure_ascii=False, indent=1)
    return download(text.encode(), f"{stem(matter)}-レビュー.json", "application/json")


@router.post("/{matter_id}/opinions")
def ask(request: Request, matter_id: str, model: Annotated[str, Form()] = "") -> Response:
    """Ask a model for its opinions; it reads in the background."""
    web, matter, review, _ = own_reviewed(request, matter_id)
    document = read(web.matters.folder(matter))
    start(web, matter, document, review, model.strip() or web.settings.base_model)
    if wants_fragment(request):
        return opinions(request, matter_id)
    return go(f"/review/{matter.id}#opinions")


@router.get("/{matter_id}/opinions")
def opinions(request: Request, matter_id: str) -> Response:
    """The piece of the page with the opinions; asks again while the model reads."""
    web, matter, review, _ = own_reviewed(request, matter_id)
    return web.page(
        request,
        "review/_opinions.html",
        matter=matter,
        review=review,
        running=is_running(web, matter),
        problem=problem(web, matter),
        unread=unread(web, matter),
        models=web.models(),
        base=web.settings.base_model,
    )


def _author(web: Web, request: Request) -> str:
    """Whose changes they are in Word; nobody in particular where nobody signs in."""
    return user_of(request).name if web.with_accounts else "法務チューン"
