"""設定・利用者: made, listed and disabled by a 管理者."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from homutune.errors import UserError
from homutune.web._accounts import MIN_PASSWORD, ROLES
from homutune.web._context import go, user_of, web_of
from homutune.web._security import require_admin

router = APIRouter(prefix="/settings/users", dependencies=[Depends(require_admin)])


@router.get("")
def index(request: Request) -> Response:
    """All users, and the form for a new one."""
    web = web_of(request)
    return web.page(
        request,
        "settings/users.html",
        users=web.accounts.list(),
        roles=ROLES,
        min_password=MIN_PASSWORD,
    )


@router.post("")
def add(
    request: Request,
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
    role: Annotated[str, Form()] = "法務",
) -> Response:
    """Make a user, or let a disabled one in again with a new password."""
    web_of(request).accounts.add(name, password, role)
    return go("/settings/users")


@router.post("/disable")
def disable(request: Request, name: Annotated[str, Form()]) -> Response:
    """Lock a user out at once."""
    if name == user_of(request).name:
        raise UserError("自分自身は止められません。", remedy="別の管理者に頼んでください。")
    web_of(request).accounts.disable(name)
    return go("/settings/users")
