"""評価・人による採点: the answers to one question side by side, without their models."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import Response

from homutune.data import open_dataset
from homutune.errors import UserError
from homutune.evaluation import (
    CRITERIA,
    ENOUGH_AC2,
    BlindAnswer,
    Sheet,
    keep_ratings,
    list_runs,
    list_sheets,
    make_sheet,
    open_run,
    open_sheet,
    ratings_of,
    sheet_agreement,
)
from homutune.web._comparisons import compared
from homutune.web._context import Web, go, user_of, web_of

router = APIRouter(prefix="/evaluation/ratings")
#: Questions on a sheet made here: what is needed to check a judge, and an hour of work.
LIMIT = 30
SCALE = {
    5: "申し分ない",
    4: "小さな不足",
    3: "半分ほど",
    2: "多くが足りない",
    1: "誤りか無関係",
}


@router.get("")
def index(request: Request) -> Response:
    """The sheets, with how far the user is."""
    web, user = web_of(request), user_of(request)
    known = {run.config.id: run.config for run in list_runs(web.home)}
    sheets = []
    for sheet, runs in list_sheets(web.home).items():
        # One whose runs or dataset are gone cannot be opened.
        with suppress(KeyError, UserError):
            configs = [known[run] for run in runs]
            questions = _questions(_opened(web.home, sheet, configs[0].dataset, runs))
            done = _done(questions, ratings_of(web.home, sheet, user.name))
            found = {"id": sheet, "runs": configs, "done": len(done), "total": len(questions)}
            sheets.append(found)
    return web.page(request, "evaluation/ratings.html", sheets=sheets)


@router.post("")
def begin(
    request: Request,
    dataset: Annotated[str, Form()],
    base: Annotated[str, Form()],
    tuned: Annotated[str, Form()],
) -> Response:
    """A sheet with the answers of two models; the same two give the same sheet."""
    web = web_of(request)
    runs = next(iter(compared(web.home, dataset, base, tuned).pairs.values()))
    return go(f"/evaluation/ratings/{make_sheet(web.home, runs, limit=LIMIT).id}")


@router.get("/{sheet_id}")
def show(request: Request, sheet_id: str, code: str = "") -> Response:
    """The question with the answer asked for, or the next that the user has not rated."""
    web = web_of(request)
    questions = _questions(_sheet(web, sheet_id))
    given = ratings_of(web.home, sheet_id, user_of(request).name)
    done = _done(questions, given)
    answers = next((q for q in questions if code in {answer.code for answer in q}), None)
    if answers is None:
        answers = next((q for q in questions if q not in done), None)
    return web.page(
        request,
        "evaluation/rate.html",
        sheet=sheet_id,
        answers=answers,
        given=given,
        done=done,
        total=len(questions),
        criteria=CRITERIA,
        scale=SCALE,
        # What others think must not be known before one has rated everything.
        agreement=sheet_agreement(web.home, sheet_id) if len(done) == len(questions) else None,
        enough=ENOUGH_AC2,
    )


@router.post("/{sheet_id}/{code}")
async def rate(request: Request, sheet_id: str, code: str) -> Response:
    """Keep the ratings of the answers to one question; ``code`` is that of any of them."""
    from starlette.concurrency import run_in_threadpool

    form = await request.form()
    return await run_in_threadpool(_rate, request, sheet_id, code, form)


def _rate(request: Request, sheet_id: str, code: str, form: FormData) -> Response:
    web, user = web_of(request), user_of(request)
    questions = _questions(_sheet(web, sheet_id))
    answers = next((q for q in questions if code in {answer.code for answer in q}), None)
    if answers is None:
        raise HTTPException(404)
    given = ratings_of(web.home, sheet_id, user.name)
    for answer in answers:
        marks = {name: str(form.get(f"{answer.code}-{name}") or "") for name in CRITERIA}
        if not all(mark in {"1", "2", "3", "4", "5"} for mark in marks.values()):
            raise UserError(
                "点数の付いていない観点があります。",
                remedy="どの回答にも、四つの観点すべてに 1〜5 を付けてください。",
            )
        given[answer.code] = {name: int(mark) for name, mark in marks.items()}
    keep_ratings(web.home, sheet_id, user.name, given)
    return go(f"/evaluation/ratings/{sheet_id}")


def _questions(sheet: Sheet) -> list[list[BlindAnswer]]:
    """The answers that belong to one question together; codes are random, and so is the order."""
    found: dict[tuple[str, str], list[BlindAnswer]] = {}
    for answer in sheet.answers:
        found.setdefault((answer.question, answer.reference), []).append(answer)
    return list(found.values())


def _done(
    questions: list[list[BlindAnswer]], given: Mapping[str, object]
) -> list[list[BlindAnswer]]:
    """The questions all of whose answers are rated."""
    return [q for q in questions if all(answer.code in given for answer in q)]


def _sheet(web: Web, sheet_id: str) -> Sheet:
    """The sheet.

    Raises:
        HTTPException: 404, there is none, or a run it was made from is gone.
    """
    ids = list_sheets(web.home).get(sheet_id)
    known = {run.config.id: run.config for run in list_runs(web.home)}
    if ids is None or not all(run in known for run in ids):
        raise HTTPException(404)
    return _opened(web.home, sheet_id, known[ids[0]].dataset, ids)


@lru_cache(maxsize=16)
def _opened(home: Path, sheet: str, dataset: str, runs: tuple[str, ...]) -> Sheet:
    """The sheet; kept, because to open a run scores all its answers, and neither ever changes."""
    opened = open_dataset(home, dataset)
    return open_sheet(home, sheet, [open_run(home, opened, run) for run in runs])
