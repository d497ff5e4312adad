"""Is this a training file? The rules and texts are OpenAI's; examples are numbered from 1."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

#: Fewest examples of a training file [OpenAI].
MIN_EXAMPLES = 10
#: Problems named in one message; the rest is counted.
MAX_SHOWN = 10

_ROLES = ("system", "user", "assistant", "tool", "function")
_TOP_KEYS = {"messages", "tools", "parallel_tool_calls", "functions"}
_MESSAGE_KEYS = {"role", "content", "name", "weight", "tool_calls", "function_call", "tool_call_id"}
#: Known to OpenAI, not to the local engine: refused, since leaving them out would change
#: what is learned without a word.
_NOT_HERE = ("tools", "parallel_tool_calls", "functions", "tool_calls", "function_call")
_SPECIAL = re.compile(r"<\|(?:endoftext|endofprompt|fim_\w+|im_start|im_end|im_sep)\|>")
#: Half a character (``"\\ud83d"`` in JSON); no tokenizer takes it.
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotJsonLines(ValueError):
    """A file that is not JSONL; the message is OpenAI's."""


@dataclass(slots=True)
class Checked:
    """What a file holds: examples, problems, and where each conversation stands."""

    examples: int = 0
    problems: list[str] = field(default_factory=list)
    preference: bool = False
    #: Digest of a conversation -> number of the example.
    places: dict[bytes, int] = field(default_factory=dict)

    def message(self) -> str:
        """The problems as one text, one a line."""
        shown = self.problems[:MAX_SHOWN]
        if hidden := len(self.problems) - len(shown):
            shown.append(f"... and {hidden} more problem(s)")
        return "\n".join(shown)


def check_json_lines(path: Path) -> None:
    """The check at upload: every line is a JSON dictionary. Empty lines count for nothing.

    Raises:
        NotJsonLines: one is not.
    """
    empty = True
    with path.open("rb") as handle:
        for number, line in _lines(handle):
            empty = False
            try:
                parsed = _parse(line)
            except ValueError:
                parsed = None
            if not isinstance(parsed, dict):
                start = line[:10].decode("utf-8", "replace")
                raise NotJsonLines(
                    "Expected file to have JSONL format, where every line is a JSON dictionary. "
                    f'Line {number} is not a dictionary (HINT: line starts with: "{start}...").'
                )
    if empty:
        raise NotJsonLines("File is empty. Expected at least one line of JSON.")


def check_examples(source: Path, target: Path) -> Checked:
    """Check every example and write the file the worker reads: UTF-8, no BOM, no empty lines."""
    checked = Checked()
    with target.open("wb") as out:
        for number, example in read_examples(source, checked, out):
            if isinstance(example, dict) and "preferred_output" in example:
                checked.preference = True
            checked.problems += _problems(number, example)
            checked.places.setdefault(digest(example), number)
    return checked


def read_examples(
    source: Path, checked: Checked, copy: BinaryIO | None = None
) -> Iterator[tuple[int, Any]]:
    """The examples with their numbers; ``checked`` counts them and is told of broken lines."""
    with source.open("rb") as handle:
        for number, line in _lines(handle):
            checked.examples += 1
            if copy is not None:
                copy.write(line + b"\n")
            try:
                example = _parse(line)
            except ValueError as error:
                checked.problems.append(
                    f"Example {checked.examples} cannot be parsed. "
                    f"Error: line contains invalid json: {_reason(error)} (line {number})"
                )
                continue
            yield checked.examples, example


def overlap(training: Checked, validation: Checked) -> list[str]:
    """Conversations that stand in both files: a score on them would say nothing."""
    return [
        f"Example {number} of the validation file is also example {training.places[digest]} of "
        "the training file. Training and validation files must not overlap."
        for digest, number in validation.places.items()
        if digest in training.places
    ]


def _lines(handle: BinaryIO) -> Iterator[tuple[int, bytes]]:
    for number, raw in enumerate(handle, start=1):
        line = raw.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else raw.strip()
        if line:
            yield number, line


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _reason(error: ValueError) -> str:
    # A decode error quotes the bytes it met; the place is enough.
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def digest(example: Any) -> bytes:
    """What tells an example from another: its conversation, or the whole of a preference."""
    conversation = example.get("messages", example) if isinstance(example, dict) else example
    canonical = json.dumps(conversation, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).digest()


def _problems(number: int, example: Any) -> Iterator[str]:
    here = f"Example {number}"
    if not isinstance(example, dict):
        yield f"{here} is not a dictionary"
        return
    if "messages" not in example:
        yield f"{here} is missing key 'messages'"
        return
    for key in example:
        if key not in _TOP_KEYS:
            yield f'{here} contains an extra "{key}".'
        elif key in _NOT_HERE:
            yield unsupported(here, key)
    messages = example["messages"]
    if not isinstance(messages, list) or not messages:
        yield f"{here} key 'messages' must be a non-empty list"
        return
    for position, message in enumerate(messages, start=1):
        yield from message_problems(here, position, message)
    answers = [m for m in messages if isinstance(m, dict) and m.get("role") == "assistant"]
    if not answers:
        yield f"{here} must have at least one message from the assistant"
    elif all(answer.get("weight") == 0 for answer in answers):
        yield f"{here} has weight 0 on every assistant message, so there is nothing to learn"


def message_problems(here: str, position: int, message: Any) -> Iterator[str]:
    """What is wrong with one message of the example ``here``."""
    there = f"{here}, message {position}"
    if not isinstance(message, dict):
        yield f"{there} is not a dictionary"
        return
    if "role" not in message:
        yield f"{there} Discriminator 'role' is missing in value"
        return
    role, content = message["role"], message.get("content")
    if role not in _ROLES:
        yield (
            f"{there} No match for discriminator 'role' and value '{role}' "
            f"(allowed values: {', '.join(map(repr, _ROLES))})"
        )
        return
    if role in ("tool", "function"):
        yield unsupported(there, f"role '{role}'")
        return
    for key in message:
        if key not in _MESSAGE_KEYS or (key == "weight" and role != "assistant"):
            yield f'{there} contains an extra "{key}".'
        elif key in _NOT_HERE:
            yield unsupported(there, key)
    if message.get("weight", 1) not in (0, 1):
        yield f"{there} weight must be 0 or 1"
    if not isinstance(content, str):
        yield f"{there} content must be a string"
    elif role == "assistant" and not content.strip():
        yield f"{there} content must not be empty"
    elif token := _SPECIAL.search(content):
        yield f"{here} message contains an invalid token: {token.group()}."
    elif _SURROGATE.search(content):
        yield f"{there} content contains half of a surrogate pair"


def unsupported(where: str, what: str) -> str:
    """That ``what`` would be left out."""
    return (
        f"{where} contains {what}, which this server cannot train on (ローカルでは学習できません)"
    )
