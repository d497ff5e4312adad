"""Models that another OpenAI-compatible server answers for: vLLM, Ollama, llama.cpp, a gateway.

Requests for a configured model name are passed on, all others go to our own routes. The name is
exchanged on the way there and back; nothing else is changed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import httpx2
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homutune.errors import UserError
from homutune.server._errors import error_body
from homutune.settings import NO_EXTERNAL_HEADER, Settings, Upstream, is_loopback

log = logging.getLogger("homutune.server")

_PATHS = {"/v1/chat/completions", "/v1/completions", "/v1/embeddings"}
#: A long answer may take minutes to begin; a server that is down is known at once.
_TIMEOUT = httpx2.Timeout(600, connect=5)


class _Route(NamedTuple):
    url: str
    key: str | None
    name: str


def refuse_external_upstreams(settings: Settings) -> None:
    """Pass, or refuse to start with a route to another machine.

    Raises:
        UserError: 外部送信禁止 is set and an upstream is not on this machine.
    """
    far = [str(u.url) for u in settings.upstreams if not is_loopback(str(u.url))]
    if settings.no_external and far:
        raise UserError(
            f"外部送信禁止のため、このマシン以外のサーバー {far[0]} には取り次げません。",
            remedy="設定 upstreams からそのサーバーを外すか、外部送信禁止の設定"
            "（HOMUTUNE_NO_EXTERNAL）を外してください。",
        )


def upstream_names(configured: Sequence[Upstream]) -> list[str]:
    """The model names that are answered elsewhere."""
    return list(_routes(configured))


class UpstreamProxy:
    """ASGI middleware; inside of the guard, so that only who may speak to us is passed on."""

    def __init__(self, app: ASGIApp, *, upstreams: Sequence[Upstream]) -> None:
        self._app = app
        self._routes = _routes(upstreams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        passes = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in _PATHS
        if not (self._routes and passes):
            await self._app(scope, receive, send)
            return
        content = await _read(receive)
        asked = _parse(content)
        route = self._routes.get(asked["model"]) if isinstance(asked.get("model"), str) else None
        if route is None:
            await self._app(scope, _replay(content, receive), send)
            return
        marked = Headers(scope=scope).get(NO_EXTERNAL_HEADER) == "1"
        if marked and not is_loopback(route.url):
            await _kept_here(asked["model"])(scope, receive, send)
            return
        response = await _forward(route, scope["path"].removeprefix("/v1"), asked)
        await response(scope, receive, send)


def _routes(configured: Sequence[Upstream]) -> dict[str, _Route]:
    routes = {}
    for upstream in configured:
        key = upstream.api_key.get_secret_value() if upstream.api_key else None
        for here, there in upstream.models.items():
            routes[here] = _Route(str(upstream.url).rstrip("/"), key, there)
    return routes


async def _forward(route: _Route, path: str, asked: dict[str, Any]) -> Response:
    # The caller's own key and headers stay here.
    headers = [(b"authorization", f"Bearer {route.key}".encode())] if route.key else []
    client = httpx2.AsyncClient(timeout=_TIMEOUT, headers=headers, trust_env=False)
    request = client.build_request("POST", route.url + path, json={**asked, "model": route.name})
    try:
        answer = await client.send(request, stream=True)
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            lines = _lines(client, answer, asked["model"])
            return StreamingResponse(lines, answer.status_code, media_type="text/event-stream")
        content = await answer.aread()
    except httpx2.HTTPError as error:
        log.error("upstream: %s", type(error).__name__)
        await client.aclose()
        return _unavailable(asked["model"])
    await client.aclose()
    if isinstance(body := _json(content), dict):
        return JSONResponse(_renamed(body, asked["model"]), answer.status_code)
    log.error("upstream: an answer that is not JSON, status %s", answer.status_code)
    return _unavailable(asked["model"])


async def _lines(
    client: httpx2.AsyncClient, answer: httpx2.Response, name: str
) -> AsyncIterator[str]:
    """Server-sent events, each passed on as it comes; an abandoned one ends the work there."""
    try:
        async for line in answer.aiter_lines():
            head, _, data = line.partition(" ")
            if head == "data:" and isinstance(body := _json(data.encode()), dict):
                line = f"data: {json.dumps(_renamed(body, name), ensure_ascii=False)}"
            yield f"{line}\n"
    except httpx2.HTTPError as error:
        log.error("upstream: %s", type(error).__name__)
        yield f"data: {json.dumps(_unavailable_body(name), ensure_ascii=False)}\n\n"
    finally:
        await answer.aclose()
        await client.aclose()


def _renamed(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {**body, "model": name} if "model" in body else body


def _kept_here(name: str) -> JSONResponse:
    body = error_body(
        f"The model `{name}` is on another machine and the request must not leave this one. "
        "(外部送信禁止のため、別のマシンのモデルには送りません)",
        code="external_sending_forbidden",
        type="invalid_request_error",
    )
    return JSONResponse(body, 403)


def _unavailable(name: str) -> JSONResponse:
    return JSONResponse(_unavailable_body(name), 502)


def _unavailable_body(name: str) -> dict[str, Any]:
    return error_body(
        f"The upstream server for the model `{name}` is not available. "
        "(このモデルを動かしているサーバーに接続できません。設定 upstreams を確認してください)",
        code="upstream_unavailable",
        type="server_error",
    )


def _parse(content: bytes) -> dict[str, Any]:
    body = _json(content)
    return body if isinstance(body, dict) else {}


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:  # the routes word the error
        return None


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(content: bytes, receive: Receive) -> Receive:
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": content, "more_body": False}

    return again
