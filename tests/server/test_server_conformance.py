"""The unmodified SDK drives every operation; every answer and every error keeps the contract.

``contract.check`` hangs on the client: it fills the SDK's types strictly with every JSON answer
and, where OpenAI's schema lies beside us, validates against that too. Here nothing may be left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import OpenAI

from homutune.server import create_app
from homutune.settings import Settings
from server import contract
from server.doubles import ScriptedEngine
from server.running import Local, jsonl, lines, upload, wait_for, wait_until

QUESTION: Any = [{"role": "user", "content": "質問"}]
SCHEMA: Any = {"name": "a", "schema": {"type": "object"}}


def drive_files(client: OpenAI) -> None:
    made = client.files.create(
        file=("a.jsonl", jsonl(lines(10))),
        purpose="fine-tune",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert client.files.retrieve(made.id) == made
    assert client.files.list(purpose="fine-tune", order="asc", limit=1).data == [made]
    assert client.files.content(made.id).read() == jsonl(lines(10))
    assert client.files.delete(made.id).deleted
    content = b"12345"
    upload_id = client.uploads.create(
        bytes=5, filename="b.txt", mime_type="text/plain", purpose="user_data"
    ).id
    parts = [client.uploads.parts.create(upload_id, data=content[i : i + 3]).id for i in (0, 3)]
    assert client.uploads.complete(upload_id, part_ids=parts).status == "completed"
    other = client.uploads.create(bytes=1, filename="c", mime_type="a/b", purpose="vision")
    assert client.uploads.cancel(other.id).status == "cancelled"


def drive_jobs(client: OpenAI, local: Local) -> str:
    jobs = client.fine_tuning.jobs
    job = jobs.create(
        model="tiny",
        training_file=upload(client, lines(12)),
        validation_file=upload(client, lines(3, start=30)),
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
        metadata={"team": "法務"},
        suffix="conform",
        seed=1,
    )
    wait_for(client, job.id, "running")
    wait_until(
        lambda: "Step 2/6: training loss=0.50" in [e.message for e in jobs.list_events(job.id)]
    )
    jobs.pause(job.id)
    wait_for(client, job.id, "paused")
    (local.home / "go").touch()
    assert jobs.resume(job.id).id == job.id
    done = wait_for(client, job.id, "succeeded")
    assert [found.id for found in jobs.list(metadata={"team": "法務"})] == [job.id]
    assert len(list(jobs.checkpoints.list(job.id, limit=1))) == 2
    assert len(jobs.list_events(job.id, limit=3).data) == 3
    waiting = jobs.create(model="tiny", training_file=upload(client, lines(12)))
    assert jobs.cancel(waiting.id).id == waiting.id
    return str(done.fine_tuned_model)


def drive_generation(client: OpenAI, model: str) -> None:
    ask: Any = client.chat.completions.create
    asked: Any = {"model": model, "messages": QUESTION}
    ask(**asked, n=2, logprobs=True, top_logprobs=1, seed=1, stop=["x"], max_tokens=5)
    ask(**asked, response_format={"type": "json_object"})
    ask(**asked, response_format={"type": "json_schema", "json_schema": SCHEMA})
    tools = [{"type": "function", "function": {"name": "f"}}]
    for options in (
        {**asked, "stream_options": {"include_usage": True}, "logprobs": True},
        {"model": "org/tiny-2", "messages": QUESTION, "tools": tools},
    ):
        if "tools" in options:
            assert ask(**options).choices[0].message.tool_calls
        for chunk in ask(**options, stream=True):
            contract.fits(type(chunk), chunk.to_dict())
            contract.matches("CreateChatCompletionStreamResponse", chunk.to_dict())
    client.completions.create(model=model, prompt=["一", "二"], logprobs=2)
    for piece in client.completions.create(model=model, prompt="一", stream=True):
        assert piece.object == "text_completion"  # OpenAI's own stream has a null the type forbids
    for encoding in ("float", "base64"):
        client.embeddings.create(model="tiny-e5", input="契約", encoding_format=encoding)
    client.models.retrieve(model)
    assert model in [found.id for found in client.models.list()]
    assert client.models.delete(model).deleted


def drive_batches(client: OpenAI) -> None:
    body = {"model": "tiny", "messages": QUESTION}
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    for content, status in ((json.dumps(line).encode(), "completed"), (b"{", "failed")):
        file_id = client.files.create(file=("b.jsonl", content), purpose="batch").id
        batch = client.batches.create(
            input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        wait_until(lambda: client.batches.retrieve(batch.id).status == status)  # noqa: B023
    assert len(list(client.batches.list(limit=1))) == 2
    endless = {**line, "body": {**body, "messages": [{"role": "user", "content": "終わらない"}]}}
    file_id = client.files.create(file=("b.jsonl", jsonl([endless])), purpose="batch").id
    batch = client.batches.create(
        input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert client.batches.cancel(batch.id).status in ("cancelling", "cancelled")


def test_every_operation_answers_as_openai_does(start: Callable[..., Local]) -> None:
    local = start("--hold-at", "2")
    contract.CHECKED.clear()
    drive_files(local.client)
    drive_generation(local.client, drive_jobs(local.client, local))
    drive_batches(local.client)
    for operation in operations(local):
        assert any(re.fullmatch(f"{operation} 200", seen) for seen in contract.CHECKED), operation


def test_every_operation_refuses_as_openai_does(shared: Local) -> None:
    """A request that is wrong in its id, body or query gets an error of OpenAI's shape."""
    contract.CHECKED.clear()
    for operation in operations(shared):
        method, path = operation.split(" ")
        path = path.replace("[^/]+", "none").replace(".+", "none").removeprefix("/v1")
        call: Any = getattr(shared.client, method.lower())
        with pytest.raises(openai.APIStatusError) as caught:
            if method == "POST":
                call(path, cast_to=object, body={"unknown": 1})
            elif path.endswith("none") or "/none/" in path:
                call(path, cast_to=object)
            else:
                call(path, cast_to=object, options={"params": {"limit": "0", "after": "none"}})
                call(path + "/none/none", cast_to=object)  # where there is no paging
        assert caught.value.status_code in (400, 404), operation
        assert caught.value.type == "invalid_request_error"
    assert len(contract.CHECKED) >= 27


def operations(local: Local) -> list[str]:
    """All operations of our OpenAPI but the health check, as patterns: ``GET /v1/files/[^/]+``."""
    app = create_app(Settings(home=local.home / "second"), engine=ScriptedEngine(local.home))
    found = []
    for path, methods in app.openapi()["paths"].items():
        pattern = path.replace("/v1/models/{model}", "/v1/models/.+")
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", pattern)
        found += [f"{method.upper()} {pattern}" for method in methods if path != "/healthz"]
    assert len(found) == 27
    return found
