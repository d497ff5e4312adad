"""契約書レビュー: a contract is compared with a playbook, and every finding is decided."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import PurePosixPath
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from homutune.assistant import (
    DECISIONS,
    DISCLAIMER,
    DISPUTE,
    Decision,
    Review,
    load_decisions,
    save_review,
    write_comments,
    write_html,
)
from homutune.errors import UserError
from homutune.files import write_stream_atomic
from homutune.server import MatterRow
from homutune.web._context import Web, download, go, user_of, wants_fragment, web_of
from homutune.web._reviews import (
    KIND,
    SUFFIXES,
    forget,
    likely_types,
    make_review,
    paragraphs,
    playbooks,
    read,
    stored_review,
)

router = APIRouter(prefix="/review")
_CHUNK = 1 << 20
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PRIORITIES = ("高", "中", "低")


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
    web = web_of(request)
    name = PurePosixPath((file.filename or "").replace("\\", "/")).name
    suffix = next((s for s in SUFFIXES if name.lower().endswith(s)), None)
    if suffix is None:
        raise UserError(
            "この種類のファイルは読めません。" if name else "ファイルが選ばれていません。",
            remedy="docx・PDF・txt・md・html のどれかを選んでください。",
        )
    matter = web.matters.create(user_of(request), KIND, name)
    folder = web.matters.folder(matter)
    try:
        parts = iter(lambda: file.file.read(_CHUNK), b"")
        write_stream_atomic(folder / f"contract{suffix}", parts)
        types = likely_types(folder)
    except BaseException:
        # What cannot be read is not kept.
        web.matters.delete(matter)
        raise
    web.matters.update(matter, types=types)
    return go(f"/review/{matter.id}")


@router.get("/{matter_id}")
def show(request: Request, matter_id: str, priority: str = "", state: str = "") -> Response:
    """The question of type and side, or the review."""
    web, matter = _matter(request, matter_id)
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
        can_comment=document.format == "docx",
        **_common(review, decisions),
    )


@router.get("/{matter_id}/setup")
def setup(request: Request, matter_id: str) -> Response:
    """Type and side once more."""
    web, matter = _matter(request, matter_id)
    return _ask(request, web, matter)


@router.post("/{matter_id}/setup")
def confirm(
    request: Request,
    matter_id: str,
    choice: Annotated[str, Form()],
    party: Annotated[str, Form()] = "",
    dispute: Annotated[str, Form()] = "",
) -> Response:
    """Compare with the playbook of this type for this side."""
    web, matter = _matter(request, matter_id)
    if dispute != "no":
        raise UserError(
            "すでに争いがあるか、確かめられていない契約には使えません。",
            remedy="弁護士に相談してください。争いがないときは、その欄に印を付けてください。",
        )
    type_, _, side = choice.partition("/")
    if party not in ("", "甲", "乙"):
        raise HTTPException(400)
    folder = web.matters.folder(matter)
    review = make_review(folder, matter, type_, side, party)
    web.matters.update(
        matter,
        status="reviewed",
        type=type_,
        side=side,
        party=party,
        counts=dict(review.counts),
        version=review.playbook_version,
        decided=len(load_decisions(folder, review)),
    )
    return go(f"/review/{matter.id}")


@router.post("/{matter_id}/findings/{finding_id}")
def decide(
    request: Request,
    matter_id: str,
    finding_id: str,
    choice: Annotated[str, Form()],
    comment: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Keep what a person decided about one finding."""
    web, matter, review, decisions = _reviewed(request, matter_id)
    number, finding = next(
        ((n, f) for n, f in enumerate(review.findings, 1) if f.id == finding_id), (0, None)
    )
    if finding is None or choice not in (*DECISIONS, "取り消し"):
        raise HTTPException(404)
    if choice == "取り消し":
        decisions.pop(finding_id, None)
    else:
        now = datetime.now().isoformat(timespec="seconds")
        decisions[finding_id] = Decision(choice, comment.strip(), now)
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
        **_common(review, decisions),
    )


@router.get("/{matter_id}/comments.docx")
def commented(request: Request, matter_id: str) -> Response:
    """A copy of the contract with the findings as comments."""
    web, matter, review, decisions = _reviewed(request, matter_id)
    with TemporaryDirectory(dir=web.matters.folder(matter)) as folder:
        path = web.matters.folder(matter) / folder / "comments.docx"
        write_comments(path, read(web.matters.folder(matter)), review, decisions)
        return download(path.read_bytes(), f"{_stem(matter)}-コメント付き.docx", _DOCX)


@router.get("/{matter_id}/report.html")
def report(request: Request, matter_id: str) -> Response:
    """The cards as one file without scripts."""
    web, matter, review, decisions = _reviewed(request, matter_id)
    with TemporaryDirectory(dir=web.matters.folder(matter)) as folder:
        path = web.matters.folder(matter) / folder / "report.html"
        write_html(path, review, decisions)
        return download(path.read_bytes(), f"{_stem(matter)}-レビュー.html", "text/html")


@router.get("/{matter_id}/review.json")
def as_json(request: Request, matter_id: str) -> Response:
    """Everything, for another program."""
    _, matter, review, decisions = _reviewed(request, matter_id)
    content = {
        "disclaimer": DISCLAIMER + DISPUTE,
        **asdict(review),
        "decisions": {key: asdict(value) for key, value in decisions.items()},
    }
    text = json.dumps(content, ensure_ascii=False, indent=1)
    return download(text.encode(), f"{_stem(matter)}-レビュー.json", "application/json")


@router.post("/{matter_id}/delete")
def delete(request: Request, matter_id: str) -> Response:
    """Remove the contract, the review and the decisions for good."""
    web, matter = _matter(request, matter_id)
    web.matters.delete(matter)
    forget()
    return go("/review")


def _ask(request: Request, web: Web, matter: MatterRow) -> Response:
    likely = [name for name in matter.facts.get("types", []) if name in playbooks()]
    books = [playbooks()[name] for name in likely]
    books += [book for name, book in playbooks().items() if name not in likely]
    document = read(web.matters.folder(matter))
    return web.page(
        request,
        "review/setup.html",
        matter=matter,
        books=books,
        likely=likely,
        beginning=document.text[:600],
        warnings=document.warnings,
        disclaimer=DISCLAIMER,
        dispute=DISPUTE,
    )


def _matter(request: Request, matter_id: str) -> tuple[Web, MatterRow]:
    web = web_of(request)
    return web, web.matters.get(user_of(request), KIND, matter_id)


def _reviewed(
    request: Request, matter_id: str
) -> tuple[Web, MatterRow, Review, dict[str, Decision]]:
    web, matter = _matter(request, matter_id)
    if matter.status == "new":
        raise HTTPException(404)
    review, decisions = stored_review(web.matters.folder(matter), matter)
    return web, matter, review, decisions


def _common(review: Review, decisions: dict[str, Decision]) -> dict[str, Any]:
    known = {finding.id for finding in review.findings}
    return {
        "choices": DECISIONS,
        "done": len(known & set(decisions)),
        "total": len(known),
        "priorities": PRIORITIES,
        "disclaimer": DISCLAIMER,
        "dispute": DISPUTE,
    }


def _stem(matter: MatterRow) -> str:
    return PurePosixPath(matter.title).stem
