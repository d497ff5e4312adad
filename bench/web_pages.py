"""How long the server takes for the read pages, alone and with fifty users at once.

.venv/bin/python bench/web_pages.py

Each page is compared with an empty FastAPI route behind the same uvicorn on the same machine;
server and clients share that machine's cores.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx2
import uvicorn
from fastapi import FastAPI

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from homutune.server import create_app
from homutune.settings import Settings
from homutune.web import create_web
from server.doubles import ScriptedEngine, worker_command

PAGES = ("/", "/data", "/training", "/review", "/ask")
USERS, EACH = 50, 4


def serve(app: FastAPI, listener: socket.socket) -> uvicorn.Server:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    return server


def alone(url: str) -> list[float]:
    """Milliseconds of 20 requests, one after the other, the first included."""
    taken = []
    with httpx2.Client(timeout=60) as client:
        for _ in range(20):
            began = time.perf_counter()
            assert client.get(url).status_code == 200
            taken.append(1000 * (time.perf_counter() - began))
    return taken


async def together(url: str) -> tuple[list[float], int]:
    """Milliseconds and errors of ``USERS`` clients that ask ``EACH`` times each."""
    taken: list[float] = []
    errors = 0

    async def user() -> None:
        nonlocal errors
        async with httpx2.AsyncClient(timeout=60) as client:
            for _ in range(EACH):
                began = time.perf_counter()
                try:
                    errors += (await client.get(url)).status_code != 200
                except httpx2.TransportError:
                    errors += 1
                taken.append(1000 * (time.perf_counter() - began))

    await asyncio.gather(*(user() for _ in range(USERS)))
    return taken, errors


def main() -> None:
    empty = FastAPI()

    @empty.get("/")
    def nothing() -> dict[str, str]:
        return {}

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        ports = [listener.getsockname()[1] for listener in listeners]
        settings = Settings(home=home, port=ports[1], base_model="tiny")
        app = create_app(
            settings,
            engine=ScriptedEngine(home),
            worker_command=worker_command(),
            pages=create_web,
        )
        servers = [serve(empty, listeners[0]), serve(app, listeners[1])]
        urls = {"(empty route)": f"http://127.0.0.1:{ports[0]}/"}
        urls |= {path: f"http://127.0.0.1:{ports[1]}{path}" for path in PAGES}
        base = 0.0
        print("| page | first ms | median ms | ratio | 50 users: median ms | p95 ms | errors |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for name, url in urls.items():
            single = alone(url)
            median = statistics.median(single)
            base = base or median
            many, errors = asyncio.run(together(url))
            p95 = statistics.quantiles(many, n=20)[-1]
            print(
                f"| {name} | {single[0]:.0f} | {median:.1f} | {median / base:.1f} "
                f"| {statistics.median(many):.0f} | {p95:.0f} | {errors} |"
            )
        for server in servers:
            server.should_exit = True
        time.sleep(1)


if __name__ == "__main__":
    main()
