"""Every JSON answer is held against the SDK's types and, where it lies beside us, OpenAI's spec."""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
from openai.types import FileDeleted, FileObject, Model, ModelDeleted
from openai.types.chat import ChatCompletion
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

SPEC = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "openapi.normalized.json.gz"

#: (method, path, SDK type, schema); in a list the SDK type is that of an item.
_ROUTES: list[tuple[str, str, Any, str]] = [
    ("GET", r"/v1/files", FileObject, "ListFilesResponse"),
    ("POST", r"/v1/files", FileObject, "OpenAIFile"),
    ("DELETE", r"/v1/files/[^/]+", FileDeleted, "DeleteFileResponse"),
    ("GET", r"/v1/files/[^/]+", FileObject, "OpenAIFile"),
    ("GET", r"/v1/fine_tuning/jobs", FineTuningJob, "ListPaginatedFineTuningJobsResponse"),
    (
        "GET",
        r"/v1/fine_tuning/jobs/[^/]+/events",
        FineTuningJobEvent,
        "ListFineTuningJobEventsResponse",
    ),
    (
        "GET",
        r"/v1/fine_tuning/jobs/[^/]+/checkpoints",
        FineTuningJobCheckpoint,
        "ListFineTuningJobCheckpointsResponse",
    ),
    (".*", r"/v1/fine_tuning/jobs(/[^/]+)?(/cancel)?", FineTuningJob, "FineTuningJob"),
    ("GET", r"/v1/models", Model, "ListModelsResponse"),
    ("DELETE", r"/v1/models/.+", ModelDeleted, "DeleteModelResponse"),
    ("GET", r"/v1/models/.+", Model, "Model"),
    ("POST", r"/v1/chat/completions", ChatCompletion, "CreateChatCompletionResponse"),
]


def check(response: httpx2.Response) -> None:
    """Hook of the test client."""
    assert re.fullmatch(r"req_[0-9a-f]{32}", response.headers["x-request-id"])
    if response.headers.get("content-type") != "application/json":
        return
    response.read()
    body = response.json()
    if response.status_code >= 400:
        assert set(body) == {"error"}
        assert set(body["error"]) == {"message", "type", "param", "code"}
        assert body["error"]["message"]
        matches("ErrorResponse", body)
        return
    path = response.request.url.path
    for method, pattern, sdk_type, schema in _ROUTES:
        if re.fullmatch(method, response.request.method) and re.fullmatch(pattern, path):
            items = body["data"] if body.get("object") == "list" else [body]
            for item in items:
                sdk_type.model_validate(item, strict=True)
            matches(schema, body)
            return
    assert path == "/healthz", f"no contract for {path}"


def matches(schema: str, body: Any) -> None:
    if SPEC.exists():
        _validator(schema).validate(body)


@cache
def _components() -> Any:
    return json.loads(gzip.decompress(SPEC.read_bytes()))["components"]


@cache
def _validator(schema: str) -> Any:
    whole = {"$ref": f"#/components/schemas/{schema}", "components": _components()}
    return jsonschema.Draft202012Validator(whole)
