"""Watching a job over HTTP: order, no repeats, a server that goes away and comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openai
import pytest
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent

from homutune.tuning import Progress, watch_job
from scripted import Reply, Request, ScriptedServer, openai_error

JOB_ID = "ftjob-1"


def job(status: str = "running", **changes: Any) -> dict[str, Any]:
    return {
        "id": JOB_ID,
        "object": "fine_tuning.job",
        "created_at": 1_700_000_000,
        "finished_at": None,
        "model": "gemma3-270m",
        "status": status,
        "fine_tuned_model": None,
        "hyperparameters": {"n_epochs": 3},
        "organization_id": "org",
        "result_files": [],
        "seed": 42,
        "trained_tokens": None,
        "training_file": "file-1",
        "validation_file": None,
        "error": None,
        **changes,
    }


class JobServer(ScriptedServer):
    """One job whose events the test appends; lists the newest first, in pages, as OpenAI does."""

    def __init__(self) -> None:
        super().__init__()
        self.status = "running"
        self.events: list[dict[str, Any]] = []
        self.looks = 0
        #: What happens meanwhile.
        self.on_look: Callable[[], None] = lambda: None
        self.routes["GET", f"/fine_tuning/jobs/{JOB_ID}"] = self._job
        self.routes["GET", f"/fine_tuning/jobs/{JOB_ID}/events"] = self._events

    def say(self, *messages: str) -> None:
        for message in messages:
            self.events.append(
                {
                    "id": f"ftevent-{len(self.events):04d}",
                    "object": "fine_tuning.job.event",
                    "created_at": 1_700_000_000,
                    "level": "info",
                    "message": message,
                    "type": "message",
                }
            )

    def _job(self, _request: Request) -> Reply:
        self.looks += 1
        self.on_look()
        return Reply(job(self.status))

    def _events(self, request: Request) -> Reply:
        query = parse_qs(urlsplit(request.path).query)
        newest_first = self.events[::-1]
        if "after" in query:
            ids = [event["id"] for event in newest_first]
            newest_first = newest_first[ids.index(query["after"][0]) + 1 :]
        limit = int(query.get("limit", ["20"])[0])
        page = newest_first[:limit]
        return Reply({"object": "list", "data": page, "has_more": len(newest_first) > len(page)})


@pytest.fixture
def server() -> Iterator[JobServer]:
    server = JobServer()
    yield server
    server.stop()


def client_of(server: ScriptedServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0)


def watch(server: JobServer, **options: Any) -> tuple[FineTuningJob, list[str]]:
    messages: list[str] = []
    with client_of(server) as client:
        ended = watch_job(
            client,
            JOB_ID,
            on_event=lambda event: messages.append(event.message),
            poll_s=0.01,
            **options,
        )
    return ended, messages


def test_a_long_history_is_told_once_and_oldest_first(server: JobServer) -> None:
    expected = [f"event {n}" for n in range(250)]
    server.say(*expected)
    server.status = "succeeded"
    ended, messages = watch(server)
    assert messages == expected
    assert ended.status == "succeeded"


def test_events_that_arrive_later_are_told_once(server: JobServer) -> None:
    server.say("first")

    def on_look() -> None:
        if server.looks == 2:
            server.say("second", "third")
        if server.looks == 4:
            server.say("last")
            server.status = "cancelled"

    server.on_look = on_look
    ended, messages = watch(server)
    assert messages == ["first", "second", "third", "last"]
    assert ended.status == "cancelled"


def test_a_restart_of_the_server_is_waited_for(server: JobServer) -> None:
    server.say("before")
    troubles: list[float] = []

    def on_trouble(silent_s: float) -> None:
        if not troubles:  # come back once the watcher has noticed
            server.say("after")
            server.status = "succeeded"
            server.start()
        troubles.append(silent_s)

    def stop_after_first_look() -> None:
        while server.looks < 1:
            time.sleep(0.005)
        server.stop()

    stopper = threading.Thread(target=stop_after_first_look)
    stopper.start()
    ended, messages = watch(server, on_trouble=on_trouble)
    stopper.join()
    assert troubles
    assert ended.status == "succeeded"
    assert messages == ["before", "after"]


def test_a_server_that_never_comes_back_ends_the_watch(server: JobServer) -> None:
    server.stop()
    with pytest.raises(openai.APIConnectionError):
        watch(server, patience_s=0.1)


def test_a_job_the_server_does_not_know_is_not_waited_for(server: JobServer) -> None:
    server.routes["GET", f"/fine_tuning/jobs/{JOB_ID}"] = openai_error(404, "No such job")
    with pytest.raises(openai.NotFoundError):
        watch(server)


def event(message: str, data: object = None) -> FineTuningJobEvent:
    return FineTuningJobEvent(
        id="e",
        created_at=0,
        level="info",
        message=message,
        object="fine_tuning.job.event",
        data=data,
        type="metrics",
    )


def test_progress_is_read_from_data_and_else_from_the_text() -> None:
    data = {"step": 3, "total_steps": 40, "train_loss": 0.5, "full_valid_loss": 0.7}
    assert Progress.of(event("Step 3/40: training loss=0.50", data)) == Progress(3, 40, 0.5, 0.7)
    text = "Step 4/40: training loss=0.49, validation loss=0.61, full validation loss=0.66"
    assert Progress.of(event(text)) == Progress(4, 40, 0.49, 0.66)
    assert Progress.of(event("Fine-tuning job started")) is None


def test_a_loss_that_is_not_a_number_is_left_out() -> None:
    progress = Progress.of(event("Step 1/2", {"step": 1, "train_loss": float("nan")}))
    assert progress == Progress(1, 2, None, None)


def test_the_home_of_a_test_is_its_own(home: Path, tmp_path: Path) -> None:
    assert home.is_relative_to(tmp_path)
