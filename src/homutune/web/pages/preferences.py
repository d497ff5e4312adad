"""設定: one's own matters and what becomes of them, team cards, playbooks and ひな形."""

from __future__ import annotations

import time
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from homutune.assistant import list_templates, read_document, read_template, save_template
from homutune.data import CardShelf
from homutune.errors import UserError
from homutune.files import write_stream_atomic
from homutune.web import _documents, _imports, _reviews
from homutune.web._context import go, user_of, web_of

router = APIRouter(prefix="/settings")
#: What a matter is called where all kinds stand together, and where it is opened.
KINDS = {
    "review": ("契約書レビュー", "/review/"),
    "chat": ("質問・相談", "/ask/"),
    "risk": ("リスク分析", "/risk/"),
    "drafting": ("文書作成", "/drafting/"),
    "import": ("取り込んだデータ", "/data/imports/"),
}
_CARDS = (".md", ".markdown", ".xlsx", ".csv", ".yaml", ".yml")
_TEMPLATES = (".docx", ".pdf", ".txt", ".md", ".html")
_CHUNK = 1 << 20
_DAY_S = 86_400


@router.get("")
def index(request: Request) -> Response:
    """One's own matters, and the way to the other settings."""
    web = web_of(request)
    return web.page(
        request,
        "settings/index.html",
        matters=web.matters.all_of(user_of(request)),
        kinds=KINDS,
    )


@router.post("/matters/{matter_id}/external")
def external(
    request: Request, matter_id: str, forbidden: Annotated[bool, Form()] = False
) -> Response:
    """Forbid a matter to be sent to a model elsewhere, or allow it again."""
    web = web_of(request)
    matter = web.matters.get(user_of(request), None, matter_id)
    web.matters.update(matter, no_external=forbidden)
    return go("/settings#matters")


@router.post("/matters/{matter_id}/delete")
def delete(request: Request, matter_id: str) -> Response:
    """Remove a matter with its files for good."""
    web = web_of(request)
    web.matters.delete(web.matters.get(user_of(request), None, matter_id))
    _forget()
    return go("/settings#matters")


@router.post("/purge")
def purge(request: Request, days: Annotated[int, Form(ge=0, le=36_500)]) -> Response:
    """Remove one's own matters that nothing was done with for so many days."""
    web = web_of(request)
    before = time.time() - days * _DAY_S
    for matter in web.matters.all_of(user_of(request)):
        if matter.updated_at <= before:
            web.matters.delete(matter)
    _forget()
    return go("/settings#matters")


@router.get("/cards")
def cards(request: Request) -> Response:
    """The team's own cards."""
    web = web_of(request)
    return web.page(
        request, "settings/cards.html", cards=CardShelf(web.home).listed(), suffixes=_CARDS
    )


@router.post("/cards")
def add_cards(request: Request, file: Annotated[UploadFile, File()]) -> Response:
    """Add the cards of a file; those of a file of the same name are replaced."""
    with TemporaryDirectory() as folder:
        CardShelf(web_of(request).home).add(_kept(file, Path(folder), _CARDS))
    return go("/settings/cards")


@router.post("/cards/remove")
def remove_card(request: Request, card: Annotated[str, Form()]) -> Response:
    """Remove one card."""
    CardShelf(web_of(request).home).remove(card)
    return go("/settings/cards")


@router.get("/playbooks")
def playbooks(request: Request) -> Response:
    """The bundled playbooks and the team's ひな形."""
    web = web_of(request)
    return web.page(
        request,
        "settings/playbooks.html",
        books=_documents.playbooks().values(),
        templates=list_templates(web.home),
        suffixes=_TEMPLATES,
    )


@router.post("/playbooks")
def import_template(
    request: Request, file: Annotated[UploadFile, File()], name: Annotated[str, Form()] = ""
) -> Response:
    """Cut a ひな形 into clauses and keep it; an older one of the same name is kept beside it."""
    with TemporaryDirectory() as folder:
        document = read_document(_kept(file, Path(folder), _TEMPLATES))
        template = read_template(document, name.strip() or None)
    save_template(web_of(request).home, template)
    return go(f"/settings/playbooks/hinagata/{template.template}")


@router.get("/playbooks/hinagata/{name}")
def show_template(request: Request, name: str) -> Response:
    """The clauses of a ひな形."""
    web = web_of(request)
    found = next((t for t in list_templates(web.home) if t.template == name), None)
    if found is None:
        raise HTTPException(404)
    return web.page(request, "settings/template.html", hinagata=found)


@router.get("/playbooks/{type_}")
def show_playbook(request: Request, type_: str, side: str = "") -> Response:
    """The rules of a playbook, as one side reads them."""
    book = _documents.playbooks().get(type_)
    if book is None:
        raise HTTPException(404)
    sides = [each.name for each in book.sides]
    return web_of(request).page(
        request,
        "settings/playbook.html",
        book=book,
        sides=sides,
        side=side if side in sides else sides[0],
    )


def _kept(file: UploadFile, folder: Path, suffixes: tuple[str, ...]) -> Path:
    """The upload under its own name, which is that of what is made from it."""
    name = PurePosixPath((file.filename or "").replace("\\", "/")).name
    if not name.lower().endswith(suffixes):
        raise UserError(
            "この種類のファイルは読めません。" if name else "ファイルが選ばれていません。",
            remedy=f"{'・'.join(suffixes)} のどれかを選んでください。",
        )
    path = folder / name
    write_stream_atomic(path, iter(lambda: file.file.read(_CHUNK), b""))
    return path


def _forget() -> None:
    """Keep nothing of what was deleted in memory."""
    _reviews.forget()
    _imports.forget()
