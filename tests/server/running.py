"""A server in a thread on a real port, and one in a process that can be killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import uvicorn
from fastapi import FastAPI
from openai import APIStatusError, OpenAI
from openai.types.fine_tuning import FineTuningJob

import homutune
from homutune.server import create_app
from homutune.settings import Settings
from server import contract
from server.doubles import ScriptedEngine, worker_command

T = TypeVar("T")
SOURCE = Path(homutune.__file__).parents[1]


def client_for(url: str, **options: Any) -> OpenAI:
    http = httpx2.Client(event_hooks={"response": [contract.check]}, timeout=60)
    options = {"api_key": "anything", "max_retries": 0, **options}
    return OpenAI(base_url=f"{url}/v1", http_client=http, **options)


def lines(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"質問{i}"},
                {"role": "assistant", "content": f"答え{i}"},
            ]
        }
        for i in range(start, start + count)
    ]


def jsonl(examples: list[Any]) -> bytes:
    return "\n".join(json.dumps(e, ensure_ascii=False) for e in examples).encode()


def upload(client: OpenAI, examples: list[Any] | bytes, name: str = "train.jsonl") -> str:
    content = examples if isinstance(examples, bytes) else jsonl(examples)
    return client.files.create(file=(name, content), purpose="fine-tune").id


def wait_until(condition: Callable[[], T | None], seconds: float = 60) -> T:
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.03)
    return value


def wait_for(client: OpenAI, job_id: str, *statuses: str, seconds: float = 60) -> FineTuningJob:
    def there() -> FineTuningJob | None:
        job = client.fine_tuning.jobs.retrieve(job_id)
        return job if job.status in statuses else None

    return wait_until(there, seconds)


def messages(client: OpenAI, job_id: str) -> list[str]:
    """All events, oldest first."""
    return [event.message for event in client.fine_tuning.jobs.list_events(job_id)][::-1]


def error_message(error: APIStatusError) -> str:
    """The message in the body of an error answer."""
    body: Any = error.body
    return str(body["message"])


class InThread:
    """An application served by a thread, on a port of its own."""

    def __init__(self, app: FastAPI, port: int = 0) -> None:
        listener = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1)
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, daemon=True
        )
        self._thread.start()
        wait_until(lambda: self._server.started)
        self.client = client_for(self.url)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()


class Local(InThread):
    """A server over the scripted engine and worker."""

    def __init__(self, home: Path, *worker_options: str, **settings: Any) -> None:
        self.home = home
        self.engine = ScriptedEngine(home)
        app = create_app(
            Settings(home=home, **settings),
            engine=self.engine,
            worker_command=worker_command(*worker_options),
        )
        super().__init__(app)


class Process:
    """``doubles.py`` in a process of its own."""

    def __init__(self, home: Path, port: int, *worker_options: str) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("doubles.py")),
                str(home),
                str(port),
                *worker_options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )
        self.client = client_for(f"http://127.0.0.1:{port}")

    def ready(self) -> Process:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        return self

    def send(self, signal_number: int) -> int:
        self.process.send_signal(signal_number)
        return self.process.wait(60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGTERM)
        self.process.communicate()
