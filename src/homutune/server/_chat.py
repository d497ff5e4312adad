"""``/v1/chat/completions``: whole answers and streams."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from homutune.engine import SLOTS, Chunk, GenerationRequest
from homutune.server._engine import Engine
from homutune.server._errors import ApiError, model_not_found, server_error_body
from homutune.server._ids import new_id
from homutune.server._models import Models, Target
from homutune.server._schemas import ChatRequest

log = logging.getLogger("homutune.server")


class Chat:
    """Generation for many requests: as many at a time as the engine decodes.

    Every answer, streamed or not, is generated piece by piece, so that one whose client has
    gone away stops instead of keeping the machine busy.
    """

    def __init__(self, engine: Engine, models: Models) -> None:
        self._engine = engine
        self._models = models
        self._slots = anyio.Semaphore(SLOTS)
        self._threads = anyio.CapacityLimiter(SLOTS)

    async def plan(self, asked: ChatRequest) -> GenerationRequest:
        """What the engine is asked for, without the seed of each choice.

        Raises:
            ApiError: there is no such model, or an argument cannot be served.
        """
        if (name := asked.unsupported()) is not None:
            raise ApiError(
                400,
                f"Unsupported parameter: '{name}' is not supported with this model. "
                f"(このサーバーでは {name} を使えません)",
                param=name,
                code="unsupported_parameter",
            )
        target: Target | None = await anyio.to_thread.run_sync(self._models.get, asked.model)
        if target is None:
            raise model_not_found(asked.model)
        wanted = asked.response_format
        schema = wanted.json_schema if wanted else None
        return GenerationRequest(
            base=target.base,
            adapter=target.adapter,
            messages=[message.plain() for message in asked.messages],
            max_tokens=asked.max_completion_tokens or asked.max_tokens,
            temperature=1.0 if asked.temperature is None else asked.temperature,
            top_p=1.0 if asked.top_p is None else asked.top_p,
            stop=asked.stop or [],
            seed=asked.seed,
            json_schema=schema.schema_ if schema else None,
            json_object=wanted is not None and wanted.type == "json_object",
        )

    @asynccontextmanager
    async def pieces(self, generation: GenerationRequest) -> AsyncIterator[AsyncIterator[Chunk]]:
        """The pieces of one answer; leaving the block stops the work."""
        async with self._slots:
            iterator = await self._in_thread(partial(self._engine.stream, generation))

            async def each() -> AsyncIterator[Chunk]:
                while (piece := await self._in_thread(partial(next, iterator, None))) is not None:
                    yield piece

            try:
                yield each()
            finally:
                close = getattr(iterator, "close", None)
                if close is not None:
                    with anyio.CancelScope(shield=True):
                        await self._in_thread(close)

    async def _in_thread(self, work: Any) -> Any:
        return await anyio.to_thread.run_sync(work, limiter=self._threads)


def chat_router(chat: Chat) -> APIRouter:
    """The one route of the chat API."""
    router = APIRouter(prefix="/v1/chat/completions")

    @router.post("")
    async def create_completion(body: ChatRequest, request: Request) -> Response:
        generation = await chat.plan(body)
        if body.stream:
            events = _events(chat, body, generation, request.state.request_id)
            # With the first piece in hand, what the engine refuses is a 400 and no broken stream.
            first = await anext(events)
            return StreamingResponse(
                _preceded(first, events),
                media_type="text/event-stream",
                headers={"cache-control": "no-cache"},
            )
        return await _whole(chat, body, generation, request)

    return router


def _choice(generation: GenerationRequest, index: int) -> GenerationRequest:
    # With one seed for all, n choices would be n times the same answer.
    seed = None if generation.seed is None else generation.seed + index
    return replace(generation, seed=seed)


async def _whole(
    chat: Chat, asked: ChatRequest, generation: GenerationRequest, request: Request
) -> Response:
    choices = []
    usage = _Usage()
    for index in range(asked.n or 1):
        text, last = "", None
        async with chat.pieces(_choice(generation, index)) as pieces:
            async for piece in pieces:
                text, last = text + piece.text, piece
                if await request.is_disconnected():
                    return Response(status_code=499)  # nobody reads it; 499 is for the log
        usage.count(last)
        choices.append(
            {
                "index": index,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "finish_reason": (last and last.finish_reason) or "stop",
                "logprobs": None,
            }
        )
    return JSONResponse(
        {
            "id": new_id("chatcmpl-"),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": asked.model,
            "choices": choices,
            "usage": usage.body(),
        }
    )


async def _events(
    chat: Chat, asked: ChatRequest, generation: GenerationRequest, request_id: str
) -> AsyncIterator[str]:
    with_usage = bool(asked.stream_options and asked.stream_options.include_usage)
    head: dict[str, Any] = {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": asked.model,
    }
    if with_usage:
        head["usage"] = None

    def chunk(index: int, delta: dict[str, Any], finish_reason: str | None = None) -> str:
        choice = {
            "index": index,
            "delta": delta,
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        return _sse({**head, "choices": [choice]})

    usage, sent = _Usage(), False
    try:
        for index in range(asked.n or 1):
            last: Chunk | None = None
            async with chat.pieces(_choice(generation, index)) as pieces:
                async for piece in pieces:
                    if last is None:
                        yield chunk(index, {"role": "assistant", "content": "", "refusal": None})
                        sent = True
                    last = piece
                    if piece.text:
                        yield chunk(index, {"content": piece.text})
            usage.count(last)
            yield chunk(index, {}, (last and last.finish_reason) or "stop")
        if with_usage:
            yield _sse({**head, "choices": [], "usage": usage.body()})
        yield "data: [DONE]\n\n"
    except Exception as error:
        if not sent:
            raise
        # The status line is long gone; the SDK raises APIError on an error event.
        log.error("%s request_id=%s", type(error).__name__, request_id)
        yield _sse(server_error_body(request_id))


async def _preceded(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for event in rest:
        yield event


def _sse(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


class _Usage:
    """Tokens of a request: the prompt counts once, however many choices there are."""

    def __init__(self) -> None:
        self._prompt = 0
        self._completion = 0

    def count(self, last: Chunk | None) -> None:
        if last is not None:
            self._prompt = last.prompt_tokens
            self._completion += last.completion_tokens

    def body(self) -> dict[str, int]:
        return {
            "prompt_tokens": self._prompt,
            "completion_tokens": self._completion,
            "total_tokens": self._prompt + self._completion,
        }
