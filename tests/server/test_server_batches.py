from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types import Batch, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion

from homutune.server import _batches
from server import contract
from server.running import Local, Process, jsonl, wait_until

CHAT = "/v1/chat/completions"


def request(number: int, question: str = "質問", **more: Any) -> dict[str, Any]:
    body = {"model": "tiny", "messages": [{"role": "user", "content": f"{question}{number}"}]}
    return {"custom_id": f"r{number}", "method": "POST", "url": CHAT, "body": body, **more}


def create(client: OpenAI, requests: list[Any] | bytes, endpoint: Any = CHAT, **more: Any) -> Batch:
    content = requests if isinstance(requests, bytes) else jsonl(requests)
    file_id = client.files.create(file=("batch.jsonl", content), purpose="batch").id
    return client.batches.create(
        input_file_id=file_id, endpoint=endpoint, completion_window="24h", **more
    )


def wait_for(client: OpenAI, batch_id: str, *statuses: str) -> Batch:
    def there() -> Batch | None:
        batch = client.batches.retrieve(batch_id)
        return batch if batch.status in statuses else None

    return wait_until(there)


def records(client: OpenAI, file_id: str | None) -> dict[str, Any]:
    assert file_id is not None
    text = client.files.content(file_id).text
    return {(record := json.loads(line))["custom_id"]: record for line in text.splitlines()}


def test_a_batch_answers_every_request_and_keeps_errors_apart(local: Local) -> None:
    wrong = request(3, model="none")
    wrong["body"] = {**wrong["body"], "model": "none"}
    batch = create(
        local.client,
        [request(1), request(2), wrong],
        metadata={"team": "法務"},
        output_expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert batch.id.startswith("batch_") and batch.status == "validating"
    done = wait_for(local.client, batch.id, "completed")
    assert done.request_counts is not None and done.usage is not None
    assert (done.request_counts.total, done.request_counts.completed) == (3, 2)
    assert done.request_counts.failed == 1
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens > 14
    assert done.metadata == {"team": "法務"} and done.completed_at is not None
    answers = records(local.client, done.output_file_id)
    assert sorted(answers) == ["r1", "r2"]
    answer = answers["r1"]["response"]
    assert answer["status_code"] == 200 and answer["request_id"].startswith("req_")
    contract.fits(ChatCompletion, answer["body"])
    assert answer["body"]["choices"][0]["message"]["content"] == "tiny|-|質問1"
    refused = records(local.client, done.error_file_id)["r3"]["response"]
    assert refused["status_code"] == 404
    assert refused["body"]["error"]["code"] == "model_not_found"
    kept = local.client.files.retrieve(str(done.output_file_id))
    assert (kept.purpose, kept.expires_at) == ("batch_output", kept.created_at + 3600)
    assert list((local.home / "batches").iterdir()) == []
    with pytest.raises(openai.ConflictError, match="status 'completed'"):
        local.client.batches.cancel(batch.id)


def test_embeddings_and_completions_can_be_batched_too(local: Local) -> None:
    line = {"custom_id": "a", "method": "POST", "url": "/v1/embeddings"}
    batch = create(
        local.client, [{**line, "body": {"model": "tiny-e5", "input": "契約"}}], line["url"]
    )
    done = wait_for(local.client, batch.id, "completed")
    assert done.model == "tiny-e5" and done.error_file_id is None
    body = records(local.client, done.output_file_id)["a"]["response"]["body"]
    contract.fits(CreateEmbeddingResponse, body)
    line["url"] = "/v1/completions"
    batch = create(
        local.client, [{**line, "body": {"model": "tiny", "prompt": "契約"}}], line["url"]
    )
    done = wait_for(local.client, batch.id, "completed")
    body = records(local.client, done.output_file_id)["a"]["response"]["body"]
    assert body["choices"][0]["text"] == "tiny|-|契約"


BAD_LINES: list[tuple[Any, str, str | None]] = [
    (b"{", "invalid_json_line", None),
    (b"[1]", "invalid_json_line", None),
    (b'{"custom_id": "\\ud83d"}', "invalid_json_line", None),
    (b'{"custom_id": "a", "body": {"temperature": NaN}}', "invalid_json_line", None),
    ({"method": "POST", "url": CHAT, "body": {}}, "missing_required_parameter", "custom_id"),
    (request(2, body="x"), "invalid_type", "body"),
    (request(1), "duplicate_custom_id", "custom_id"),
    (request(2, method="GET"), "invalid_method", "method"),
    (request(2, url="/v1/embeddings"), "invalid_url", "url"),
    (request(2, body={"model": "tiny", "stream": True}), "invalid_value", "body.stream"),
]


@pytest.mark.parametrize(("line", "code", "param"), BAD_LINES)
def test_a_bad_line_fails_the_batch_before_anything_is_answered(
    shared: Local, line: Any, code: str, param: str | None
) -> None:
    raw = line if isinstance(line, bytes) else jsonl([line])
    before = len(shared.engine.requests)
    batch = create(shared.client, jsonl([request(1)]) + b"\n\n" + raw)
    failed = wait_for(shared.client, batch.id, "failed", "completed")
    assert failed.errors is not None and failed.errors.data is not None
    [error] = failed.errors.data
    assert (error.code, error.param, error.line) == (code, param, 3)
    assert len(shared.engine.requests) == before


def test_an_empty_batch_fails(shared: Local) -> None:
    failed = wait_for(shared.client, create(shared.client, b"\n").id, "failed")
    assert failed.errors is not None and failed.errors.data is not None
    assert [error.code for error in failed.errors.data] == ["empty_file"]


def test_what_cannot_be_a_batch_is_refused_by_name(shared: Local) -> None:
    other = shared.client.files.create(file=("a.jsonl", b"{}"), purpose="user_data").id
    batch = shared.client.files.create(file=("a.jsonl", b"{}"), purpose="batch").id
    asked: Any = {"endpoint": CHAT, "completion_window": "24h"}
    for options, param in (
        ({"input_file_id": "file-none"}, "input_file_id"),
        ({"input_file_id": other}, "input_file_id"),
        ({"input_file_id": batch, "endpoint": "/v1/responses"}, "endpoint"),
        ({"input_file_id": batch, "completion_window": "1h"}, "completion_window"),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            shared.client.batches.create(**{**asked, **options})
        assert caught.value.param == param
    for call in (shared.client.batches.retrieve, shared.client.batches.cancel):
        with pytest.raises(openai.NotFoundError, match="No batch found"):
            call("batch_none")


def test_batches_are_listed_newest_first_page_by_page(local: Local) -> None:
    made = [create(local.client, [request(i)]).id for i in range(3)]
    assert [batch.id for batch in local.client.batches.list(limit=2)] == made[::-1]
    for batch_id in made:
        wait_for(local.client, batch_id, "completed")


def test_a_cancelled_batch_stops_soon_and_keeps_what_it_has(local: Local) -> None:
    slow = request(9)
    slow["body"]["messages"][0]["content"] = "終わらない"
    batch = create(local.client, [request(1), slow, *[request(i) for i in range(20, 40)]])
    wait_until(lambda: local.client.batches.retrieve(batch.id).request_counts.completed >= 1)
    assert local.client.batches.cancel(batch.id).status in ("cancelling", "cancelled")
    done = wait_for(local.client, batch.id, "cancelled")
    assert done.cancelling_at is not None and done.cancelled_at is not None
    answered = records(local.client, done.output_file_id)
    assert "r1" in answered and "r9" not in answered
    wait_until(lambda: local.engine.running == 0)


def test_a_batch_past_its_window_says_so_for_every_request_left(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_batches, "WINDOW_S", 3)
    slow = request(1)
    slow["body"]["messages"][0]["content"] = "終わらない"
    done = wait_for(local.client, create(local.client, [slow, request(2)]).id, "expired")
    error = records(local.client, done.error_file_id)["r1"]
    assert error["response"] is None and error["error"]["code"] == "batch_expired"
    assert "r2" in records(local.client, done.output_file_id)


def test_the_input_file_may_be_deleted_once_the_batch_is_made(local: Local) -> None:
    batch = create(local.client, [request(1)])
    local.client.files.delete(batch.input_file_id)
    assert wait_for(local.client, batch.id, "completed").output_file_id


def test_a_killed_server_goes_on_with_the_requests_that_have_no_answer(
    start_process: Callable[..., Process],
) -> None:
    server = start_process().ready()
    slow = request(0)
    slow["body"]["messages"][0]["content"] = "ゆっくり"
    batch = create(server.client, [*[request(i) for i in range(1, 30)], slow])
    wait_until(lambda: server.client.batches.retrieve(batch.id).request_counts.completed >= 5)
    server.send(signal.SIGKILL)
    half = server.home / "batches" / batch.id / "output.jsonl"
    with half.open("ab") as out:
        out.write(b'{"custom_id": "torn')
    before = {json.loads(line)["custom_id"]: line for line in half.read_bytes().splitlines()[:-1]}
    server = start_process().ready()
    done = wait_for(server.client, batch.id, "completed")
    assert done.request_counts is not None and done.request_counts.completed == 30
    answered = records(server.client, done.output_file_id)
    assert len(answered) == 30
    assert all(answered[name] == json.loads(line) for name, line in before.items())


def test_a_key_protected_server_answers_its_own_batches(start: Callable[..., Local]) -> None:
    local = start(host="0.0.0.0", server_api_key="key")
    with_key = local.client.with_options(api_key="key")
    batch = create(with_key, [request(1)])
    done = wait_for(with_key, batch.id, "completed")
    assert done.request_counts is not None and done.request_counts.completed == 1
    assert time.time() - done.created_at < 15
