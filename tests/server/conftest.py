"""Servers for the tests: in a thread on a real port, and in a process that can be killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ports import free_port
from server.running import SOURCE, Local, Process


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Local]]:
    """Start a server with these worker options."""
    running: list[Local] = []

    def begin(*worker_options: str, **settings: Any) -> Local:
        running.append(Local(home, *worker_options, **settings))
        return running[-1]

    yield begin
    for local in running:
        local.stop()


@pytest.fixture
def local(start: Callable[..., Local]) -> Local:
    """A server with a worker of six quick steps."""
    return start()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """One server for the many requests that are refused and leave nothing behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(SOURCE))
        local = Local(tmp_path_factory.mktemp("shared") / "home")
        yield local
        local.stop()


@pytest.fixture
def start_process(home: Path) -> Iterator[Callable[..., Process]]:
    """Start a server process with these worker options; the same home and port every time."""
    port, running = free_port(), []

    def begin(*worker_options: str) -> Process:
        running.append(Process(home, port, *worker_options))
        return running[-1]

    yield begin
    for process in running:
        process.close()
