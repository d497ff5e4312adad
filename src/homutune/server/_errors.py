"""Every error leaves in OpenAI's shape, so that the SDK raises the class it should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from homutune.errors import UserError
from homutune.files import DiskFull, says_disk_full


class ApiError(Exception):
    """A request that cannot be served.

    Args:
        status: HTTP status.
        message: for the caller; OpenAI's English text where OpenAI has one.
        param: the argument at fault.
        code: machine-readable name of the error.
        type: OpenAI's class of error.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        type: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(message, param=param, code=code, type=type)


def error_body(
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    type: str = "invalid_request_error",
) -> dict[str, dict[str, str | None]]:
    """``{"error": {"message", "type", "param", "code"}}``."""
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def server_error_body(request_id: str) -> dict[str, dict[str, str | None]]:
    """The body of a 500: OpenAI's text with the number to look for in the log."""
    return error_body(
        "The server had an error while processing your request. Sorry about that! "
        f"(サーバー内部の問題です。記録の {request_id} を確認してください)",
        type="server_error",
    )


def model_not_found(model: str, *, param: str | None = None) -> ApiError:
    """OpenAI's 404 for a model that is not there."""
    return ApiError(
        404,
        f"The model `{model}` does not exist or you do not have access to it.",
        param=param,
        code="model_not_found",
    )


def install_error_handlers(app: FastAPI) -> None:
    """Register the handlers of everything but unforeseen exceptions (the middleware's part)."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(OSError, _disk_full)


async def _api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body, error.status)


async def _user_error(_: Request, error: Exception) -> JSONResponse:
    # The engine's own refusals: a conversation its template cannot render, a missing package.
    assert isinstance(error, UserError)
    if isinstance(error, DiskFull):
        return _no_room()
    text = f"{error.message} {error.remedy or ''}".strip()
    return JSONResponse(error_body(text), 400)


async def _disk_full(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OSError)
    if not says_disk_full(error):
        raise error
    return _no_room()


def _no_room() -> JSONResponse:
    text = "ディスクの空き容量が足りません。空き容量を増やしてから、もう一度実行してください。"
    return JSONResponse(error_body(text, code="disk_full", type="server_error"), 507)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        body = error_body(f"Invalid URL ({request.method} {request.url.path})", code="unknown_url")
    elif error.status_code == 405:
        body = error_body(
            f"Not allowed to {request.method} on {request.url.path}. "
            "(HINT: Perhaps you meant to use a different HTTP method?)",
            code="method_not_supported",
        )
    else:
        body = error_body(str(error.detail))
    return JSONResponse(body, error.status_code, headers=error.headers)


async def _validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse(_explain(error.errors()[0]), 400)


def _explain(first: Mapping[str, Any]) -> dict[str, dict[str, str | None]]:
    kind, message = first["type"], first["msg"]
    if kind == "json_invalid":
        return error_body(
            "We could not parse the JSON body of your request. (HINT: This likely means you "
            "aren't using your HTTP library correctly. The OpenAI API expects a JSON payload.)"
        )
    param = _name(first["loc"]) or None
    name = param or "body"
    if kind == "missing":
        text, code = f"Missing required parameter: '{name}'.", "missing_required_parameter"
    elif kind == "extra_forbidden":
        text, code = f"Unknown parameter: '{name}'.", "unknown_parameter"
    elif kind.endswith(("_type", "_parsing")):
        text, code = f"Invalid type for '{name}': {message}.", "invalid_type"
    else:
        reason = message.removeprefix("Value error, ")
        text, code = f"Invalid value for '{name}': {reason}.", "invalid_value"
    return error_body(text, param=param, code=code)


def _name(location: Sequence[str | int]) -> str:
    """``("body", "messages", 0, "content")`` as OpenAI writes it: ``messages[0].content``."""
    name = ""
    for part in location[1:]:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            name += f".{part}" if name else part
    return name
