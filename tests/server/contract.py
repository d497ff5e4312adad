"""Every JSON answer is held against the SDK's types and, where it lies beside us, OpenAI's spec.

The types are filled strictly: a missing field, another type or a field they do not know fails.
Two things they cannot know: the hyperparameters in :data:`OWN_FIELDS`, and the status
``paused``, which OpenAI's reference shows in the answer to pause but lists in no schema. (And a
file may be uploaded with the purpose ``evals``, which the schema of a file does not list.)
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import struct
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
from openai import BaseModel
from openai.types import (
    Batch,
    Completion,
    CreateEmbeddingResponse,
    FileDeleted,
    FileObject,
    Model,
    ModelDeleted,
    Upload,
)
from openai.types.chat import ChatCompletion
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint
from openai.types.uploads import UploadPart

SPEC = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "openapi.normalized.json.gz"

OWN_FIELDS = {
    "lora_rank",
    "lora_alpha",
    "target_modules",
    "learning_rate",
    "max_length",
    "precision",
    "early_stopping_patience",
    "rank_examples",
    "load_in_4bit",
}

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
    (
        ".*",
        r"/v1/fine_tuning/jobs(/[^/]+)?(/cancel|/pause|/resume)?",
        FineTuningJob,
        "FineTuningJob",
    ),
    ("POST", r"/v1/uploads/[^/]+/parts", UploadPart, "UploadPart"),
    ("POST", r"/v1/uploads(/[^/]+)?(/complete|/cancel)?", Upload, "Upload"),
    ("GET", r"/v1/batches", Batch, "ListBatchesResponse"),
    (".*", r"/v1/batches(/[^/]+)?(/cancel)?", Batch, "Batch"),
    ("POST", r"/v1/completions", Completion, "CreateCompletionResponse"),
    ("POST", r"/v1/embeddings", CreateEmbeddingResponse, "CreateEmbeddingResponse"),
    ("GET", r"/v1/models", Model, "ListModelsResponse"),
    ("DELETE", r"/v1/models/.+", ModelDeleted, "DeleteModelResponse"),
    ("GET", r"/v1/models/.+", Model, "Model"),
    ("POST", r"/v1/chat/completions", ChatCompletion, "CreateChatCompletionResponse"),
]


#: What was checked so far: "POST /v1/files 200".
CHECKED: set[str] = set()


def check(response: httpx2.Response) -> None:
    """Hook of the test client."""
    _check(response)
    CHECKED.add(f"{response.request.method} {response.request.url.path} {response.status_code}")


def _check(response: httpx2.Response) -> None:
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
            if sdk_type is FineTuningJob:
                body = json.loads(response.text.replace('"status":"paused"', '"status":"queued"'))
            if sdk_type is CreateEmbeddingResponse:
                for item in body["data"]:
                    if isinstance(item["embedding"], str):  # what the SDK asks for and decodes
                        raw = base64.b64decode(item["embedding"])
                        item["embedding"] = list(struct.unpack(f"<{len(raw) // 4}f", raw))
            if sdk_type is FileObject:
                body = json.loads(
                    response.text.replace('"purpose":"evals"', '"purpose":"user_data"')
                )
            listed = body.get("object") == "list" and sdk_type is not CreateEmbeddingResponse
            for item in body["data"] if listed else [body]:
                fits(sdk_type, item)
            matches(schema, body)
            return
    assert path == "/healthz", f"no contract for {path}"


def fits(sdk_type: Any, item: Any) -> None:
    """``item`` is a whole ``sdk_type`` and nothing else."""
    _without_extras(sdk_type.model_validate(item, strict=True))


def _without_extras(value: Any) -> None:
    if isinstance(value, BaseModel):
        unknown = set(value.model_extra or {})
        if type(value).__name__ in (
            "Hyperparameters",
            "SupervisedHyperparameters",
            "DpoHyperparameters",
        ):
            unknown -= OWN_FIELDS
        assert not unknown, f"{type(value).__name__} has unknown fields {sorted(unknown)}"
        for name in type(value).model_fields:
            _without_extras(getattr(value, name))
    elif isinstance(value, list):
        for item in value:
            _without_extras(item)


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
