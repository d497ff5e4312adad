"""リスク分析: a contract or a described plan becomes a register, a picture and a calendar."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from homutune.assistant import (
    DISCLAIMER,
    DISPUTE,
    Register,
    load_catalogue,
    matrix_svg,
    write_calendar,
    write_register,
)
from homutune.errors import UserError
from homutune.server import MatterRow
from homutune.web._context import Web, download, go, user_of, web_of
from homutune.web._documents import (
    SUFFIXES,
    books_by_likelihood,
    keep,
    keep_upload,
    likely_types,
    read,
    send_made,
    stem,
)
from homutune.web._risks import KIND, forget, make_register, register_of

router = APIRouter(prefix="/risk")
_MAX_PLAN = 50_000


@router.get("")
def index(request: Request) -> Response:
    """A contract, a plan, or an earlier register."""
    web = web_of(request)
    return web.page(
        request,
        "risk/index.html",
        matters=web.matters.list(user_of(request), KIND),
        suffixes=SUFFIXES,
        disclaimer=DISCLAIMER,
        dispute=DISPUTE,
        max_plan=_MAX_PLAN,
    )


@router.post("/upload")
def upload(
    request: Request,
    file: Annotated[UploadFile, File()],
    what: Annotated[Literal["contract", "plan"], Form()] = "contract",
) -> Response:
    """Keep the document; of a contract, type and side are asked next."""
    web = web_of(request)
    is_plan = what == "plan"
    matter = keep_upload(
        web,
        user_of(request),
        KIND,
        file,
        lambda folder: (
            _plan(folder, "") if is_plan else {"plan": False, "types": likely_types(folder)}
        ),
    )
    return _finish(web, matter) if is_plan else go(f"/risk/{matter.id}")


@router.post("/plan")
def describe(request: Request, text: Annotated[str, Form()] = "") -> Response:
    """Keep the description of a plan and make its register."""
    web = web_of(request)
    text = text.strip()
    if not text:
        raise UserError("計画の説明が空です。", remedy="計画を数行で書いてください。")
    if len(text) > _MAX_PLAN:
        raise UserError(
            f"計画の説明が長すぎます（{len(text):,} 字、上限 {_MAX_PLAN:,} 字）。",
            remedy="ファイルにして読み込んでください。",
        )
    title = text.splitlines()[0][:60]
    user = user_of(request)
    matter = keep(web, user, KIND, title, ".txt", [text], lambda folder: _plan(folder, title))
    return _finish(web, matter)


@router.get("/{matter_id}")
def show(request: Request, matter_id: str) -> Response:
    """The question of type and side, or the register."""
    web, matter = _own(request, matter_id)
    if matter.status == "new":
        return _ask(request, web, matter)
    register = register_of(web.matters.folder(matter), matter)
    dated = sorted((o for o in register.obligations if o.date), key=lambda o: str(o.date))
    return web.page(
        request,
        "risk/register.html",
        matter=matter,
        register=register,
        deadlines=[*dated, *(o for o in register.obligations if not o.date)],
        dated=len(dated),
    )


@router.get("/{matter_id}/setup")
def setup(request: Request, matter_id: str) -> Response:
    """Type, side, day of signature and owners once more."""
    web, matter = _own(request, matter_id)
    return _ask(request, web, matter)


@router.post("/{matter_id}/setup")
async def confirm(request: Request, matter_id: str) -> Response:
    """Make the register as chosen; ``owner-<number>`` is who looks after a category."""
    web, matter = _own(request, matter_id)
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    owners = {
        category: form[f"owner-{number}"].strip()[:100]
        for number, category in enumerate(load_catalogue().categories)
        if form.get(f"owner-{number}", "").strip()
    }
    chosen = {"plan": bool(matter.facts.get("plan")), "owners": owners}
    if not chosen["plan"]:
        if form.get("dispute") != "no":
            raise UserError(
                "すでに争いがあるか、確かめられていない契約には使えません。",
                remedy="弁護士に相談してください。争いがないときは、その欄に印を付けてください。",
            )
        type_, _, side = form.get("choice", "").partition("/")
        party = form.get("party", "")
        if not type_ or party not in ("", "甲", "乙"):
            raise HTTPException(400)
        chosen |= {"type": type_, "side": side, "party": party, "signed": form.get("signed", "")}
    return await run_in_threadpool(_finish, web, matter, chosen)


@router.get("/{matter_id}/matrix.svg")
def picture(request: Request, matter_id: str) -> Response:
    """The matrix as a picture for the page."""
    _, _, register = _made(request, matter_id)
    return Response(matrix_svg(register), media_type="image/svg+xml")


@router.get("/{matter_id}/register.json")
def as_json(request: Request, matter_id: str) -> Response:
    """Everything, for another program."""
    _, matter, register = _made(request, matter_id)
    content = {"disclaimer": register.notice, **asdict(register)}
    text = json.dumps(content, ensure_ascii=False, indent=1)
    return download(text.encode(), f"{stem(matter)}-リスク登録簿.json", "application/json")


@router.get("/{matter_id}/register{suffix}")
def save(
    request: Request,
    matter_id: str,
    suffix: Literal[".xlsx", ".docx", ".html", ".svg"],
) -> Response:
    """The register as a workbook, a Word file, a page or the picture alone."""
    web, matter, register = _made(request, matter_id)
    name = f"{stem(matter)}-リスク登録簿{suffix}"
    return send_made(web, matter, name, lambda path: write_register(path, register))


@router.get("/{matter_id}/deadlines.ics")
def calendar(request: Request, matter_id: str) -> Response:
    """The deadlines whose day is known, for a calendar program."""
    web, matter, register = _made(request, matter_id)
    return send_made(
        web,
        matter,
        f"{stem(matter)}-期限.ics",
        lambda path: write_calendar(path, register.file, register.obligations),
    )


@router.post("/{matter_id}/delete")
def delete(request: Request, matter_id: str) -> Response:
    """Remove the document and the register for good."""
    web, matter = _own(request, matter_id)
    web.matters.delete(matter)
    forget()
    return go("/risk")


def _own(request: Request, matter_id: str) -> tuple[Web, MatterRow]:
    web = web_of(request)
    return web, web.matters.get(user_of(request), KIND, matter_id)


def _made(request: Request, matter_id: str) -> tuple[Web, MatterRow, Register]:
    web, matter = _own(request, matter_id)
    if matter.status == "new":
        raise HTTPException(404)
    return web, matter, register_of(web.matters.folder(matter), matter)


def _plan(folder: Path, title: str) -> dict[str, Any]:
    """The facts of a plan that can be read."""
    make_register(folder, title, {"plan": True})
    return {"plan": True}


def _finish(web: Web, matter: MatterRow, chosen: dict[str, Any] | None = None) -> Response:
    """Make the register once, so that a wrong choice is refused before it is kept."""
    chosen = chosen or {"plan": True}
    register = make_register(web.matters.folder(matter), matter.title, chosen)
    counts = {p: sum(risk.priority == p for risk in register.risks) for p in ("高", "中", "低")}
    web.matters.update(matter, status="made", counts=counts, **chosen)
    return go(f"/risk/{matter.id}")


def _ask(request: Request, web: Web, matter: MatterRow) -> Response:
    likely, books = books_by_likelihood(matter)
    document = read(web.matters.folder(matter))
    return web.page(
        request,
        "risk/setup.html",
        matter=matter,
        is_plan=bool(matter.facts.get("plan")),
        books=books,
        likely=likely,
        categories=load_catalogue().categories,
        owners=matter.facts.get("owners", {}),
        signed=matter.facts.get("signed", ""),
        beginning=document.text[:600],
        warnings=document.warnings,
        disclaimer=DISCLAIMER,
        dispute=DISPUTE,
    )
