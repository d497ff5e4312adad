"""A real HTTP server on a real port whose answers a test writes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """What a client sent; ``path`` with its query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What the server answers: a JSON value, or bytes as they are."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class ScriptedServer:
    """A real HTTP server on a real port whose answers a test writes: ``(method, path)`` -> reply.

    Paths are without ``/v1`` and query. A reply may be a function of the request. What is not
    scripted is answered with OpenAI's 404.
    """

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], Reply | Callable[[Request], Reply]] = {}
        self.requests: list[Request] = []
        self._port = 0
        self._http: ThreadingHTTPServer | None = None
        self.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        """Listen; after :meth:`stop` on the same port again."""
        script = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                request = Request(
                    self.command, self.path, dict(self.headers), self.rfile.read(length)
                )
                script.requests.append(request)
                reply = script.routes.get(
                    (self.command, self.path.partition("?")[0].removeprefix("/v1"))
                )
                if callable(reply):
                    reply = reply(request)
                if reply is None:
                    reply = openai_error(404, "Not found", "not_found")
                raw = isinstance(reply.body, bytes)
                body = reply.body if raw else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                headers = {"content-type": "application/json", **reply.headers}
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = _answer

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._http.server_port
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening, as a server does that is being restarted."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def sent(self, method: str, path: str) -> list[Request]:
        """Requests received for ``path``, in order."""
        return [
            request
            for request in self.requests
            if (request.method, request.path.partition("?")[0].removeprefix("/v1"))
            == (method, path)
        ]


def openai_error(
    status: int, message: str, code: str | None = None, *, param: str | None = None
) -> Reply:
    """An error as OpenAI words it."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    # Without this header the SDK would wait and repeat what the test wants to see at once.
    headers = {"x-request-id": "req_test123", "x-should-retry": "false"}
    return Reply({"error": error}, status, headers)
