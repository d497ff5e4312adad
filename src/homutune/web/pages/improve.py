"""評価・改善: what a model got wrong, what to add, drafts to accept, correct or reject."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from homutune.data import CONTRAST_TYPES, open_dataset
from homutune.errors import UserError
from homutune.evaluation import (
    CASE_LABELS,
    StructuredModel,
    history_picture,
    list_runs,
    open_run,
)
from homutune.improvement import (
    ACTIONS,
    ERRORS,
    MAX_TOKENS,
    TEMPERATURE,
    VERDICTS,
    WAYS,
    Draft,
    Firewall,
    Loop,
    apply_loop,
    drafts_wanted,
    list_loops,
    open_loop,
    plan_loop,
    version_history,
    write_drafts,
)
from homutune.web._context import Web, go, user_of, wants_fragment, web_of
from homutune.web._tasks import Task

router = APIRouter(prefix="/evaluation/improve")
TASK = "drafts"
_PAGE = 20
_AT_ONCE = 4
_WEAKEST = 6
PageNumber = Annotated[int, Query(ge=1)]


@router.get("")
def index(request: Request) -> Response:
    """The rounds so far, and the measured models a new one can begin with."""
    web = web_of(request)
    runs = [r.config for r in list_runs(web.home) if r.complete and r.config.case == "answerable"]
    arms = dict.fromkeys((r.dataset, r.model, r.condition) for r in runs)
    return web.page(
        request,
        "evaluation/improve.html",
        loops=list_loops(web.home),
        arms=[{"dataset": d, "model": m, "condition": c} for d, m, c in arms],
    )


@router.post("")
def plan(
    request: Request,
    arm: Annotated[str, Form()],
) -> Response:
    """Make the work list of one evaluation; the same one gives the same round."""
    web = web_of(request)
    parts = arm.split("|")
    if len(parts) != 3:
        raise HTTPException(400)
    dataset, model, condition = parts
    opened = open_dataset(web.home, dataset)
    return go(_path(plan_loop(web.home, opened, model=model, condition=condition)))


@router.get("/tasks")
def tasks(request: Request) -> Response:
    """The drafting under way."""
    web = web_of(request)
    found = web.tasks.list(TASK)
    going = any(task.state == "running" for task in found)
    return web.page(request, "evaluation/_tasks.html", status=200 if going else 286, tasks=found)


@router.get("/{loop_id}")
def show(request: Request, loop_id: str, state: str = "", page: PageNumber = 1) -> Response:
    """Weaknesses, work list, drafts, and how the versions did."""
    web = web_of(request)
    loop = _loop(web, loop_id)
    decisions = loop.decisions()
    drafts = [
        draft
        for draft in loop.drafts().values()
        if state == "" or (state == "待ち") == (draft.id not in decisions)
    ]
    models: list[str] = []
    try:
        with web.client() as client:
            models = [m.id for m in client.models.list().data if ":ckpt-" not in m.id]
    except UserError:  # the page is of use without: nothing can be drafted just now
        models = []
    return web.page(
        request,
        "evaluation/loop.html",
        loop=loop,
        weak=[
            (label, CASE_LABELS.get(part.name, part.name) if way == "case" else part.name, part)
            for way, (label, _) in WAYS.items()
            for part in loop.weaknesses.of(way)[:_WEAKEST]
        ],
        errors=ERRORS,
        contrasts=CONTRAST_TYPES,
        actions=ACTIONS,
        verdicts=VERDICTS,
        decisions=decisions,
        drafts=drafts[(page - 1) * _PAGE : page * _PAGE],
        pending=len(loop.pending()),
        state=state,
        page=page,
        pages=-(-len(drafts) // _PAGE),
        models=models,
        tasks=web.tasks.list(TASK),
        pictures=_history(web, loop),
        problem=None,
        typed={},
    )


@router.post("/{loop_id}/draft")
def draft(
    request: Request,
    loop_id: str,
    model: Annotated[str, Form()],
    work: Annotated[list[str], Form()],
    limit: Annotated[int, Form(ge=1, le=20)] = 3,
) -> Response:
    """Have a model draft pairs for lines of the work list."""
    web = web_of(request)
    loop = _loop(web, loop_id)
    chosen = [item for item in loop.work if item.id in work and item.can_be_drafted]
    if not chosen:
        raise UserError(
            "下書きを作れる行が選ばれていません。", remedy="一覧から一つ以上選んでください。"
        )
    dataset = open_dataset(web.home, loop.weaknesses.dataset)
    firewall = Firewall.of(web.home, dataset)
    total = drafts_wanted(chosen, limit)

    def write(task: Task) -> None:
        known = {found.key: found for found in loop.drafts().values()}
        done = 0
        with web.client() as client:
            writer = StructuredModel(
                client, model, form="pair", temperature=TEMPERATURE, max_tokens=MAX_TOKENS
            )

            def arrived() -> Iterator[Draft]:
                nonlocal done
                for found in write_drafts(
                    writer,
                    dataset,
                    chosen,
                    firewall,
                    known=known,
                    limit=limit,
                    concurrency=_AT_ONCE,
                ):
                    done += 1
                    if found is not None:
                        yield found
                    task.tell(done, total)

            kept = sum(1 for _ in loop.keep(arrived()))
        if done > kept:
            task.part = f"{done - kept} 件は質問と回答の形になっていなかったため捨てました"

    web.tasks.start(TASK, f"{model} による下書き", _path(loop), write)
    return go(f"{_path(loop)}#tasks-title")


@router.post("/{loop_id}/drafts/{draft_id}")
def decide(
    request: Request,
    loop_id: str,
    draft_id: str,
    verdict: Annotated[Literal["accept", "edit", "reject"], Form()],
    question: Annotated[str, Form()] = "",
    answer: Annotated[str, Form()] = "",
    comment: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Keep what a person decides; what is accepted is checked as it would train."""
    web = web_of(request)
    loop = _loop(web, loop_id)
    found = loop.drafts().get(draft_id)
    if found is None:
        raise HTTPException(404)
    texts: dict[str, Any] = {}
    if verdict == "edit":
        # A browser sends line ends of its own.
        texts = {
            "question": question.replace("\r\n", "\n").strip(),
            "answer": answer.replace("\r\n", "\n").strip(),
        }
    problem = None
    try:
        loop.decide(web.home, found, verdict, by=user_of(request).name, comment=comment, **texts)
    except UserError as error:
        if not wants_fragment(request):
            raise
        problem = error
    if not wants_fragment(request):
        return go(f"{_path(loop)}#{draft_id}")
    return web.page(
        request,
        "evaluation/_draft.html",
        loop=loop,
        draft=found,
        decision=loop.decisions().get(draft_id),
        verdicts=VERDICTS,
        problem=problem,
        # What was typed stays where it was refused.
        typed=texts if problem else {},
    )


@router.post("/{loop_id}/apply")
def apply(request: Request, loop_id: str) -> Response:
    """Make the next dataset version from what was accepted; it is trained on the next page."""
    web = web_of(request)
    applied = apply_loop(web.home, _loop(web, loop_id))
    return go(f"/training?dataset={applied.dataset.name}")


def _loop(web: Web, loop_id: str) -> Loop:
    if loop_id not in {loop.id for loop in list_loops(web.home)}:
        raise HTTPException(404)
    return open_loop(web.home, loop_id)


def _path(loop: Loop) -> str:
    return f"/evaluation/improve/{loop.id}"


def _history(web: Web, loop: Loop) -> dict[str, Any]:
    """The picture of the versions; none while only one was measured or a run is gone."""
    try:
        dataset = open_dataset(web.home, loop.weaknesses.dataset)
        run = open_run(web.home, dataset, loop.weaknesses.runs[0])
    except UserError:
        return {}
    return history_picture(version_history(web.home, run))
