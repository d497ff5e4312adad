"""Ollama's Modelfile. Its templates are Go's ``text/template``, not Jinja."""

from __future__ import annotations

from typing import Any, NamedTuple

from homutune.engine._chat import ChatTemplate
from homutune.errors import UserError

#: Gemma's turns as in ``GEMMA_TEMPLATE``: the system text opens the first user turn.
_GEMMA_GO = """{{- $system := "" }}
{{- range .Messages }}
{{- if eq .Role "system" }}
{{- $system = printf "%s%s\\n\\n" $system .Content }}
{{- else if eq .Role "assistant" }}<start_of_turn>model
{{ .Content }}<end_of_turn>
{{ else }}<start_of_turn>user
{{ $system }}{{ .Content }}<end_of_turn>
{{ $system = "" }}
{{- end }}
{{- end }}<start_of_turn>model
"""

_CHATML_GO = """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""


class _Dialect(NamedTuple):
    go: str
    stop: str


_GEMMA = _Dialect(_GEMMA_GO, "<end_of_turn>")
_CHATML = _Dialect(_CHATML_GO, "<|im_end|>")
_SAMPLE = [
    {"role": "system", "content": "s"},
    {"role": "user", "content": "u"},
    {"role": "assistant", "content": "a"},
    {"role": "user", "content": "v"},
]


def modelfile(template: ChatTemplate, *, merged: bool, license_text: str) -> str:
    """The Modelfile beside ``model.gguf``, or beside ``base.gguf`` and ``adapter.gguf``.

    Raises:
        UserError: the model's chat template has no equivalent here.
    """
    dialect = _dialect(template)
    source = ["FROM ./model.gguf"] if merged else ["FROM ./base.gguf", "ADAPTER ./adapter.gguf"]
    return "\n".join(
        [
            "# ollama create <名前> -f Modelfile",
            *source,
            f'TEMPLATE """{dialect.go}"""',
            f'PARAMETER stop "{dialect.stop}"',
            "PARAMETER num_ctx 4096",
            f'LICENSE """{license_text}"""',
            "",
        ]
    )


def _dialect(template: ChatTemplate) -> _Dialect:
    rendered = template.render(_SAMPLE, add_generation_prompt=True)
    # Whoever serves adds the marker of the beginning by itself.
    text = rendered.removeprefix("<bos>")
    for dialect, expected in ((_GEMMA, _gemma(_SAMPLE)), (_CHATML, _chatml(_SAMPLE))):
        if text == expected:
            return dialect
    raise UserError(
        "このモデルの会話形式は Ollama の形式（TEMPLATE）で書き出せません。",
        remedy="--format gguf で書き出し、llama.cpp など Jinja を読めるもので使ってください。",
    )


def _gemma(messages: list[dict[str, Any]]) -> str:
    """What ``_GEMMA_GO`` makes of ``messages``; a test holds the two together."""
    text, system = "", ""
    for message in messages:
        if message["role"] == "system":
            system += f"{message['content']}\n\n"
        elif message["role"] == "assistant":
            text += f"<start_of_turn>model\n{message['content']}<end_of_turn>\n"
        else:
            text += f"<start_of_turn>user\n{system}{message['content']}<end_of_turn>\n"
            system = ""
    return f"{text}<start_of_turn>model\n"


def _chatml(messages: list[dict[str, Any]]) -> str:
    """What ``_CHATML_GO`` makes of ``messages``."""
    turns = [f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages]
    return "".join(turns) + "<|im_start|>assistant\n"
