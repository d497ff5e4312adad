"""Is this a preference (DPO) file? OpenAI's form, examples numbered from 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from homutune.server._training_file import (
    Checked,
    digest,
    message_problems,
    read_examples,
    unsupported,
)

_TOP_KEYS = {"input", "preferred_output", "non_preferred_output"}
_INPUT_KEYS = {"messages", "tools", "parallel_tool_calls"}
_OUTPUTS = ("preferred_output", "non_preferred_output")


def check_preferences(
    source: Path, file_id: str, least: int = 1, target: Path | None = None
) -> Checked:
    """Check every example of a DPO file; a file of conversations is told as OpenAI tells it.

    Args:
        source: the upload.
        file_id: its id, for the message.
        least: fewest examples.
        target: where the file the worker reads is to be written.
    """
    with target.open("wb") if target else nullcontext() as copy:
        return _check(source, file_id, least, copy)


def _check(source: Path, file_id: str, least: int, copy: BinaryIO | None) -> Checked:
    checked = Checked()
    for number, example in read_examples(source, checked, copy):
        if isinstance(example, dict) and "messages" in example:
            checked.problems = [
                f"Input file {file_id} is in the fine-tune-chat format, but the specified "
                "fine-tuning job is not using 'supervised' as the training method (provided "
                "method=dpo)."
            ]
            return checked
        checked.problems += _problems(number, example)
        checked.places.setdefault(digest(example), number)
    if checked.examples < least:
        checked.problems.append(
            f"Training file has {checked.examples} example(s), but must have at least "
            f"{least} examples"
        )
    return checked


def _problems(number: int, example: Any) -> Iterator[str]:
    here = f"Example {number}"
    if not isinstance(example, dict):
        yield f"{here} is not a dictionary"
        return
    for key in example:
        if key not in _TOP_KEYS:
            yield f'{here} contains an extra "{key}".'
    for key in ("input", *_OUTPUTS):
        if key not in example:
            yield f"{here} is missing key '{key}'"
    yield from _input_problems(here, example.get("input", {"messages": [{}]}))
    for key in _OUTPUTS:
        yield from _output_problems(here, key, example.get(key))
    chosen, rejected = (example.get(key) for key in _OUTPUTS)
    if chosen is not None and chosen == rejected:
        yield f"{here} has the same preferred_output and non_preferred_output"


def _input_problems(here: str, asked: Any) -> Iterator[str]:
    if not isinstance(asked, dict):
        yield f"{here} key 'input' must be a dictionary"
        return
    for key in asked:
        if key not in _INPUT_KEYS:
            yield f'{here}, input contains an extra "{key}".'
        elif key != "messages":
            yield unsupported(f"{here}, input", key)
    messages = asked.get("messages")
    if not isinstance(messages, list) or not messages:
        yield f"{here} key 'input.messages' must be a non-empty list"
        return
    if messages != [{}]:
        for position, message in enumerate(messages, start=1):
            yield from message_problems(f"{here}, input", position, message)


def _output_problems(here: str, key: str, output: Any) -> Iterator[str]:
    if output is None:
        return
    if not isinstance(output, list) or len(output) != 1:
        yield f"{here} key '{key}' must be a list of one message"
        return
    if not isinstance(output[0], dict) or output[0].get("role") != "assistant":
        yield f"{here}, {key} must be a message from the assistant"
        return
    yield from message_problems(f"{here}, {key}", 1, output[0])
