"""評価・人による採点: one answer at a time, without saying which model wrote it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from homutune.data import open_dataset
from homutune.errors import UserError
from homutune.evaluation import (
    CRITERIA,
    Sheet,
    keep_ratings,
    list_runs,
    list_sheets,
    make_sheet,
    open_run,
    open_sheet,
    ratings_of,
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
    sheets = [
        {
            "id": sheet,
            "runs": [known[run] for run in runs],
            "rated": len(ratings_of(web.home, sheet, user.name)),
        }
        for sheet, runs in list_sheets(web.home).items()
        if all(run in known for run in runs)
    ]
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
    """The answer asked for, or the next one that the user has not rated."""
    web = web_of(request)
    sheet = _sheet(web, sheet_id)
    given = ratings_of(web.home, sheet_id, user_of(request).name)
    answer = next((a for a in sheet.answers if a.code == code), None)
    if answer is None:
        answer = next((a for a in sheet.answers if a.code not in given), None)
    return web.page(
        request,
        "evaluation/rate.html",
        sheet=sheet,
        answer=answer,
        given=given,
        criteria=CRITERIA,
        scale=SCALE,
    )


@router.post("/{sheet_id}/{code}")
def rate(
    request: Request,
    sheet_id: str,
    code: str,
    correctness: Annotated[str, Form()] = "",
    relevance: Annotated[str, Form()] = "",
    style: Annotated[str, Form()] = "",
    expertise: Annotated[str, Form()] = "",
) -> Response:
    """Keep the ratings of one answer."""
    web, user = web_of(request), user_of(request)
    if code not in {answer.code for answer in _sheet(web, sheet_id).answers}:
        raise HTTPException(404)
    given_marks = (correctness, relevance, style, expertise)
    marks = dict(zip(CRITERIA, given_marks, strict=True))
    if not all(mark in {"1", "2", "3", "4", "5"} for mark in marks.values()):
        raise UserError(
            "点数の付いていない観点があります。",
            remedy="四つの観点すべてに 1〜5 を付けてください。",
        )
    given = ratings_of(web.home, sheet_id, user.name)
    given[code] = {name: int(mark) for name, mark in marks.items()}
    keep_ratings(web.home, sheet_id, user.name, given)
    return go(f"/evaluation/ratings/{sheet_id}")


def _sheet(web: Web, sheet_id: str) -> Sheet:
    """The sheet.

    Raises:
        HTTPException: 404, there is none, or a run it was made from is gone.
    """
    ids = list_sheets(web.home).get(sheet_id)
    known = {run.config.id: run.config for run in list_runs(web.home)}
    if ids is None or not all(run in known for run in ids):
        raise HTTPException(404)
    dataset = open_dataset(web.home, known[ids[0]].dataset)
    return open_sheet(web.home, sheet_id, [open_run(web.home, dataset, run) for run in ids])
