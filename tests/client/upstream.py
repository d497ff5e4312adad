"""A scripted OpenAI-compatible server: FastAPI on a real port, told what to do call by call."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse


@dataclass
class Say:
    """Answer with ``text``; a function makes it from the request's body."""

    text: str | Callable[[dict[str, Any]], str]
    finish: str = "stop"
    usage: tuple[int, int] | None = (100, 20)
    #: Seconds before the answer begins.
    after: float = 0.0
    #: Pieces of a stream after which the connection breaks.
    breaks_after: int | None = None


@dataclass
class Fail:
    """Answer with an error of OpenAI's form."""

    status: int
    code: str | None = None
    param: str | None = None
    message: str = "scripted failure"
    headers: dict[str, str] = field(default_factory=dict)


class Upstream:
    """Plays ``script`` call by call; the last entry is repeated. ``models`` is its list."""

    def __init__(self) -> None:
        self.script: list[Say | Fail] = [Say("はい。")]
        self.models: dict[str, int] | None = {"m": 1}
        self.bodies: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.listed = 0
        app = FastAPI()
        app.post("/v1/chat/completions")(self._chat)
        app.get("/v1/models")(self._models)
        listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, daemon=True
        )
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    @property
    def asked(self) -> list[str]:
        """The models asked, in order."""
        return [body["model"] for body in self.bodies]

    async def _models(self) -> Response:
        self.listed += 1
        if self.models is None:
            return JSONResponse({"error": {"message": "no such path"}}, 404)
        data = [
            {"id": name, "object": "model", "created": created, "owned_by": "t"}
            for name, created in self.models.items()
        ]
        return JSONResponse({"object": "list", "data": data})

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        self.times.append(time.monotonic())
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if self.models is not None and body["model"] not in self.models:
            step = Fail(404, "model_not_found", "model", f"no model {body['model']}")
        if isinstance(step, Fail):
            error = {
                "message": step.message,
                "type": "error",
                "param": step.param,
                "code": step.code,
            }
            return JSONResponse({"error": error}, step.status, step.headers)
        await asyncio.sleep(step.after)
        text = step.text if isinstance(step.text, str) else step.text(body)
        usage = None
        if step.usage:
            usage = {
                "prompt_tokens": step.usage[0],
                "completion_tokens": step.usage[1],
                "total_tokens": sum(step.usage),
            }
        if body.get("stream"):
            return StreamingResponse(_chunks(step, text, usage, body), 200, media_type=_SSE)
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": step.finish}
        head = {"id": "c", "object": "chat.completion", "created": 0, "model": body["model"]}
        return JSONResponse(
            {**head, "choices": [choice], "usage": usage}, headers={"x-request-id": "req_1"}
        )


_SSE = "text/event-stream"


async def _chunks(
    step: Say, text: str, usage: dict[str, int] | None, body: dict[str, Any]
) -> AsyncIterator[str]:
    def event(choices: list[dict[str, Any]], **more: Any) -> str:
        head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
        return f"data: {json.dumps({**head, 'choices': choices, **more})}\n\n"

    for number, start in enumerate(range(0, len(text), 3)):
        if number == step.breaks_after:
            raise ConnectionError("scripted break")
        delta = {"content": text[start : start + 3]}
        yield event([{"index": 0, "delta": delta, "finish_reason": None}])
        await asyncio.sleep(0)
    yield event([{"index": 0, "delta": {}, "finish_reason": step.finish}])
    if usage and body.get("stream_options", {}).get("include_usage"):
        yield event([], usage=usage)
    yield "data: [DONE]\n\n"
