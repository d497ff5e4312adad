"""Around every request: a request id, one log line, the last resort for errors, the guard."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import secrets
import time
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homutune.server._errors import error_body, server_error_body
from homutune.server._keys import Keys

log = logging.getLogger("homutune.server")

#: In the scope of requests the server makes to itself; none that came over the network has it.
_INSIDE = "homutune.inside"

#: What proxies add to the requests they pass on (RFC 7239, and what came before it).
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")

#: Methods that change nothing; a page of another origin cannot read their answer (no CORS).
_READING = {"GET", "HEAD", "OPTIONS"}


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host`` (a name or an address, no port)."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_api(path: str) -> bool:
    """Whether ``path`` is one of the API's, where a key is asked for."""
    return path == "/v1" or path.startswith("/v1/")


class Beside:
    """Another application on the same server, for every path that is not the API's."""

    def __init__(self, app: ASGIApp, *, pages: ASGIApp) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        own = scope["type"] != "http" or is_api(scope["path"]) or scope["path"] == "/healthz"
        await (self._app if own else self._pages)(scope, receive, send)


def inside(app: ASGIApp) -> ASGIApp:
    """``app`` as the server itself calls it: without a key, whatever the address."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, _INSIDE: True}, receive, send)

    return call


class RequestLog:
    """Give each request an id, log one line without contents, answer what nobody caught."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{secrets.token_hex(16)}"
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            # The text of an exception may quote a document, so only its type is logged.
            log.error("%s request_id=%s", type(error).__name__, request_id)
            if status:  # too late for an error: break off, without the text in the log
                raise ConnectionAbortedError from None
            await JSONResponse(server_error_body(request_id), 500)(scope, receive, send_with_id)
        finally:
            _log_request(scope, status, time.perf_counter() - began)


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    state = scope["state"]
    fields = {
        "method": scope["method"],
        "path": scope["path"],
        "status": status or None,
        "ms": round(seconds * 1000),
        "request_id": state["request_id"],
        "user": state.get("user"),
    }
    text = "%(method)s %(path)s %(status)s %(ms)dms %(request_id)s"
    if fields["user"] is not None:
        text += " %(user)s"
    log.info(text, fields, extra={"fields": fields})


class Guard:
    """Who may speak to the server.

    On loopback any key is taken, but not every page a browser shows: a foreign ``Host`` (DNS
    rebinding), a changing request of a foreign ``Origin``, and what a proxy passes on from others
    get 403. On any other address a user's key is required, or the one of the settings; a rebound
    page does not know it, so ``Host`` is free there. Pages (:class:`Beside`) ask for a password
    themselves.
    """

    def __init__(self, app: ASGIApp, *, host: str, api_keys: Sequence[str], keys: Keys) -> None:
        self._app = app
        self._host = host.lower()
        self._open = is_loopback(host)
        self._shared_keys = [key.encode() for key in api_keys if key]
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and _INSIDE not in scope:
            headers = Headers(scope=scope)
            refusal = self._refusal(scope["method"], headers)
            if refusal is None and not self._open and is_api(scope["path"]):
                refusal = await self._check_key(scope, headers.get("authorization", ""))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, method: str, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        name = _split(f"//{host}").hostname or ""
        if self._open and name != self._host and not is_loopback(name):
            return _forbidden("このホスト名からの利用は許可されていません。", "host_not_allowed")
        if self._open and any(name in headers for name in _PASSED_ON):
            return _forbidden(
                "127.0.0.1 で待ち受けている間は、プロキシが取り次ぐ要求を受け付けません。"
                "利用者とキーを作り、homutune serve --host 0.0.0.0 で起動してください。",
                "proxy_not_allowed",
            )
        origin = headers.get("origin")
        if origin is not None and method not in _READING and _split(origin).netloc != host:
            return _forbidden("他のサイトからの操作は許可されていません。", "origin_not_allowed")
        return None

    async def _check_key(self, scope: Scope, authorization: str) -> JSONResponse | None:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key:
            text = "You didn't provide an API key. (Authorization: Bearer … が必要です)"
            return JSONResponse(error_body(text), 401)
        # Headers are bytes that were read as Latin-1; the key may be any text.
        given = key.strip().encode("latin-1")
        if any(hmac.compare_digest(given, key) for key in self._shared_keys):
            return None
        user = await run_in_threadpool(self._keys.user_of, given.decode("utf-8", "replace"))
        if user is None:
            text = "Incorrect API key provided. (API キーが違うか、失効しています)"
            return JSONResponse(error_body(text, code="invalid_api_key"), 401)
        scope.setdefault("state", {})["user"] = user
        return None


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # brackets that do not close
        return SplitResult("", "", "", "", "")


def _forbidden(message: str, code: str) -> JSONResponse:
    return JSONResponse(error_body(message, code=code), 403)
