"""Bodies of ``/v1/chat/completions`` and ``/v1/completions``."""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, Field, field_validator, model_validator

from homutune.server._schemas import Body, RequestBody


def _text(content: Any) -> str:
    """The text of a message's content: a string or parts of type ``text``."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        raise ValueError("must be a string or a list of text parts")
    texts = []
    for part in content:
        if not isinstance(part, dict) or part.get("type") != "text":
            raise ValueError("only parts of type 'text' are supported (画像・音声は使えません)")
        if not isinstance(part.get("text"), str):
            raise ValueError("a text part needs a string 'text'")
        texts.append(part["text"])
    return "".join(texts)


class CalledFunction(Body):
    """``tool_calls[].function``; the arguments are JSON text."""

    name: str
    arguments: str

    @field_validator("arguments")
    @classmethod
    def _json(cls, value: str) -> str:
        json.loads(value)
        return value


class CalledTool(Body):
    """``messages[].tool_calls[]``."""

    id: str
    type: Literal["function"]
    function: CalledFunction


class ChatMessage(Body):
    """One message; nulls that the SDK sends back from an answer are dropped."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str, BeforeValidator(_text)]
    name: str | None = None
    tool_calls: Annotated[list[CalledTool], Field(min_length=1)] | None = None
    tool_call_id: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        kept = {k: v for k, v in value.items() if k == "content" or v not in (None, [])}
        if kept.get("tool_calls") and kept.get("content") is None:
            kept["content"] = ""
        return kept

    @property
    def of_tools(self) -> bool:
        """Whether it calls a tool or brings a tool's answer."""
        return self.role == "tool" or self.tool_calls is not None

    def plain(self) -> dict[str, Any]:
        """The form the engine takes; ``developer`` is the newer name of ``system``."""
        role = "system" if self.role == "developer" else self.role
        message: dict[str, Any] = {"role": role, "content": self.content}
        if self.tool_calls is not None:
            # Templates write the arguments as JSON themselves.
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": call.function.name,
                        "arguments": json.loads(call.function.arguments),
                    },
                }
                for call in self.tool_calls
            ]
        if self.tool_call_id is not None:
            message["tool_call_id"] = self.tool_call_id
        return message


class Function(Body):
    """``tools[].function``."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Body):
    """``tools[]``."""

    type: Literal["function"]
    function: Function


class JsonSchema(BaseModel):
    """``response_format.json_schema``."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class ResponseFormat(Body):
    """``response_format``."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _complete(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("type 'json_schema' needs 'json_schema'")
        return self


def _prompts(value: Any) -> Any:
    prompts = [value] if isinstance(value, str) else value
    if isinstance(prompts, list) and not all(isinstance(prompt, str) for prompt in prompts):
        raise ValueError("must be a string or a list of strings (トークン番号では指定できません)")
    return prompts


class StreamOptions(Body):
    """``stream_options``."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


def _stops(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_Penalty = Annotated[float, Field(ge=-2, le=2)]
_Stop = Annotated[
    list[Annotated[str, Field(min_length=1)]], BeforeValidator(_stops), Field(max_length=4)
]


class Sampling(RequestBody):
    """What chat and completions have in common."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: _Stop | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    n: Annotated[int, Field(ge=1, le=8)] | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None

    # Without effect on the answer, so taken and left aside.
    user: str | None = None

    # They would change the answer and cannot: refused by name unless they ask for nothing.
    logit_bias: Any = None

    #: Unsupported argument -> its values that change nothing.
    ASKS_NOTHING: ClassVar[dict[str, tuple[Any, ...]]] = {}

    def unsupported(self) -> str | None:
        """The first argument that asks for what this server does not do."""
        for name, nothing in self.ASKS_NOTHING.items():
            if getattr(self, name) not in nothing:
                return name
        return None

    @property
    def with_usage(self) -> bool:
        """Whether a stream is to end with the usage."""
        return bool(self.stream_options and self.stream_options.include_usage)


class ChatRequest(Sampling):
    """``POST /v1/chat/completions``."""

    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: Annotated[list[Tool], Field(max_length=128)] | None = None
    parallel_tool_calls: bool | None = None

    metadata: dict[str, str] | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Any = None
    prompt_cache_retention: str | None = None

    audio: Any = None
    function_call: Any = None
    functions: Any = None
    modalities: Any = None
    moderation: Any = None
    prediction: Any = None
    reasoning_effort: Any = None
    store: bool | None = None
    tool_choice: Any = None
    verbosity: Any = None
    web_search_options: Any = None

    ASKS_NOTHING: ClassVar[dict[str, tuple[Any, ...]]] = {
        "audio": (None,),
        "function_call": (None, "none", "auto"),
        "functions": (None, []),
        "logit_bias": (None, {}),
        "modalities": (None, ["text"]),
        "moderation": (None,),
        "prediction": (None,),
        "reasoning_effort": (None, "none"),
        "store": (None, False),
        "tool_choice": (None, "none", "auto"),
        "verbosity": (None,),
        "web_search_options": (None,),
    }

    @model_validator(mode="after")
    def _logprobs_first(self) -> ChatRequest:
        if self.top_logprobs and not self.logprobs:
            raise ValueError("'top_logprobs' needs 'logprobs' to be true")
        return self

    @property
    def offered_tools(self) -> list[Tool]:
        """The tools the model may call."""
        return [] if self.tool_choice == "none" else self.tools or []


class CompletionRequest(Sampling):
    """``POST /v1/completions``."""

    prompt: Annotated[list[str], BeforeValidator(_prompts), Field(min_length=1, max_length=16)]
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None

    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None

    ASKS_NOTHING: ClassVar[dict[str, tuple[Any, ...]]] = {
        "best_of": (None, 1),
        "echo": (None, False),
        "logit_bias": (None, {}),
        "suffix": (None, ""),
    }
