"""データ: bring question sets in, check and repair them, make dataset versions."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.datastructures import FormData
from starlette.responses import Response

from homutune.data import (
    FAMILIES,
    FIELDS,
    create_dataset,
    open_dataset,
    read_table_head,
    split_examples,
)
from homutune.errors import UserError
from homutune.files import write_stream_atomic
from homutune.server import MatterRow
from homutune.web._context import Web, go, user_of, web_of
from homutune.web._imports import (
    KIND,
    SUFFIXES,
    checked,
    earlier,
    find_fixes,
    forget,
    import_examples,
    import_sample,
    pieces,
    save_examples,
    uploaded,
)

router = APIRouter(prefix="/data")
_CHUNK = 1 << 20


@router.get("")
def index(request: Request) -> Response:
    """Dataset versions and imports."""
    web = web_of(request)
    return web.page(
        request,
        "data/index.html",
        datasets=manifests(web),
        imports=web.matters.list(user_of(request), KIND),
        suffixes=SUFFIXES,
    )


@router.post("/upload")
def upload(request: Request, file: Annotated[UploadFile, File()]) -> Response:
    """Keep a file; what its columns mean is asked next."""
    web = web_of(request)
    name = file.filename or ""
    suffix = next((s for s in SUFFIXES if name.lower().endswith(s)), None)
    if suffix is None:
        raise UserError(
            "この種類のファイルは読めません。" if name else "ファイルが選ばれていません。",
            remedy=f"{'・'.join(SUFFIXES)} のどれかを選んでください。",
        )
    matter = web.matters.create(user_of(request), KIND, name)
    path = web.matters.folder(matter) / f"upload{suffix}"
    try:
        write_stream_atomic(path, iter(lambda: file.file.read(_CHUNK), b""))
        read_table_head(path)
    except BaseException:
        # What cannot be read is not kept.
        web.matters.delete(matter)
        raise
    return go(f"/data/imports/{matter.id}")


@router.post("/sample")
def sample(request: Request) -> Response:
    """The bundled questions, to try everything with."""
    web = web_of(request)
    matter = web.matters.create(user_of(request), KIND, "同梱の見本データ")
    count = import_sample(web.matters.folder(matter))
    web.matters.update(matter, status="imported", count=count, notes=[])
    return go(f"/data/imports/{matter.id}")


@router.get("/imports/{matter_id}")
def show_import(
    request: Request,
    matter_id: str,
    severity: str = "",
    family: str = "",
    sheet: str = "",
) -> Response:
    """The columns to be confirmed, or the check of what was imported."""
    web, matter = _matter(request, matter_id)
    folder = web.matters.folder(matter)
    if matter.status == "new":
        head = read_table_head(uploaded(folder), sheet or None)
        return web.page(request, "data/columns.html", matter=matter, head=head, fields=FIELDS)
    found = checked(folder)
    shown = [
        finding
        for finding in found.report.findings
        if severity in ("", finding.rule.severity) and family in ("", finding.rule.family)
    ]
    return web.page(
        request,
        "data/check.html",
        matter=matter,
        report=found.report,
        findings=shown,
        severity=severity,
        family=family,
        families=[f for f in FAMILIES if any(x.rule.family == f for x in found.report.findings)],
        n_fixes=len(find_fixes(found.examples)[1]),
        n_earlier=len(earlier(folder)),
        linked=bool(found.cards),
    )


@router.post("/imports/{matter_id}/columns")
async def confirm_columns(request: Request, matter_id: str) -> Response:
    """Import with the mapping a person confirmed."""
    from starlette.concurrency import run_in_threadpool

    form = await request.form()
    return await run_in_threadpool(_import, request, matter_id, form)


def _import(request: Request, matter_id: str, form: FormData) -> Response:
    web, matter = _matter(request, matter_id)
    folder = web.matters.folder(matter)
    sheet = str(form.get("sheet") or "") or None
    head = read_table_head(uploaded(folder), sheet)
    columns: dict[str, str] = {}
    if head is not None:
        for number, heading in enumerate(head.headings):
            field = str(form.get(f"column-{number}") or "")
            if heading and field in ("", *FIELDS):
                columns[heading] = field
    count, notes = import_examples(folder, columns, sheet)
    web.matters.update(matter, status="imported", count=count, notes=notes)
    return go(f"/data/imports/{matter.id}")


@router.get("/imports/{matter_id}/fixes")
def show_fixes(request: Request, matter_id: str) -> Response:
    """What would be repaired, before it is."""
    web, matter = imported(request, matter_id)
    _, changes = find_fixes(checked(web.matters.folder(matter)).examples)
    shown = [(change, pieces(change.before, change.after)) for change in changes[:200]]
    return web.page(request, "data/fixes.html", matter=matter, changes=shown, count=len(changes))


@router.post("/imports/{matter_id}/fixes")
def apply_fixes(request: Request, matter_id: str) -> Response:
    """Repair what is safe to repair."""
    web, matter = imported(request, matter_id)
    folder = web.matters.folder(matter)
    fixed, _ = find_fixes(checked(folder).examples)
    save_examples(folder, fixed)
    web.matters.update(matter, count=len(fixed))
    return go(f"/data/imports/{matter.id}")


@router.post("/imports/{matter_id}/dataset")
def make_dataset(
    request: Request,
    matter_id: str,
    valid_percent: Annotated[int, Form(ge=5, le=50)] = 20,
    seed: Annotated[int, Form(ge=0, le=2**31 - 1)] = 42,
) -> Response:
    """Freeze a version with its split."""
    web, matter = imported(request, matter_id)
    found = checked(web.matters.folder(matter))
    if not found.report.ok:
        count = found.report.summary["errors"]
        raise UserError(
            f"検査でエラーが {count} 件あります。",
            remedy="検査の画面でエラーを直すと、データセットを作れます。",
        )
    sides = split_examples(found.examples, valid_ratio=valid_percent / 100, seed=seed)
    dataset = create_dataset(
        web.home,
        found.examples,
        found.cards,
        sides,
        sources=[matter.title],
        checks=found.report.summary,
    )
    return go(f"/data/datasets/{dataset.name}")


@router.post("/imports/{matter_id}/delete")
def delete_import(request: Request, matter_id: str) -> Response:
    """Remove the upload; datasets made from it stay."""
    web, matter = _matter(request, matter_id)
    web.matters.delete(matter)
    forget()
    return go("/data")


@router.get("/datasets/{name}")
def show_dataset(request: Request, name: str) -> Response:
    """One version: counts, origin, checks."""
    web = web_of(request)
    dataset = open_dataset(web.home, name)
    return web.page(
        request,
        "data/dataset.html",
        dataset=dataset,
        manifest=dataset.manifest,
        made=[m["name"] for m in manifests(web) if dataset.name in m.get("parents", ())],
    )


def _matter(request: Request, matter_id: str) -> tuple[Web, MatterRow]:
    web = web_of(request)
    return web, web.matters.get(user_of(request), KIND, matter_id)


def imported(request: Request, matter_id: str) -> tuple[Web, MatterRow]:
    """An import of the user whose columns were confirmed.

    Raises:
        UserError: they were not yet.
    """
    web, matter = _matter(request, matter_id)
    if matter.status == "new":
        raise UserError(
            "まだ取り込まれていません。", remedy="先に、列の対応を確かめて取り込んでください。"
        )
    return web, matter


def manifests(web: Web) -> list[dict[str, Any]]:
    """Of all complete versions, the newest first."""
    found = [
        json.loads(path.read_text("utf-8"))
        for path in (web.home / "datasets").glob("ds-*/manifest.json")
    ]
    return sorted(found, key=lambda manifest: str(manifest["created_at"]), reverse=True)
