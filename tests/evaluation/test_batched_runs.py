"""Large runs through ``/v1/batches`` of the real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homutune.cli._app import run as homutune
from homutune.client import connect
from homutune.data import Dataset
from homutune.errors import UserError
from homutune.evaluation import CONDITIONS, Run, run_condition
from homutune.evaluation import _batch_answers as batches
from homutune.settings import load_settings
from scripted import Reply, Request, ScriptedServer
from server.running import Local

Asking = Callable[..., Run]


@pytest.fixture
def local(home: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> Local:
    local = Local(home)
    monkeypatch.setenv("HOMUTUNE_BASE_URL", f"{local.url}/v1")
    monkeypatch.setattr(batches, "POLL_S", 0.05)
    return local


def ask(dataset: Dataset, model: str = "tiny", **options: Any) -> Run:
    settings = load_settings()
    plain = CONDITIONS["plain"]
    with connect(settings) as client:
        return run_condition(settings, client, dataset, plain, model=model, batch=True, **options)


def test_a_batch_answers_the_run_and_the_answers_are_those_of_single_requests(
    local: Local, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[int, int]] = []
    run = ask(dataset, progress=lambda done, total: seen.append((done, total)))
    assert run.complete and not run.missing and seen[-1] == (12, 12)
    answer = run.answers["kaiko-0"]
    assert answer.text is not None and answer.text.startswith("tiny|-|")
    assert answer.prompt_tokens == 7 and answer.latency_s is None
    (batch,) = local.client.batches.list().data
    assert batch.metadata == {"homutune_run": run.config.id}
    assert not (run.path / "batch.json").exists()
    # The same run asked one by one has nothing left to ask.
    arguments = ["eval", "run", "--model", "tiny", "--plan", "plain", "--batch", "--json"]
    asked = len(local.engine.requests)
    assert homutune(arguments) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["run"] == run.config.id
    assert len(local.engine.requests) == asked
    local.stop()


def test_an_interrupted_wait_takes_up_the_same_batch(
    local: Local, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Exception):
        pass

    def stop(seconds: float) -> None:
        raise Interrupted

    monkeypatch.setattr(batches.time, "sleep", stop)
    with pytest.raises(Interrupted):
        ask(dataset)
    monkeypatch.undo()
    monkeypatch.setenv("HOMUTUNE_HOME", str(local.home))
    monkeypatch.setenv("HOMUTUNE_BASE_URL", f"{local.url}/v1")
    monkeypatch.setattr(batches, "POLL_S", 0.05)
    assert ask(dataset).complete
    assert len(local.client.batches.list().data) == 1
    local.stop()


def test_a_model_that_is_not_there_is_said_and_nothing_is_left_waiting(
    local: Local, dataset: Dataset
) -> None:
    with pytest.raises(UserError, match="none"):
        ask(dataset, model="none")
    (folder,) = (local.home / "runs").iterdir()
    assert not (folder / "batch.json").exists()
    local.stop()


def test_a_batch_that_expired_keeps_what_it_got_to(
    dataset: Dataset,
    scripted_server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOMUTUNE_BASE_URL", scripted_server.base_url)
    sent: list[str] = []

    def upload(request: Request) -> Reply:
        body = request.body.decode()
        sent.extend(json.loads(x)["custom_id"] for x in body.splitlines() if x.startswith('{"cus'))
        file = {"id": "file-1", "object": "file", "bytes": 1, "created_at": 1}
        return Reply({**file, "filename": "x", "purpose": "batch", "status": "processed"})

    def output(request: object) -> Reply:
        message = {"role": "assistant", "content": "結論：通知します。"}
        body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        lines = [
            json.dumps({"custom_id": key, "response": {"status_code": 200, "body": body}})
            for key in sent[:5]
        ]
        return Reply("\n".join(lines).encode())

    expired = {
        "id": "batch_1",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-1",
        "completion_window": "24h",
        "created_at": 1,
        "status": "expired",
        "output_file_id": "file-2",
    }
    scripted_server.routes |= {
        ("POST", "/files"): upload,
        ("POST", "/batches"): Reply(expired),
        ("GET", "/files/file-2/content"): output,
    }
    run = ask(dataset)
    assert len(run.scores) == 5 and len(run.missing) == 7
