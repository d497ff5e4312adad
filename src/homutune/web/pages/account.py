"""Signing in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from homutune.errors import UserError
from homutune.web._accounts import SESSION_S
from homutune.web._context import go, web_of
from homutune.web._security import COOKIE, LOGIN, note

router = APIRouter()


@router.get("/login")
def sign_in_page(request: Request) -> Response:
    """The form."""
    web = web_of(request)
    if request.scope["state"]["page_user"] is not None:
        return go("/")
    return web.page(request, "account/login.html", problem=None, name="")


@router.post("/login")
def sign_in(
    request: Request, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = ""
) -> Response:
    """Start a session."""
    web = web_of(request)
    if not web.with_accounts:
        return go("/")
    address = request.client.host if request.client else ""
    try:
        user, secret = web.accounts.sign_in(name, password, address)
    except UserError as error:
        note(web, name, "sign in", LOGIN, 401)
        return web.page(request, "account/login.html", status=401, problem=error, name=name)
    note(web, user.name, "sign in", LOGIN, 200)
    response = go("/")
    response.set_cookie(
        COOKIE,
        secret,
        max_age=SESSION_S,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/logout")
def sign_out(request: Request) -> Response:
    """End the session."""
    web = web_of(request)
    web.accounts.sign_out(request.scope["state"]["session"])
    response = go(LOGIN)
    response.delete_cookie(COOKIE)
    return response
