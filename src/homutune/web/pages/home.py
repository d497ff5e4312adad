"""ホーム: what runs, the newest model, where to go next, when hosted fine-tuning closes."""

from __future__ import annotations

import time
from datetime import date

from fastapi import APIRouter, Request
from starlette.responses import Response

from homutune.client import HOSTED_CLOSING
from homutune.errors import UserError
from homutune.tuning import STATUS, TERMINAL, sync_models
from homutune.web._comparisons import newest_comparison
from homutune.web._context import user_of, web_of

router = APIRouter()


@router.get("/")
def home(request: Request) -> Response:
    """The first page."""
    web = web_of(request)
    today = date.today()
    closing = [(item, (item.day - today).days) for item in HOSTED_CLOSING if item.day >= today]
    return web.page(
        request,
        "home/index.html",
        reviews=web.matters.list(user_of(request), "review", limit=5),
        closing=closing,
        closed=[item for item in HOSTED_CLOSING if item.day < today],
        shortcuts=[entry for entry in web.menu if entry[1] != "/"],
    )


@router.get("/home/models")
def models(request: Request) -> Response:
    """Jobs that run and the newest model; apart, because the model server may be slow or away."""
    web = web_of(request)
    try:
        with web.client() as client:
            jobs = client.fine_tuning.jobs.list(limit=10).data
            sync_models(web.home, client)
    except UserError as error:
        return web.page(request, "home/_models.html", problem=error, running=[])
    entries = web.models()
    return web.page(
        request,
        "home/_models.html",
        problem=None,
        running=[
            (job, STATUS.get(job.status, job.status), _left(job.estimated_finish))
            for job in jobs
            if job.status not in TERMINAL
        ],
        newest=entries[0] if entries else None,
    )


@router.get("/home/comparison")
def comparison(request: Request) -> Response:
    """The newest model against its base; apart, because the statistics take seconds."""
    web = web_of(request)
    entries = web.models()
    measured = newest_comparison(web.home, entries[0]) if entries else None
    return web.page(request, "home/_comparison.html", measured=measured)


def _left(finish: int | None) -> str:
    if finish is None:
        return ""
    minutes = max(0, finish - time.time()) / 60
    return "残り 1 分未満" if minutes < 1 else f"残り約 {minutes:.0f} 分"
