"""契約書レビュー: a contract is compared with a playbook, and every finding is decided."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from homutune.assistant import (
    DECISIONS,
    DISCLAIMER,
    DISPUTE,
    Decision,
    list_templates,
    read_decisions,
    save_review,
)
from homutune.errors import UserError
from homutune.server import MatterRow
from homutune.web._context import Web, go, user_of, wants_fragment, web_of
from homutune.web._documents import (
    SUFFIXES,
    books_by_likelihood,
    file_name,
    keep_upload,
    likely_types,
    read,
    write_upload,
)
from homutune.web._opinions import is_running, problem, unread
from homutune.web._reviews import (
    KIND,
    TEMPLATE,
    common,
    forget,
    make_review,
    own,
    own_reviewed,
    paragraphs,
    stored_review,
)

router = APIRouter(prefix="/review")


@router.get("")
def index(request: Request) -> Response:
    """Drop a contract, or go on with one."""
    web = web_of(request)
    return web.page(
        request,
        "review/index.html",
        matters=web.matters.list(user_of(request), KIND),
        suffixes=SUFFIXES,
        disclaimer=DISCLAIMER,
        dispute=DISPUTE,
    )


@router.post("/upload")
def upload(request: Request, file: Annotated[UploadFile, File()]) -> Response:
    """Keep the contract; type and side are asked next."""
    matter = keep_upload(
        web_of(request),
        user_of(request),
        KIND,
        file,
        lambda folder: {"types": likely_types(folder)},
    )
    return go(f"/review/{matter.id}")


@router.get("/{matter_id}")
def show(request: Request, matter_id: str, priority: str = "", state: str = "") -> Response:
    """The question of type and side, or the review."""
    web, matter = own(request, matter_id)
    if matter.status == "new":
        return _ask(request, web, matter)
    folder = web.matters.folder(matter)
    review, decisions = stored_review(folder, matter)
    shown = [
        (number, finding)
        for number, finding in enumerate(review.findings, 1)
        if priority in ("", finding.priority)
        and (state == "" or (state == "未判断") == (finding.id not in decisions))
    ]
    document = read(folder)
    return web.page(
        request,
        "review/review.html",
        matter=matter,
        review=review,
        decisions=decisions,
        shown=shown,
        priority=priority,
        state=state,
        paper=paragraphs(document, review.findings),
        numbers={finding.id: number for number, finding in enumerate(review.findings, 1)},
        is_docx=document.format == "docx",
        running=is_running(web, matter),
        problem=problem(web, matter),
        unread=unread(web, matter),
        models=web.models(),
        base=web.settings.base_model,
        **common(review, decisions),
    )


@router.get("/{matter_id}/setup")
def setup(request: Request, matter_id: str) -> Response:
    """Type and side once more."""
    web, matter = own(request, matter_id)
    return _ask(request, web, matter)


@router.post("/{matter_id}/setup")
def confirm(
    request: Request,
    matter_id: str,
    file: Annotated[UploadFile | None, File()] = None,
    choice: Annotated[str, Form()] = "",
    party: Annotated[str, Form()] = "",
    dispute: Annotated[str, Form()] = "",
) -> Response:
    """Compare with the playbook of this type for this side, or with a team's own ひな形."""
    web, matter = own(request, matter_id)
    if dispute != "no":
        raise UserError(
            "すでに争いがあるか、確かめられていない契約には使えません。",
            remedy="弁護士に相談してください。争いがないときは、その欄に印を付けてください。",
        )
    if not choice or party not in ("", "甲", "乙"):
        raise HTTPException(400)
    make_review(web, matter, choice, party, file)
    return go(f"/review/{matter.id}")


@router.post("/{matter_id}/findings/{finding_id}")
def decide(
    request: Request,
    matter_id: str,
    finding_id: str,
    choice: Annotated[str, Form()],
    comment: Annotated[str, Form(max_length=2000)] = "",
    wording: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """Keep what a person decided about one finding; ``wording`` is what 修正 puts in its place."""
    web, matter, review, decisions = own_reviewed(request, matter_id)
    number, finding = next(
        ((n, f) for n, f in enumerate(review.findings, 1) if f.id == finding_id), (0, None)
    )
    if finding is None or choice not in (*DECISIONS, "取り消し"):
        raise HTTPException(404)
    if choice == "取り消し":
        decisions.pop(finding_id, None)
    else:
        now = datetime.now().isoformat(timespec="seconds")
        words = wording.replace("\r\n", "\n").strip() if choice == "修正" else ""
        decisions[finding_id] = Decision(choice, comment.strip(), now, words)
    save_review(web.matters.folder(matter), review, decisions)
    web.matters.update(matter, decided=len(decisions))
    if not wants_fragment(request):
        return go(f"/review/{matter.id}#card-{finding_id}")
    return web.page(
        request,
        "review/_decided.html",
        matter=matter,
        review=review,
        finding=finding,
        number=number,
        decisions=decisions,
        **common(review, decisions),
    )


@router.post("/{matter_id}/decisions")
def take_decisions(
    request: Request, matter_id: str, file: Annotated[UploadFile | None, File()] = None
) -> Response:
    """Take over what was decided in the Excel workbook of this review."""
    web, matter, review, decisions = own_reviewed(request, matter_id)
    if file is None or not file_name(file).lower().endswith(".xlsx"):
        raise UserError(
            "レビューの Excel（.xlsx）ではありません。",
            remedy="「Excel」で保存し、判断を書き込んだファイルを選んでください。",
        )
    with TemporaryDirectory(dir=web.matters.folder(matter)) as folder:
        path = web.matters.folder(matter) / Path(folder).name / "decisions.xlsx"
        write_upload(path, file)
        found, remarks = read_decisions(path, review)
    decisions |= found
    save_review(web.matters.folder(matter), review, decisions)
    web.matters.update(matter, decided=len(decisions))
    return web.page(request, "review/taken.html", matter=matter, count=len(found), remarks=remarks)


@router.post("/{matter_id}/delete")
def delete(request: Request, matter_id: str) -> Response:
    """Remove the contract, the review and the decisions for good."""
    web, matter = own(request, matter_id)
    web.matters.delete(matter)
    forget()
    return go("/review")


def _ask(request: Request, web: Web, matter: MatterRow) -> Response:
    likely, books = books_by_likelihood(matter)
    document = read(web.matters.folder(matter))
    return web.page(
        request,
        "review/setup.html",
        matter=matter,
        books=books,
        likely=likely,
        templates=list_templates(web.home),
        template_prefix=TEMPLATE,
        suffixes=SUFFIXES,
        beginning=document.text[:600],
        warnings=document.warnings,
        disclaimer=DISCLAIMER,
        dispute=DISPUTE,
    )
