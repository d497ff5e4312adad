"""A question on its way: what is sent for it, and what it has used so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homutune.client._formats import response_format
from homutune.client._types import Askable, ChatMessage, Form, Options, Usage
from homutune.errors import UserError

if TYPE_CHECKING:
    import openai
    from pydantic import BaseModel


@dataclass(slots=True)
class Question:
    """The messages as they are sent (``key``: placeholder → value), and what came of them."""

    messages: list[ChatMessage]
    key: Mapping[str, str]
    form: Form
    schema: type[BaseModel] | dict[str, Any] | None
    options: Options
    #: The name asked for.
    requested: str
    #: ``time.monotonic()`` at the beginning.
    started: float
    #: For one request, in seconds; None for the default.
    timeout_s: float | None = None
    #: Requests made, and Japanese remarks for the reader.
    attempts: int = 0
    notes: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    cost_jpy: float | None = 0.0
    model: str = ""
    #: The answer as it came.
    raw: str = ""
    #: Set aside in the budget.
    reserved: Usage | None = None

    def body(self, *, stream: bool) -> dict[str, Any]:
        """The arguments of the SDK's ``chat.completions.create``."""
        body: dict[str, Any] = {"model": self.model, "messages": self.messages}
        body |= self.options.as_request()
        if self.timeout_s is not None:
            body["timeout"] = self.timeout_s
        if (wanted := response_format(self.form, self.schema)) is not None:
            body["response_format"] = wanted
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body


def build_messages(prompt: Askable, system: str | None, instruction: str) -> list[ChatMessage]:
    """What to send: the prompt, under the system text and the instruction for the form.

    Raises:
        UserError: there is nothing to ask.
    """
    found: Any = getattr(prompt, "messages", prompt)
    if isinstance(found, str):
        found = [{"role": "user", "content": found}]
    messages: list[ChatMessage] = [
        {"role": str(m["role"]), "content": str(m["content"])} for m in found
    ]
    if not messages or not messages[-1]["content"].strip():
        raise UserError("質問が空です。", remedy="質問を書いてください。")
    if messages[0]["role"] not in ("system", "developer") and (system or instruction):
        messages.insert(0, {"role": "system", "content": system or ""})
    if instruction:
        first = messages[0]
        text = "\n".join(part for part in (first["content"], instruction) if part)
        messages[0] = {"role": first["role"], "content": text}
    return messages


def adapt(body: dict[str, Any], error: openai.APIError) -> bool:
    """Whether the request was changed to what this server knows, so that it can go out again.

    Reasoning models of OpenAI take ``max_completion_tokens`` and no temperature; some gateways
    know no ``stream_options``.
    """
    if getattr(error, "status_code", None) not in (400, 422):
        return False
    code, param, text = error.code or "", error.param or "", error.message
    if "stream_options" in body and "stream_options" in (param, *text.replace("'", " ").split()):
        del body["stream_options"]
        return True
    if not code.startswith("unsupported_") or param not in body:
        return False
    value = body.pop(param)
    if param == "max_tokens":
        body["max_completion_tokens"] = value
        return True
    return param in ("temperature", "top_p", "seed", "stop")
