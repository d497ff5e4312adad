"""Chat messages to tokens and back: one rendering for training and for generation.

The prompt of a training line and the prompt at inference are rendered by the same template and
tokenised by the same tokenizer, so that the tuned model is asked in the form it was trained in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from homutune.engine._tool_calls import OPENING
from homutune.errors import UserError

#: Label of a token that is read but not scored (PyTorch's ``ignore_index``).
NOT_SCORED = -100

#: Gemma's turns. The model knows no system role: the system text opens the first user turn.
#: The line breaks after the markers are Gemma's own format and part of what is trained.
GEMMA_TEMPLATE = (
    "{{ bos_token }}"
    "{% if messages and messages[0]['role'] == 'system' %}"
    "{% set prefix = messages[0]['content'] | trim + '\n\n' %}{% set turns = messages[1:] %}"
    "{% else %}{% set prefix = '' %}{% set turns = messages %}{% endif %}"
    "{% for message in turns %}"
    "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else 'user' }}\n"
    "{{ prefix if loop.first else '' }}{{ message['content'] | trim }}<end_of_turn>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A tokenised example: ``ids`` and ``labels`` of equal length, labels unshifted."""

    ids: list[int]
    labels: list[int]

    @property
    def prompt(self) -> int:
        """Number of tokens before the first scored one."""
        return next(
            (i for i, label in enumerate(self.labels) if label != NOT_SCORED), len(self.ids)
        )

    @property
    def scored(self) -> int:
        """Number of tokens the loss is computed on."""
        return sum(label != NOT_SCORED for label in self.labels)

    @property
    def length(self) -> int:
        """Number of tokens that go through the model."""
        return len(self.ids)

    @property
    def weight(self) -> int:
        """What the example counts for in a mean: every scored token is one loss."""
        return self.scored


@dataclass(slots=True)
class Pair:
    """A preference: two answers to one prompt.

    ``reference`` is log p(chosen) - log p(rejected) (nats) of the model before training.
    """

    chosen: Tokens
    rejected: Tokens
    reference: float = 0.0
    #: A pair is one loss.
    weight: ClassVar[int] = 1

    @property
    def prompt(self) -> int:
        """Number of tokens before the first scored one."""
        return self.chosen.prompt

    @property
    def scored(self) -> int:
        """Number of tokens of both answers."""
        return self.chosen.scored + self.rejected.scored

    @property
    def length(self) -> int:
        """Number of tokens that go through the model."""
        return self.chosen.length + self.rejected.length


class ChatTemplate:
    """A base model's tokenizer together with its chat template (Jinja, Hugging Face dialect).

    Args:
        folder: holds ``tokenizer.json``, ``tokenizer_config.json`` and ``chat_template.jinja``.

    Raises:
        UserError: a file is missing or cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
            source = (folder / "chat_template.jinja").read_text("utf-8")
        except Exception as error:  # tokenizers raises a bare Exception
            raise UserError(
                f"ベースモデルのトークナイザーを読めません（{type(error).__name__}）。",
                file=folder,
                remedy="フォルダーを削除して もう一度実行すると作り直します。",
            ) from error
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = lambda value, indent=None: json.dumps(
            value, ensure_ascii=False, indent=indent
        )
        environment.globals["raise_exception"] = _raise_template_error
        self._source = source
        self._template = environment.from_string(source)
        self._names = {
            name: _token_text(config.get(name)) for name in ("bos_token", "eos_token", "pad_token")
        }
        self._markers = sorted(
            (
                token.content
                for token in self._tokenizer.get_added_tokens_decoder().values()
                if token.special or _looks_like_marker(token.content)
            ),
            key=len,
            reverse=True,
        )
        self._special_ids = {
            i
            for i, token in self._tokenizer.get_added_tokens_decoder().items()
            if token.special or _looks_like_marker(token.content)
        }
        pad = self._names["pad_token"]
        self.pad_id: int = (self._tokenizer.token_to_id(pad) if pad else None) or 0
        begin = self._names["bos_token"]
        self.bos_id: int | None = self._tokenizer.token_to_id(begin) if begin else None

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool = False,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """The text the model reads. Markers inside a message lose their meaning.

        Raises:
            UserError: the template refuses the order of the roles.
        """
        safe = [
            {**self._disarmed(message), "content": self._disarm(_content(message))}
            for message in messages
        ]
        given = {"tools": self._disarmed(list(tools))} if tools else {}
        try:
            return self._template.render(
                messages=safe,
                add_generation_prompt=add_generation_prompt,
                # Models that can think aloud (Qwen3) answer at once, as they were trained.
                enable_thinking=False,
                **given,
                **self._names,
            )
        except TemplateError as error:
            raise UserError(
                f"この会話はモデルの会話形式に合いません（{error}）。",
                remedy="system・user・assistant の順序を確認してください。",
            ) from error

    @property
    def supports_tools(self) -> bool:
        """Whether the template shows tools to the model, and calls come in a form we can read."""
        return "tools" in self._source and OPENING in self._source

    def prompt_ids(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> list[int]:
        """Token ids of the conversation up to where the model's answer begins."""
        return self._encode(self.render(messages, add_generation_prompt=True, tools=tools))

    def text_ids(self, text: str) -> list[int]:
        """Token ids of a text that is to be continued, without any template."""
        return self._encode(self._names["bos_token"] + self._disarm(text))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some tokens, markers included; � where a character is not complete."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=False)
        return text

    def training_tokens(
        self, messages: Sequence[Mapping[str, Any]], max_length: int | None = None
    ) -> Tokens:
        """Tokens of a whole example; only the assistant's answers are scored.

        The end-of-turn token of each answer is scored too: without it the model never learns
        to stop. An assistant message with ``weight`` 0 is read but not scored.

        Raises:
            UserError: the template has no end-of-turn token.
        """
        ids: list[int] = []
        labels: list[int] = []
        done = ""
        for i, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            prefix = self.render(messages[:i], add_generation_prompt=True)
            through = self.render(messages[: i + 1])
            if not (prefix.startswith(done) and through.startswith(prefix)):
                raise UserError(
                    "このモデルの会話形式では、答えの始まりを決められません。",
                    remedy="1 往復だけの例に分けてください。",
                )
            read = self._encode(prefix[len(done) :])
            answer = self._encode(through[len(prefix) :])
            end = self._end_of_turn(answer)
            scored = answer if message.get("weight", 1) else [NOT_SCORED] * len(answer)
            ids += read + answer
            labels += [NOT_SCORED] * len(read)
            labels += scored[: end + 1] + [NOT_SCORED] * (len(answer) - end - 1)
            done = through
        if max_length is not None:
            ids, labels = ids[:max_length], labels[:max_length]
        return Tokens(ids, labels)

    def end_of_turn(self) -> int:
        """Id of the token that ends an answer.

        Raises:
            UserError: the template has none.
        """
        chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
        return [label for label in self.training_tokens(chat).labels if label != NOT_SCORED][-1]

    def _end_of_turn(self, answer: list[int]) -> int:
        for position in range(len(answer) - 1, -1, -1):
            if answer[position] in self._special_ids:
                return position
        raise UserError(
            "このモデルの会話形式には、答えの終わりを示す印（end-of-turn）がありません。",
            remedy="chat_template.jinja を確認してください（印がないと答えが止まりません）。",
        )

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _disarmed(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._disarm(value)
        if isinstance(value, Mapping):
            return {key: self._disarmed(item) for key, item in value.items()}
        return [self._disarmed(item) for item in value] if isinstance(value, list) else value

    def _disarm(self, content: str) -> str:
        # A document may contain "<end_of_turn>" to pose as another speaker.
        for marker in self._markers:
            if marker in content:
                content = content.replace(marker, marker.replace("<", "＜").replace("[", "［"))
        return content


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _looks_like_marker(text: str) -> bool:
    # Line breaks and HTML tags are ordinary text although Gemma lists them as added tokens.
    return text.startswith(("<start_of", "<end_of", "<|", "<bos", "<eos", "<pad", "<unk"))


def _token_text(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else ""


def _raise_template_error(message: str) -> None:
    raise TemplateError(message)
