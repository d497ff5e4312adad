"""What every room's tests share: an isolated home, and a small real HTTP server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import homutune
from homutune.settings import Settings
from scripted import ScriptedServer

if TYPE_CHECKING:
    from client.upstream import Upstream
    from server.running import InThread
# Before torch is imported, for this process and those it starts. Tests run in several processes:
# more threads than cores would only wait for each other. And with another number of threads sums
# come out in another order, where adapters must be equal bit for bit.
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files of this folder first: long walks, of which the last would walk alone."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of this test's own, in an empty folder, untouched by the user's settings."""
    for name in os.environ:
        if name.startswith(("HOMUTUNE_", "OPENAI_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("HOMUTUNE_HOME", str(folder))
    # A home of one's own would have to read all cards anew, a minute each time.
    monkeypatch.setenv("HOMUTUNE_SEARCH_BY_MEANING", "0")
    # A server started from here: llama.cpp's threads spin, and two on a shared core stand still.
    monkeypatch.setenv("HOMUTUNE_THREADS", "1")
    # Commands started from here find the code under test, installed or not.
    monkeypatch.setenv("PYTHONPATH", str(Path(homutune.__file__).parents[1].resolve()))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def scripted_server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.stop()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A model server that is told what to do call by call."""
    from client.upstream import Upstream

    server = Upstream()
    yield server
    server.stop()


@pytest.fixture
def training_server(
    home: Path, scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[InThread]:
    """The server in use: trains and serves the tiny model; ``drafter`` is answered elsewhere."""
    from homutune.server import create_app
    from server.running import InThread
    from tiny import build_tiny_base

    build_tiny_base(home)
    elsewhere = {"url": scripted_server.base_url, "models": ["drafter"]}
    settings = Settings.model_validate({"home": home, "threads": 1, "upstreams": [elsewhere]})
    server = InThread(create_app(settings))
    monkeypatch.setenv("HOMUTUNE_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "tiny-gemma")
    yield server
    server.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 128 MiB; a test may fill it up."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)
