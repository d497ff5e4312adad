"""``/v1/completions``: a text continued, without a chat template."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from homutune.engine import Chunk, GenerationRequest, TokenLogprobs
from homutune.server._chat_schemas import CompletionRequest
from homutune.server._generation import Generation, Usage, numbered, sse, streamed
from homutune.server._ids import new_id

#: Length of an answer nobody gave a length [OpenAI].
DEFAULT_TOKENS = 16


def completions_router(generation: Generation) -> APIRouter:
    """The one route of the completions API."""
    router = APIRouter(prefix="/v1/completions")

    @router.post("", response_model=None)
    async def create_completion(body: CompletionRequest, request: Request) -> Response:
        wanted = await generation.request(
            body, max_tokens=body.max_tokens or DEFAULT_TOKENS, logprobs=body.logprobs
        )
        if body.stream:
            events = _events(generation, body, wanted)
            return await streamed(events, request.state.request_id)
        return await _whole(generation, body, wanted, request)

    return router


async def _whole(
    generation: Generation, asked: CompletionRequest, wanted: GenerationRequest, request: Request
) -> Response:
    choices: list[dict[str, Any]] = []
    usage = Usage()
    for prompt in asked.prompt:
        for choice in range(asked.n or 1):
            answer = await generation.answer(replace(wanted, prompt=prompt), choice, usage, request)
            if answer is None:
                return Response(status_code=499)  # nobody reads it; 499 is for the log
            choices.append(
                {
                    "index": len(choices),
                    "text": answer.text,
                    "finish_reason": answer.finish_reason,
                    "logprobs": _logprobs(asked, answer.logprobs),
                }
            )
    return JSONResponse({**_head(asked), "choices": choices, "usage": usage.body()})


async def _events(
    generation: Generation, asked: CompletionRequest, wanted: GenerationRequest
) -> AsyncIterator[str]:
    head, usage, index = _head(asked), Usage(), 0
    if asked.with_usage:
        head["usage"] = None

    def event(text: str, reason: str | None, logprobs: Sequence[TokenLogprobs] = ()) -> str:
        shown = _logprobs(asked, logprobs) if logprobs else None
        choice = {"index": index, "text": text, "finish_reason": reason, "logprobs": shown}
        return sse({**head, "choices": [choice]})

    for prompt in asked.prompt:
        for choice in range(asked.n or 1):
            last: Chunk | None = None
            asked_for = numbered(replace(wanted, prompt=prompt), choice)
            async with generation.pieces(asked_for) as pieces:
                async for last in pieces:
                    if last.text or last.logprobs:
                        yield event(last.text, None, last.logprobs)
            usage.count(last, choice=choice)
            yield event("", (last and last.finish_reason) or "stop")
            index += 1
    if asked.with_usage:
        yield sse({**head, "choices": [], "usage": usage.body()})


def _head(asked: CompletionRequest) -> dict[str, Any]:
    return {
        "id": new_id("cmpl-"),
        "object": "text_completion",
        "created": int(time.time()),
        "model": asked.model,
    }


def _logprobs(asked: CompletionRequest, tokens: Sequence[TokenLogprobs]) -> dict[str, Any] | None:
    if asked.logprobs is None:
        return None
    offsets, offset = [], 0
    for token in tokens:
        offsets.append(offset)
        offset += len(token.chosen.token)
    return {
        "tokens": [token.chosen.token for token in tokens],
        "token_logprobs": [token.chosen.logprob for token in tokens],
        "top_logprobs": [
            {other.token: other.logprob for other in token.top[: asked.logprobs]}
            for token in tokens
        ],
        "text_offset": offsets,
    }
