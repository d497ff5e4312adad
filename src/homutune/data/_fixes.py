"""Safe repairs of examples, and the lines of a new version. Nothing is changed in place.

Safe is what cannot change what a text says: invisible and control characters, widths, forms of
characters, keys that no provider accepts, and pairs that stand there twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from homutune.data._checks import repair
from homutune.data._checks._format import MESSAGE_KEYS
from homutune.data._types import Example, Message
from homutune.law import normalize


@dataclass(frozen=True, slots=True)
class Change:
    """One repair: ``after`` None means that the example was left out."""

    #: Number (from 1) and id of the example in the set as read.
    number: int
    id: str
    #: What was repaired, in Japanese: 質問, 回答, …
    part: str
    before: str
    after: str | None


class Fixer:
    """Repairs a stream of examples; ``changes`` tells what was done."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._seen: set[bytes] = set()
        self._number = 0

    def fix(self, examples: Iterable[Example]) -> Iterator[Example]:
        """The repaired examples; of equal pairs only the first."""
        for example in examples:
            self._number += 1
            fixed = self._texts(self._form(example))
            pair = normalize(fixed.question), normalize(fixed.answer)
            key = hashlib.blake2b("\0".join(pair).encode("utf-8", "replace"), digest_size=16)
            if all(pair) and key.digest() in self._seen:
                self._note(example, "同じ組の重複", example.question, None)
                continue
            self._seen.add(key.digest())
            yield fixed

    def _note(self, example: Example, part: str, before: str, after: str | None) -> None:
        self.changes.append(Change(self._number, example.meta.id, part, before, after))

    def _form(self, example: Example) -> Example:
        """Without the keys that a provider refuses; a line of another form stays as it is."""
        record = example.raw if example.raw is not None else {"messages": [*example.messages]}
        listed = record.get("messages") if isinstance(record, dict) else None
        if not isinstance(listed, list) or not all(isinstance(m, dict) for m in listed):
            return example
        messages = [
            {
                key: value
                for key, value in message.items()
                if key in MESSAGE_KEYS and (key != "weight" or message.get("role") == "assistant")
            }
            for message in listed
        ]
        rest = {key: value for key, value in record.items() if key not in ("messages", "meta")}
        # tools and a preference line mean something: they are for the user to decide.
        known = {"tools", "parallel_tool_calls", "functions", "input", "preferred_output"}
        dropped = sorted(set(rest) - known)
        dropped += sorted(
            {k for m, old in zip(messages, listed, strict=True) for k in old if k not in m}
        )
        if not dropped:
            return example
        self._note(example, "余分なキー", "・".join(dropped), "")
        kept = {key: value for key, value in rest.items() if key in known}
        raw = {"messages": messages, **kept} if kept else None
        return replace(example, messages=tuple(cast("list[Message]", messages)), raw=raw)

    def _texts(self, example: Example) -> Example:
        messages = []
        for message in example.messages:
            content = message.get("content")
            if isinstance(content, str) and (clean := repair(content)) != content:
                names = {"system": "システム", "user": "質問", "assistant": "回答"}
                part = names.get(str(message.get("role")), "メッセージ")
                self._note(example, part, content, clean)
                message = cast("Message", {**message, "content": clean})
            messages.append(message)
        if all(new is old for new, old in zip(messages, example.messages, strict=True)):
            return example
        raw = example.raw
        if isinstance(raw, dict):
            raw = {**raw, "messages": [dict(message) for message in messages]}
        return replace(example, messages=tuple(messages), raw=raw)


def example_line(example: Example) -> str:
    """One JSONL line: the messages and, under ``meta``, what we know of the example."""
    meta = {k: v for k, v in asdict(example.meta).items() if v not in (None, (), "")}
    record: dict[str, Any] = {"messages": [dict(message) for message in example.messages]}
    if isinstance(example.raw, dict):
        record = dict(example.raw)
    line = json.dumps({**record, "meta": meta}, ensure_ascii=False)
    # Unicode's own line breaks would split a line for readers that use str.splitlines.
    for char in "\x85\u2028\u2029":
        line = line.replace(char, f"\\u{ord(char):04x}")
    return line + "\n"
