"""The input file of a batch: one request a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

#: What a batch may be sent to.
ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
#: Most requests of a batch [OpenAI].
MAX_REQUESTS = 50_000
#: Problems that are kept; nobody reads thousands.
_MAX_PROBLEMS = 100


class BatchRequest(NamedTuple):
    """A line of the file."""

    custom_id: str
    body: dict[str, Any]


class BatchInput(NamedTuple):
    """What a file holds: requests, OpenAI's BatchErrors, and the model if it is one for all."""

    requests: int
    problems: list[dict[str, Any]]
    model: str | None


def read_requests(path: Path) -> Iterator[BatchRequest]:
    """The requests of a file that :func:`check_batch` found no problem in."""
    for _, line in _lines(path):
        request = json.loads(line)
        yield BatchRequest(request["custom_id"], request["body"])


def check_batch(path: Path, endpoint: str) -> BatchInput:
    """Check every line of the file."""
    problems: list[dict[str, Any]] = []
    seen: set[str] = set()
    models: set[Any] = set()
    count = 0
    for number, line in _lines(path):
        count += 1
        for code, message, param in _problems(line, endpoint, seen, models):
            problems.append({"code": code, "message": message, "param": param, "line": number})
    if not count:
        message = "The batch input file is empty. Please ensure it holds at least one request."
        problems.append({"code": "empty_file", "message": message, "param": None, "line": None})
    if count > MAX_REQUESTS:
        message = f"The batch has {count} requests, but may have at most {MAX_REQUESTS}."
        problems.append(
            {"code": "too_many_requests", "message": message, "param": None, "line": None}
        )
    model = next(iter(models)) if len(models) == 1 else None
    return BatchInput(count, problems[:_MAX_PROBLEMS], model if isinstance(model, str) else None)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as handle:
        for number, raw in enumerate(handle, start=1):
            line = (raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw).strip()
            if line:
                yield number, line


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _problems(
    line: bytes, endpoint: str, seen: set[str], models: set[Any]
) -> Iterator[tuple[str, str, str | None]]:
    try:
        request = json.loads(line.decode("utf-8"), parse_constant=_refuse)
        json.dumps(request, ensure_ascii=False).encode()  # no halves of characters
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        yield "invalid_json_line", "This line is not parseable as a JSON dictionary.", None
        return
    for name, kind in (("custom_id", str), ("method", str), ("url", str), ("body", dict)):
        if name not in request:
            message = f"Missing required parameter: '{name}'."
            yield "missing_required_parameter", message, name
        elif not isinstance(request[name], kind):
            yield "invalid_type", f"Invalid type for '{name}'.", name
    custom_id, body = request.get("custom_id"), request.get("body")
    if isinstance(custom_id, str):
        if custom_id in seen:
            message = f"The custom_id '{custom_id}' is used by another request of this batch."
            yield "duplicate_custom_id", message, "custom_id"
        seen.add(custom_id)
    if request.get("method", "POST") != "POST":
        yield "invalid_method", "The method of a request must be 'POST'.", "method"
    if request.get("url", endpoint) != endpoint:
        message = f"The url of a request must be the batch's endpoint, '{endpoint}'."
        yield "invalid_url", message, "url"
    if isinstance(body, dict):
        models.add(str(body.get("model")))
        if body.get("stream"):
            yield "invalid_value", "Streaming is not supported in a batch.", "body.stream"
