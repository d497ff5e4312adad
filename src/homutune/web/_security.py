"""Before and after every page: who asks, may they, headers, size, the audit log, the last error."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time

from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homutune.server import AuditRow, new_id
from homutune.web._accounts import LOCAL_USER, User
from homutune.web._context import Web
from homutune.web._errors import error_page

log = logging.getLogger("homutune.server")

COOKIE = "homutune_session"
LOGIN = "/login"
#: Shown to anybody who reaches the server.
_PUBLIC = (LOGIN, "/static/")
_READING = {"GET", "HEAD"}
#: Pages made at one time; half of the threads are left to the API that they ask.
PAGES_AT_ONCE = 32
#: A contract may have 50 MB, a table too; the form around it is small.
MAX_BODY = 64_000_000

#: No inline script or style, nothing from anywhere else.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    # With no-referrer browsers send "Origin: null" with forms, which the guard must refuse.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "x-frame-options": "DENY",
}


class Door:
    """Lets a request in as somebody, or sends it to the sign-in page."""

    def __init__(self, app: ASGIApp, *, web: Web) -> None:
        self._app = app
        self._web = web
        self._turns: CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        state = scope.setdefault("state", {})
        path, reading = scope["path"], scope["method"] in _READING
        status = 0
        attached = False

        async def send_safely(message: Message) -> None:
            nonlocal status, attached
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                attached = "content-disposition" in headers
                for name, value in _HEADERS.items():
                    headers[name] = value
                if not path.startswith("/static/"):
                    headers["cache-control"] = "no-store"
            await send(message)

        secret = request.cookies.get(COOKIE, "")
        user = await self._user(secret)
        state["page_user"], state["session"] = user, secret
        state["csrf"] = csrf_token(self._web, secret)
        if user is not None and self._web.with_accounts:
            state["user"] = user.name
        try:
            refusal = self._refusal(scope, user, reading)
            if refusal is not None:
                await refusal(scope, receive, send_safely)
            elif path.startswith("/static/"):
                await self._app(scope, receive, send_safely)
            else:
                async with self._turn():
                    await self._app(scope, receive, send_safely)
        except Exception as error:
            # The text of an exception may quote a document, so only its type is logged.
            log.error("%s request_id=%s", type(error).__name__, state.get("request_id"))
            if status:
                raise ConnectionAbortedError from None
            response = error_page(self._web, request, 500)
            await response(scope, receive, send_safely)
        if (not reading or attached) and path != LOGIN:
            await run_in_threadpool(self._note, user, scope["method"], path, status)

    def _turn(self) -> CapacityLimiter:
        """A page waits in its thread for the API, which needs a thread of the same pool."""
        if self._turns is None:
            threads = current_default_thread_limiter()
            threads.total_tokens = max(threads.total_tokens, 2 * PAGES_AT_ONCE)
            self._turns = CapacityLimiter(PAGES_AT_ONCE)
        return self._turns

    async def _user(self, secret: str) -> User | None:
        if not self._web.with_accounts:
            return LOCAL_USER
        if not secret:
            return None
        return await run_in_threadpool(self._web.accounts.user_of, secret)

    def _refusal(self, scope: Scope, user: User | None, reading: bool) -> ASGIApp | None:
        request = Request(scope)
        path = scope["path"]
        if user is None and not path.startswith(_PUBLIC):
            if reading and request.headers.get("hx-request") != "true":
                return RedirectResponse(LOGIN, 303)
            response = error_page(self._web, request, 401)
            response.headers["HX-Redirect"] = LOGIN
            return response
        if user is not None and not reading and not user.may_write and path != "/logout":
            return error_page(self._web, request, 403)
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            return error_page(self._web, request, 413)
        # A body of unknown length could not be limited before it is read.
        if "transfer-encoding" in Headers(scope=scope):
            return error_page(self._web, request, 411)
        return None

    def _note(self, user: User | None, method: str, path: str, status: int) -> None:
        note(self._web, user.name if user else "", method, path, status)


def note(web: Web, user: str, action: str, target: str, result: int) -> None:
    """Write one line of the audit log: names and numbers, never contents."""
    web.store.add(
        AuditRow(
            id=new_id("a_", 16),
            created_at=int(time.time()),
            user=user[:64],
            action=action[:64],
            target=target[:255],
            result=result,
        )
    )


def csrf_token(web: Web, session: str) -> str:
    """What a form of this session must send back."""
    return hmac.new(web.secret, f"csrf {session}".encode(), hashlib.sha256).hexdigest()


async def check_csrf(request: Request) -> None:
    """Refuse a change that does not come from one of our own pages.

    Raises:
        HTTPException: 403.
    """
    if request.method in _READING:
        return
    given = request.headers.get("x-csrf-token") or ""
    if not given:
        value = (await request.form()).get("csrf")
        given = value if isinstance(value, str) else ""
    wanted = request.scope["state"]["csrf"]
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise HTTPException(403, "csrf")


def require_admin(request: Request) -> None:
    """A dependency of pages that only a 管理者 may see.

    Raises:
        HTTPException: 403.
    """
    user: User = request.scope["state"]["page_user"]
    if not user.is_admin:
        raise HTTPException(403)
