"""仮名化: personal data replaced by placeholders, and put back with a key kept elsewhere.

佐藤健一さん becomes 【氏名1】さん; the same value has the same placeholder in the whole set, so
that answers stay consistent. Without the key (a JSON file) the text cannot be restored; with it,
data and a model's answers can. What the detectors do not find stays: read the result over.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from homutune.data._personal import KINDS_OF_DATA, client_pattern, find_personal
from homutune.data._types import Example, Message
from homutune.errors import UserError
from homutune.files import write_atomic

_VERSION = 1
_PLACEHOLDER = re.compile(rf"【(?:{'|'.join(KINDS_OF_DATA.values())}|原文)[0-9]+】")
_REMEDY = "仮名化したときの対応表（--map）を指定してください。"


class Pseudonymizer:
    """Replaces personal data in one text after the other.

    Args:
        key: placeholders and values of an earlier run, to go on with.
        clients: names of clients to replace.
    """

    def __init__(self, key: Mapping[str, str] | None = None, clients: Sequence[str] = ()) -> None:
        #: Placeholder → value.
        self.key: dict[str, str] = dict(key or {})
        self._placeholders = {value: name for name, value in self.key.items()}
        self._clients = client_pattern(clients)
        #: How many places were replaced.
        self.replaced = 0

    def examples(self, examples: Iterable[Example]) -> Iterator[Example]:
        """The examples with placeholders, in the messages and in the rubric.

        Raises:
            UserError: a line is no plain chat, so that its other parts would keep their data.
        """
        for number, example in enumerate(examples, 1):
            if example.raw is not None:
                raise UserError(
                    f"{number}番目の行は会話の形ではないため、仮名化できません。",
                    remedy="homutune data check で形の誤りを直してから、もう一度実行してください。",
                    file=example.source.file if example.source else None,
                    line=example.source.line if example.source else None,
                )
            yield self._example(example)

    def _example(self, example: Example) -> Example:
        texts = [c for m in example.messages if isinstance(c := m.get("content"), str)]
        texts += [*example.meta.must, *example.meta.must_not]
        found: dict[str, str] = {}
        for text in texts:
            found |= self._values(text)
        if not found:
            return example
        # 佐藤健一さん in the question is 佐藤健一 without さん in the answer: every occurrence
        # goes, the longest first.
        pattern = re.compile("|".join(map(re.escape, sorted(found, key=len, reverse=True))))

        def put(text: str) -> str:
            result, count = pattern.subn(lambda match: found[match[0]], text)
            self.replaced += count
            return result

        messages = [
            cast("Message", {**m, "content": put(c)})
            if isinstance(c := m.get("content"), str)
            else m
            for m in example.messages
        ]
        meta = replace(
            example.meta,
            must=tuple(map(put, example.meta.must)),
            must_not=tuple(map(put, example.meta.must_not)),
        )
        return replace(example, messages=tuple(messages), meta=meta)

    def _values(self, text: str) -> dict[str, str]:
        """Values in ``text`` and their placeholders."""
        found = {
            # What already looks like a placeholder must come back as it was.
            match[0]: self._placeholder(match[0], "原文")
            for match in _PLACEHOLDER.finditer(text)
        }
        for item in find_personal(text, self._clients):
            value = item.value.strip()
            if len(value) > 1:
                found[value] = self._placeholder(value, KINDS_OF_DATA[item.id])
            else:  # One character (林) would hit ordinary words: with what follows it, 林さん.
                longer = text[item.start : item.end + 2]
                found[longer] = self._placeholder(value, "氏名") + longer[1:]
        return found

    def _placeholder(self, value: str, kind: str) -> str:
        if value not in self._placeholders:
            number = 1 + sum(name.startswith(f"【{kind}") for name in self.key)
            self._placeholders[value] = f"【{kind}{number}】"
            self.key[self._placeholders[value]] = value
        return self._placeholders[value]


def restore(text: str, key: Mapping[str, str]) -> str:
    """``text`` with the values in place of their placeholders; unknown ones stay."""
    return _PLACEHOLDER.sub(lambda match: key.get(match[0], match[0]), text)


def restore_json(value: Any, key: Mapping[str, str]) -> Any:
    """:func:`restore` in every string of a JSON value."""
    if isinstance(value, str):
        return restore(value, key)
    if isinstance(value, list):
        return [restore_json(item, key) for item in value]
    if isinstance(value, dict):
        return {name: restore_json(item, key) for name, item in value.items()}
    return value


def write_key(path: Path, key: Mapping[str, str]) -> None:
    """Write the key so that only its owner may read it (where the system knows owners).

    Raises:
        UserError: it cannot be written.
    """
    before = os.umask(0o077)
    try:
        content = {"version": _VERSION, "placeholders": dict(key)}
        write_atomic(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    finally:
        os.umask(before)


def read_key(path: Path) -> dict[str, str]:
    """Placeholder → value.

    Raises:
        UserError: it is missing or no key.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        return {str(name): str(value) for name, value in content["placeholders"].items()}
    except FileNotFoundError:
        raise UserError("対応表が見つかりません。", remedy=_REMEDY, file=path) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError("対応表として読めません。", remedy=_REMEDY, file=path) from None
