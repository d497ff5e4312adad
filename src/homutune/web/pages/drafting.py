"""文書作成: a template's form is filled in, and the draft is looked at, checked and saved."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Literal

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from homutune.assistant import (
    DISCLAIMER,
    CertifiedLetter,
    Draft,
    Finding,
    Template,
    certified_letter,
    draft,
    legal_basis,
    load_templates,
    parse_answer,
    review_document,
    text_document,
    write_draft,
)
from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.server import MatterRow
from homutune.web._context import Web, go, user_of, web_of
from homutune.web._documents import playbooks, send_made

KIND = "drafting"
#: The parts of a form's names: the answer of a field, the option of a clause.
_FIELD, _OPTION = "field-", "option-"
_MAX = 10_000
router = APIRouter(prefix="/drafting")


@router.get("")
def index(request: Request) -> Response:
    """What can be drafted, and what was."""
    web = web_of(request)
    kinds: dict[str, list[Template]] = {"契約書": [], "通知": [], "メモ": []}
    for template in _templates().values():
        kinds[template.kind].append(template)
    return web.page(
        request,
        "drafting/index.html",
        kinds=kinds,
        matters=web.matters.list(user_of(request), KIND),
        titles={name: template.title for name, template in _templates().items()},
    )


@router.get("/new/{name}")
def form(request: Request, name: str) -> Response:
    """The empty form of a template."""
    return _form(request, _template(name), {}, None)


@router.post("/new/{name}")
async def begin(request: Request, name: str) -> Response:
    """Draft from the answers, or show the form again with what is wrong."""
    given = await _given(request)
    return await run_in_threadpool(_fill, request, _template(name), given, None)


@router.get("/{matter_id}")
def show(request: Request, matter_id: str) -> Response:
    """The draft with what the checks found."""
    web, matter, template, given = _own(request, matter_id)
    made, letter = _draft(template, given)
    contract = template.kind == "契約書"
    findings: tuple[Finding, ...] = ()
    if contract:
        document = text_document(f"{made.title}.txt", made.text)
        findings = review_document(
            document, playbooks(), contract_type=made.type, side=made.side
        ).findings
    return web.page(
        request,
        "drafting/draft.html",
        matter=matter,
        chosen=template,
        made=made,
        letter=letter,
        findings=findings,
        basis=() if contract else legal_basis((made.text,)),
        clauses={clause.id: clause.title for clause in template.clauses},
        disclaimer=DISCLAIMER,
    )


@router.get("/{matter_id}/edit")
def edit(request: Request, matter_id: str) -> Response:
    """The form with the answers given before."""
    _, matter, template, given = _own(request, matter_id)
    return _form(request, template, given, matter)


@router.post("/{matter_id}/edit")
async def change(request: Request, matter_id: str) -> Response:
    """Draft again from changed answers."""
    _, matter, template, _ = await run_in_threadpool(_own, request, matter_id)
    given = await _given(request)
    return await run_in_threadpool(_fill, request, template, given, matter)


@router.get("/{matter_id}/draft{suffix}")
def save(request: Request, matter_id: str, suffix: Literal[".docx", ".txt", ".md"]) -> Response:
    """The draft as a Word file or as text."""
    web, matter, template, given = _own(request, matter_id)
    made, letter = _draft(template, given)
    name = f"{made.title}{suffix}"
    return send_made(web, matter, name, lambda path: write_draft(path, made, letter))


@router.post("/{matter_id}/delete")
def delete(request: Request, matter_id: str) -> Response:
    """Remove the answers for good."""
    web, matter, _, _ = _own(request, matter_id)
    web.matters.delete(matter)
    return go("/drafting")


@cache
def _templates() -> dict[str, Template]:
    return load_templates()


def _template(name: str) -> Template:
    template = _templates().get(name)
    if template is None:
        raise HTTPException(404)
    return template


def _own(request: Request, matter_id: str) -> tuple[Web, MatterRow, Template, dict[str, str]]:
    web = web_of(request)
    matter = web.matters.get(user_of(request), KIND, matter_id)
    given = json.loads((web.matters.folder(matter) / "answers.json").read_text("utf-8"))
    return web, matter, _template(matter.facts["type"]), given


async def _given(request: Request) -> dict[str, str]:
    """What was filled in, by the names of the form."""
    sent = (await request.form()).items()
    return {
        name: value.replace("\r\n", "\n").strip()[:_MAX]
        for name, value in sent
        if isinstance(value, str) and (name == "side" or name.startswith((_FIELD, _OPTION)))
    }


def _draft(template: Template, given: dict[str, str]) -> tuple[Draft, CertifiedLetter | None]:
    """The draft and, of a certified letter, its sheets.

    Raises:
        UserError: an answer, an option or the side is wrong.
    """
    answers = {k.removeprefix(_FIELD): v for k, v in given.items() if k.startswith(_FIELD)}
    options = {k.removeprefix(_OPTION): v for k, v in given.items() if k.startswith(_OPTION)}
    made = draft(
        template,
        answers,
        playbook=playbooks().get(template.type),
        side=given.get("side") or None,
        options=options,
    )
    return made, certified_letter(made.text) if template.certified else None


def _fill(
    request: Request, template: Template, given: dict[str, str], matter: MatterRow | None
) -> Response:
    web, user = web_of(request), user_of(request)
    try:
        _draft(template, given)
    except UserError as error:
        return _form(request, template, given, matter, error)
    if matter is None:
        matter = web.matters.create(user, KIND, _title(template, given), type=template.type)
    write_atomic(web.matters.folder(matter) / "answers.json", json.dumps(given, ensure_ascii=False))
    web.matters.update(matter, status="made")
    return go(f"/drafting/{matter.id}")


def _title(template: Template, given: dict[str, str]) -> str:
    """秘密保持契約書（相手方）: what tells drafts of one kind apart."""
    names = ("otsu", "to_name", "subject")
    other = next((given[_FIELD + name] for name in names if given.get(_FIELD + name)), "")
    return f"{template.title}（{other[:60]}）" if other else template.title


def _form(
    request: Request,
    template: Template,
    given: dict[str, str],
    matter: MatterRow | None,
    error: UserError | None = None,
) -> Response:
    book = playbooks().get(template.type) if template.kind == "契約書" else None
    return web_of(request).page(
        request,
        "drafting/form.html",
        status=400 if error else 200,
        chosen=template,
        sides=book.sides if book else (),
        given=given,
        matter=matter,
        problems=_problems(error) if error else [],
        wrong=_wrong(template, given) if error else {},
        options=[clause for clause in template.clauses if clause.options],
        field=_FIELD,
        option=_OPTION,
    )


def _problems(error: UserError) -> list[str]:
    """The lines of the message in the words of the form: labels instead of names."""
    lines = [line.strip() for line in error.message.splitlines()]
    lines = [re.sub(r"^[a-z][a-z0-9_]*: ", "", line) for line in lines]
    return [re.sub(r"[a-z][a-z0-9_]*（([^）]*)）", r"「\1」", line) for line in lines]


def _wrong(template: Template, given: dict[str, str]) -> dict[str, str]:
    """What is wrong with single answers, by the name of the field."""
    found: dict[str, str] = {}
    values: dict[str, Any] = {}
    for field in template.fields:
        if field.when and not values.get(field.when):
            continue
        try:
            values[field.name] = parse_answer(field, given.get(_FIELD + field.name, ""))
        except ValueError as error:
            found[field.name] = str(error)
    return found
