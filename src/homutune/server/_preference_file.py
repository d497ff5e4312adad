"""Is this a preference (DPO) file? OpenAI's form, examples numbered from 1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homutune.server._training_file import MIN_EXAMPLES, Checked, message_problems, read_examples

_TOP_KEYS = {"input", "preferred_output", "non_preferred_output"}
_INPUT_KEYS = {"messages", "tools", "parallel_tool_calls"}
_OUTPUTS = ("preferred_output", "non_preferred_output")


def check_preferences(source: Path, file_id: str) -> Checked:
    """Check every example of a DPO file; a file of conversations is told as OpenAI tells it."""
    checked = Checked()
    for number, example in read_examples(source, checked):
        if isinstance(example, dict) and "messages" in example:
            checked.problems = [
                f"Input file {file_id} is in the fine-tune-chat format, but the specified "
                "fine-tuning job is not using 'supervised' as the training method (provided "
                "method=dpo)."
            ]
            return checked
        checked.problems += _problems(number, example)
    if checked.examples < MIN_EXAMPLES:
        checked.problems.append(
            f"Training file has {checked.examples} example(s), but must have at least "
            f"{MIN_EXAMPLES} examples"
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
