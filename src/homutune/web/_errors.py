"""What went wrong and what to do next, as a page or, for htmx, as a piece of one."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from homutune.errors import UserError
from homutune.files import DiskFull, says_disk_full
from homutune.web._context import Web, wants_fragment, web_of

#: HTTP status -> what happened, what to do.
_TEXTS = {
    400: ("入力に足りない所があります。", "前の画面に戻り、入力を確かめてください。"),
    401: ("サインインの期限が切れました。", "サインインし直してください。"),
    403: (
        "この操作は許可されていません。",
        "必要なときは、管理者に役割の変更を頼んでください。",
    ),
    404: (
        "このページはありません。",
        "アドレスを確かめるか、ホームから選び直してください。削除された案件や、ほかの利用者の案件は開けません。",
    ),
    405: ("この操作はできません。", "ホームから選び直してください。"),
    411: ("送信の形式が違います。", "ブラウザーの画面から、もう一度送ってください。"),
    413: ("ファイルが大きすぎます。", "50 MB までのファイルにしてください。"),
    500: (
        "サーバーの内部で問題が起きました。",
        "もう一度試しても同じときは、下の番号を管理者に伝えてください。",
    ),
    507: (
        "ディスクの空き容量が足りません。",
        "空き容量を増やしてから、もう一度実行してください。何も変更していません。",
    ),
}


def error_page(
    web: Web,
    request: Request,
    status: int,
    message: str | None = None,
    remedy: str | None = None,
    where: str | None = None,
) -> Response:
    """The page for ``status``; our own words where none are given."""
    known = _TEXTS.get(status, _TEXTS[400 if status < 500 else 500])
    template = "_problem.html" if wants_fragment(request) else "error.html"
    return web.page(
        request,
        template,
        status=status,
        message=message or known[0],
        remedy=(remedy if message else known[1]) or "",
        where=where,
        number=request.scope["state"].get("request_id") if status == 500 else None,
    )


def install_error_handlers(app: FastAPI) -> None:
    """Register the handlers of everything but unforeseen exceptions (the door's part)."""
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(OSError, _disk_full)


async def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    status = 507 if isinstance(error, DiskFull) else 400
    # The folder is the server's own affair; the line helps.
    where = f"{error.line} 行目" if error.line else None
    return error_page(web_of(request), request, status, error.message, error.remedy or "", where)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 403 and error.detail == "csrf":
        return error_page(
            web_of(request),
            request,
            403,
            "画面が古くなっています。",
            "ページを再読み込みしてから、もう一度操作してください。",
        )
    return error_page(web_of(request), request, error.status_code)


async def _validation_error(request: Request, error: Exception) -> Response:
    return error_page(web_of(request), request, 400)


async def _disk_full(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    if not says_disk_full(error):
        raise error
    return error_page(web_of(request), request, 507)
