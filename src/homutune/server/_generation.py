"""Generation for many requests: what chat and completions share."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
from fastapi import Request
from fastapi.responses import StreamingResponse

from homutune.engine import SLOTS, Chunk, ContextTooLong, GenerationRequest, TokenLogprobs
from homutune.server._chat_schemas import Sampling
from homutune.server._engine import Engine
from homutune.server._errors import ApiError, model_not_found, server_error_body
from homutune.server._models import Models, Target

log = logging.getLogger("homutune.server")


class Answer(NamedTuple):
    """One choice, finished."""

    text: str
    finish_reason: str
    logprobs: list[TokenLogprobs]


class Generation:
    """As many requests at a time as the engine decodes; the others wait.

    Every answer, streamed or not, is generated piece by piece, so that one whose client has
    gone away stops instead of keeping the machine busy.
    """

    def __init__(self, engine: Engine, models: Models) -> None:
        self._engine = engine
        self._models = models
        self._slots = anyio.Semaphore(SLOTS)
        self._threads = anyio.CapacityLimiter(SLOTS)

    async def request(self, asked: Sampling, **more: Any) -> GenerationRequest:
        """What the engine is asked for, without the seed of each choice.

        Raises:
            ApiError: there is no such model, or an argument cannot be served.
        """
        if (name := asked.unsupported()) is not None:
            raise unsupported(name)
        target: Target | None = await anyio.to_thread.run_sync(self._models.get, asked.model)
        if target is None:
            raise model_not_found(asked.model)
        options: dict[str, Any] = {
            "base": target.base,
            "adapter": target.adapter,
            "max_tokens": asked.max_tokens,
            "temperature": 1.0 if asked.temperature is None else asked.temperature,
            "top_p": 1.0 if asked.top_p is None else asked.top_p,
            "stop": asked.stop or [],
            "seed": asked.seed,
            "frequency_penalty": asked.frequency_penalty or 0.0,
            "presence_penalty": asked.presence_penalty or 0.0,
        }
        return GenerationRequest(**(options | more))

    async def supports_tools(self, base: str) -> bool:
        """Whether tools can be put before ``base``."""
        supported: bool = await self._in_thread(partial(self._engine.supports_tools, base))
        return supported

    @asynccontextmanager
    async def pieces(self, request: GenerationRequest) -> AsyncIterator[AsyncIterator[Chunk]]:
        """The pieces of one answer; leaving the block stops the work.

        Raises:
            ApiError: the prompt is longer than the context.
        """
        async with self._slots:
            try:
                iterator = await self._in_thread(partial(self._engine.stream, request))
            except ContextTooLong as error:
                raise _too_long(error, "messages" if request.prompt is None else "prompt") from None

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

    async def answer(
        self, generation: GenerationRequest, choice: int, usage: Usage, request: Request
    ) -> Answer | None:
        """The whole answer ``choice``, counted in ``usage``; None if nobody waits any more."""
        text, last = "", None
        logprobs: list[TokenLogprobs] = []
        async with self.pieces(numbered(generation, choice)) as pieces:
            async for piece in pieces:
                text, last = text + piece.text, piece
                logprobs += piece.logprobs
                if await request.is_disconnected():
                    return None
        usage.count(last, choice=choice)
        return Answer(text, (last and last.finish_reason) or "stop", logprobs)

    async def _in_thread(self, work: Any) -> Any:
        return await anyio.to_thread.run_sync(work, limiter=self._threads)


def unsupported(name: str) -> ApiError:
    """The refusal of an argument by name."""
    return ApiError(
        400,
        f"Unsupported parameter: '{name}' is not supported with this model. "
        f"(このサーバーでは {name} を使えません)",
        param=name,
        code="unsupported_parameter",
    )


def numbered(generation: GenerationRequest, index: int) -> GenerationRequest:
    """The request of choice ``index``: with one seed, n choices would be n times the same."""
    seed = None if generation.seed is None else generation.seed + index
    return replace(generation, seed=seed)


def _too_long(error: ContextTooLong, param: str) -> ApiError:
    return ApiError(
        400,
        f"This model's maximum context length is {error.limit} tokens. However, your {param} "
        f"resulted in {error.tokens} tokens. Please reduce the length of the {param}. "
        "(入力が長すぎます。質問や参考資料を短くしてください)",
        param=param,
        code="context_length_exceeded",
    )


class Usage:
    """Tokens of a request: a prompt counts once, however many choices there are."""

    def __init__(self) -> None:
        self._prompt = 0
        self._completion = 0

    def count(self, last: Chunk | None, *, choice: int = 0) -> None:
        """Add the last piece of a choice; the prompt's tokens with the first choice only."""
        if last is not None:
            self._prompt += 0 if choice else last.prompt_tokens
            self._completion += last.completion_tokens

    def body(self) -> dict[str, int]:
        """OpenAI's ``usage``."""
        return {
            "prompt_tokens": self._prompt,
            "completion_tokens": self._completion,
            "total_tokens": self._prompt + self._completion,
        }


def sse(body: Mapping[str, Any]) -> str:
    """One event of a stream."""
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


async def streamed(events: AsyncIterator[str], request_id: str) -> StreamingResponse:
    """The stream of ``events``, an error among them told as an event of its own.

    The first is awaited here: what the engine refuses is then a 400 and no broken stream.
    """
    first = await anext(events)

    async def all_of_them() -> AsyncIterator[str]:
        yield first
        try:
            async for event in events:
                yield event
            yield "data: [DONE]\n\n"
        except Exception as error:
            # The status line is long gone; the SDK raises APIError on an error event.
            log.error("%s request_id=%s", type(error).__name__, request_id)
            yield sse(server_error_body(request_id))

    headers = {"cache-control": "no-cache"}
    return StreamingResponse(all_of_them(), media_type="text/event-stream", headers=headers)
