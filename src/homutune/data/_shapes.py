"""One record, in whichever of the usual forms, as an example.

OpenAI chat, prompt/completion (also with lists of messages, as TRL writes them), Alpaca
(instruction/input/output, with LLaMA-Factory's system and history), ShareGPT (conversations of
from/value), and pairs under headings of any name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any, cast

from homutune.data._columns import Columns, told
from homutune.data._types import Example, Message, Meta, Source
from homutune.errors import UserError

META_LISTS = tuple(f.name for f in fields(Meta) if "tuple" in str(f.type))
META_TEXT = tuple(f.name for f in fields(Meta) if f.name not in META_LISTS)
#: What OpenAI accepts in a line, and ``meta``, which is ours and never sent.
_LINE = {"messages", "meta"}
_PREFERENCE = {"preferred_output", "non_preferred_output"}

_ROLES = {
    "human": "user",
    "user": "user",
    "ユーザー": "user",
    "ユーザ": "user",
    "質問者": "user",
    "相談者": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "assistant": "assistant",
    "アシスタント": "assistant",
    "回答者": "assistant",
    "system": "system",
    "システム": "system",
}


@dataclass(slots=True)
class Shapes:
    """Turns the records of one file into examples, and tells in ``notes`` how.

    Args:
        columns: how the keys of plain records are understood.
        keyed: the records are rows of a table, already under our names.
    """

    path: Path
    columns: Columns
    notes: list[str]
    keyed: bool = False
    _known: dict[tuple[str, ...], list[str]] = field(default_factory=dict, init=False)
    _told: set[str] = field(default_factory=set, init=False)

    def example(self, record: Any, line: int, number: int) -> Example:
        """The example that a record is; where it is none, ``raw`` keeps it for the checks.

        Raises:
            UserError: a value that ought to be a text is a list or a mapping.
        """
        source = Source(str(self.path), line)
        fallback = fallback_id(self.path, number)
        if not isinstance(record, dict):
            return Example((), Meta(id=fallback), source, raw=record)
        if self.keyed:
            record = {**record, **_split_lists(record)}
            if "messages" in record:
                return Example(tuple(record["messages"]), meta_of(record, source, fallback), source)
            return pair_example(record, source, fallback)
        if "messages" in record or record.keys() & _PREFERENCE:
            return _chat(record, source, fallback)
        if not self.columns.chosen and (found := _converted(record)):
            shape, messages = found
            self._tell(shape, f"{self.path.name}: {shape} の形式として読みました。")
            given = {**_scalars(record), **_mapping(record.get("meta"))}
            return _chat({"messages": messages, "meta": given}, source, fallback)
        return self._pair(record, source, fallback)

    def _pair(self, record: dict[str, Any], source: Source, fallback: str) -> Example:
        names = tuple(record)
        if names not in self._known:
            # Records of very many forms: nothing is gained by remembering them all.
            if len(self._known) > 1000:
                self._known.clear()
            self._known[names] = self.columns.fields(names)
            if self.columns.suffices(self._known[names]):
                self._tell("pairs", told(self.path, names, self._known[names]))
        ours = self._known[names]
        if not self.columns.suffices(ours):
            return Example((), meta_of({}, source, fallback), source, raw=record)
        values = {f: v for f, v in zip(ours, record.values(), strict=True) if f}
        return pair_example({**values, **_mapping(record.get("meta"))}, source, fallback)

    def _tell(self, key: str, note: str) -> None:
        if key not in self._told:
            self._told.add(key)
            self.notes.append(note)


def fallback_id(path: Path, number: int) -> str:
    """The id of the ``number``-th record of a file that gives it none."""
    return f"{path.stem}-{number:03d}"


def pair_example(values: Mapping[str, Any], source: Source, fallback: str) -> Example:
    """The example of one question and one answer under our own names."""
    messages: list[Message] = []
    if system := _content(values.get("system")):
        messages.append({"role": "system", "content": system})
    messages.append({"role": "user", "content": _content(values.get("question"))})
    answer: Message = {"role": "assistant", "content": _content(values.get("answer"))}
    if (weight := values.get("weight")) not in (None, ""):
        answer["weight"] = weight_of(weight)
    return Example((*messages, answer), meta_of(values, source, fallback), source)


def weight_of(value: Any) -> Any:
    """0 or 1 where ``value`` says so in writing; else as it is, for the checks."""
    return int(value) if isinstance(value, str) and value.strip() in {"0", "1"} else value


def role_of(name: Any) -> Any:
    """OpenAI's name of a role; an unknown one as it is, for the checks."""
    return _ROLES.get(name.strip().lower(), name) if isinstance(name, str) else name


def meta_of(values: Mapping[str, Any], source: Source, fallback: str) -> Meta:
    """What ``values`` tells about an example.

    Raises:
        UserError: a value is neither a text nor a list of texts.
    """
    texts = {key: meta_text(values, key, source) for key in META_TEXT}
    lists = {key: meta_texts(values, key, source) for key in META_LISTS}
    given: dict[str, Any] = {k: v for k, v in {**texts, **lists}.items() if v}
    return Meta(**{"id": fallback, **given})


def meta_text(values: Mapping[str, Any], key: str, source: Source) -> str | None:
    """The text under ``key``; YAML makes dates and numbers of some, and an empty one is none.

    Raises:
        UserError: the value is a list or a mapping.
    """
    return _text(values.get(key), key, source)


def meta_texts(values: Mapping[str, Any], key: str, source: Source) -> tuple[str, ...]:
    """The texts under ``key``: a list of them, or one.

    Raises:
        UserError: one of them is a list or a mapping.
    """
    value = values.get(key)
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(text for item in items if (text := _text(item, key, source)))


def _text(value: Any, key: str, source: Source) -> str | None:
    if value is None:
        return None
    if isinstance(value, str | int | float | date):
        return str(value).strip() or None
    raise UserError(
        f"「{key}」の値が文ではありません。",
        remedy="文か、文の一覧にしてください。",
        file=source.file,
        line=source.line,
    )


def _content(value: Any) -> Any:
    """The text of a message; what is no text stays, for the checks to refuse."""
    if value is None:
        return ""
    return str(value).strip() if isinstance(value, str | int | float | date) else value


def _split_lists(record: Mapping[str, str]) -> dict[str, list[str]]:
    """Several values in one cell stand apart by semicolons or line breaks."""
    return {key: re.split(r"[;；\n]", record[key]) for key in META_LISTS if key in record}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _chat(record: dict[str, Any], source: Source, fallback: str) -> Example:
    listed = record.get("messages")
    messages = listed if isinstance(listed, list) else []
    sound = [message for message in messages if isinstance(message, dict)]
    fits = isinstance(listed, list) and len(sound) == len(listed) and set(record) <= _LINE
    return Example(
        messages=tuple(cast("list[Message]", sound)),
        meta=meta_of(_mapping(record.get("meta")), source, fallback),
        source=source,
        raw=None if fits else record,
    )


def _scalars(record: dict[str, Any]) -> dict[str, Any]:
    """What stands beside a conversation and may be ours, such as an id."""
    return {k: v for k, v in record.items() if isinstance(v, str | int) and k in META_TEXT}


def _converted(record: dict[str, Any]) -> tuple[str, list[Any]] | None:
    """Name of the form and messages of a record in one of the forms other trainers use."""
    turns = record.get("conversations", record.get("conversation"))
    if isinstance(turns, list) and all(isinstance(t, dict) and "value" in t for t in turns):
        system = record.get("system")
        first = [_message("system", system)] if system else []
        return "ShareGPT", [*first, *(_turn(turn) for turn in turns)]
    if "instruction" in record and "output" in record:
        return "Alpaca", _alpaca(record)
    if "prompt" in record and "completion" in record:
        prompt, completion = record["prompt"], record["completion"]
        if isinstance(prompt, list) and isinstance(completion, list):
            return "prompt/completion", [*prompt, *completion]
        return "prompt/completion", [_message("user", prompt), _message("assistant", completion)]
    return None


def _turn(turn: dict[str, Any]) -> Message:
    message = _message(role_of(turn.get("from")), turn["value"])
    if "weight" in turn:
        message["weight"] = turn["weight"]
    return message


def _alpaca(record: dict[str, Any]) -> list[Message]:
    messages = [_message("system", record["system"])] if record.get("system") else []
    history = record.get("history")
    for turn in history if isinstance(history, list) else []:
        if isinstance(turn, list) and len(turn) == 2:
            messages += [_message("user", turn[0]), _message("assistant", turn[1])]
    question = record["instruction"]
    if isinstance(question, str) and isinstance(more := record.get("input"), str) and more.strip():
        question = f"{question.strip()}\n\n{more.strip()}"
    return [*messages, _message("user", question), _message("assistant", record["output"])]


def _message(role: Any, content: Any) -> Message:
    return {"role": role, "content": _content(content)}
