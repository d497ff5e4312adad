"""``/v1/chat/completions``: whole answers and streams."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from homutune.engine import (
    Chunk,
    GenerationRequest,
    Logprob,
    TokenLogprobs,
    parse_tool_calls,
    schema_problem,
)
from homutune.server._chat_schemas import ChatRequest
from homutune.server._errors import ApiError
from homutune.server._generation import Generation, Usage, numbered, sse, streamed, unsupported
from homutune.server._ids import new_id


def chat_router(generation: Generation) -> APIRouter:
    """The one route of the chat API."""
    router = APIRouter(prefix="/v1/chat/completions")

    @router.post("", response_model=None)
    async def create_chat_completion(body: ChatRequest, request: Request) -> Response:
        wanted = await _plan(generation, body)
        if body.stream:
            events = _events(generation, body, wanted)
            return await streamed(events, request.state.request_id)
        return await _whole(generation, body, wanted, request)

    return router


async def _plan(generation: Generation, asked: ChatRequest) -> GenerationRequest:
    wanted = asked.response_format
    schema = wanted.json_schema if wanted else None
    if schema is not None and (problem := schema_problem(schema.schema_)) is not None:
        raise ApiError(
            400,
            f"Invalid schema for response_format '{schema.name}': {problem}",
            param="response_format",
        )
    tools = asked.offered_tools
    planned = await generation.request(
        asked,
        messages=[message.plain() for message in asked.messages],
        tools=[tool.model_dump(exclude_none=True) for tool in tools],
        max_tokens=asked.max_completion_tokens or asked.max_tokens,
        json_schema=schema.schema_ if schema else None,
        json_object=wanted is not None and wanted.type == "json_object",
        logprobs=(asked.top_logprobs or 0) if asked.logprobs else None,
    )
    with_tools = [i for i, message in enumerate(asked.messages) if message.of_tools]
    if (tools or with_tools) and not await generation.supports_tools(planned.base):
        if tools:
            raise unsupported("tools")
        raise ApiError(
            400,
            f"Invalid value for 'messages[{with_tools[0]}].role': this model's chat template "
            "knows no tools. (このモデルではツールを使えません)",
            param=f"messages[{with_tools[0]}].role",
            code="invalid_value",
        )
    return planned


async def _whole(
    generation: Generation, asked: ChatRequest, wanted: GenerationRequest, request: Request
) -> Response:
    choices = []
    usage = Usage()
    for index in range(asked.n or 1):
        answer = await generation.answer(wanted, index, usage, request)
        if answer is None:
            return Response(status_code=499)  # nobody reads it; 499 is for the log
        message = _message(asked, answer.text)
        choices.append(
            {
                "index": index,
                "message": {"role": "assistant", "refusal": None, **message},
                "finish_reason": "tool_calls" if "tool_calls" in message else answer.finish_reason,
                "logprobs": _logprobs(asked, answer.logprobs),
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
    generation: Generation, asked: ChatRequest, wanted: GenerationRequest
) -> AsyncIterator[str]:
    head: dict[str, Any] = {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": asked.model,
    }
    if asked.with_usage:
        head["usage"] = None
    usage = Usage()
    for index in range(asked.n or 1):
        async for delta, finish_reason, logprobs in _deltas(
            generation, asked, wanted, index, usage
        ):
            choice = {
                "index": index,
                "delta": delta,
                "logprobs": _logprobs(asked, logprobs) if logprobs else None,
                "finish_reason": finish_reason,
            }
            yield sse({**head, "choices": [choice]})
    if asked.with_usage:
        yield sse({**head, "choices": [], "usage": usage.body()})


async def _deltas(
    generation: Generation, asked: ChatRequest, wanted: GenerationRequest, index: int, usage: Usage
) -> AsyncIterator[tuple[dict[str, Any], str | None, Sequence[TokenLogprobs]]]:
    last: Chunk | None = None
    held = ""
    async with generation.pieces(numbered(wanted, index)) as pieces:
        async for piece in pieces:
            if last is None:
                yield {"role": "assistant", "content": "", "refusal": None}, None, ()
            last = piece
            if wanted.tools:
                # Whether it is text or a call is known only at its end.
                held += piece.text
            elif piece.text or piece.logprobs:
                yield {"content": piece.text}, None, piece.logprobs
    usage.count(last, choice=index)
    reason: str = (last and last.finish_reason) or "stop"
    if wanted.tools:
        message = _message(asked, held)
        for position, call in enumerate(message.get("tool_calls", ())):
            call["index"] = position
        yield {name: value for name, value in message.items() if value is not None}, None, ()
        reason = "tool_calls" if "tool_calls" in message else reason
    yield {}, reason, ()


def _message(asked: ChatRequest, text: str) -> dict[str, Any]:
    if not asked.offered_tools:
        return {"content": text}
    content, calls = parse_tool_calls(text)
    if not calls:
        return {"content": text}
    if asked.parallel_tool_calls is False:
        calls = calls[:1]
    return {
        "content": content or None,
        "tool_calls": [
            {
                "id": new_id("call_"),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in calls
        ],
    }


def _logprobs(asked: ChatRequest, tokens: Sequence[TokenLogprobs]) -> dict[str, Any] | None:
    if not asked.logprobs:
        return None
    top = asked.top_logprobs or 0
    content = [
        {**_token(token.chosen), "top_logprobs": [_token(other) for other in token.top[:top]]}
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def _token(token: Logprob) -> dict[str, Any]:
    return {"token": token.token, "bytes": list(token.bytes), "logprob": token.logprob}
