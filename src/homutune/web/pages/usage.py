"""設定・利用量と費用: for a 管理者, because it adds up what all users asked."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from homutune.data import load_prices
from homutune.web._context import web_of
from homutune.web._security import require_admin
from homutune.web._usage import ASKED, usage_of

router = APIRouter(prefix="/settings/usage", dependencies=[Depends(require_admin)])


@router.get("")
def index(request: Request) -> Response:
    """Tokens and yen by month and model, the budget of this month and what is left of it."""
    web = web_of(request)
    used = usage_of(web.home)
    now = datetime.now(UTC).strftime("%Y-%m")
    asked = [each for each in used if each.month == now and each.purpose == ASKED]
    spent = sum(each.jpy or 0.0 for each in asked)
    budget = web.settings.monthly_budget_jpy
    months = [(month, list(group)) for month, group in groupby(used, lambda each: each.month)]
    return web.page(
        request,
        "settings/usage.html",
        months=months,
        now=now,
        asked=sum(each.times for each in asked),
        tokens=sum((each.prompt_tokens or 0) + (each.completion_tokens or 0) for each in asked),
        spent=spent,
        unpriced=any(each.jpy is None or each.unpriced for each in asked),
        budget=budget,
        left=None if budget is None else max(0.0, budget - spent),
        prices=load_prices(),
        upstreams=bool(web.settings.upstreams),
    )
