"""The application on a real port: in a thread over a scripted engine, and signed-in visitors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from homutune.server import create_app, open_store
from homutune.settings import Settings
from homutune.web import Accounts, create_web
from ports import free_port
from server.doubles import ScriptedEngine, worker_command
from server.running import InThread

PASSWORD = "青い空と四つの長い単語と数字7"


class Site(InThread):
    """The whole server, pages and API; ``host`` is what it believes to listen on."""

    def __init__(
        self,
        home: Path,
        host: str = "127.0.0.1",
        worker_options: tuple[str, ...] = (),
        **settings: Any,
    ) -> None:
        port = free_port()
        made = Settings(home=home, host=host, port=port, base_model="tiny", **settings)
        self.home = home
        app = create_app(
            made,
            engine=ScriptedEngine(home),
            worker_command=worker_command(*worker_options),
            pages=create_web,
        )
        super().__init__(app, port)


class Visitor:
    """A browser without scripts: keeps cookies, sends the token of the last page with a form."""

    def __init__(self, url: str) -> None:
        self.http = httpx2.Client(base_url=url, timeout=30, follow_redirects=True)

    def get(self, path: str) -> httpx2.Response:
        return self.http.get(path)

    def token(self) -> str:
        page = self.http.get("/login")  # leads to the first page where somebody is signed in
        found = re.search(r'X-CSRF-Token": "([0-9a-f]{64})', page.text)
        assert found, page.text
        return found[1]

    def post(
        self, path: str, data: dict[str, str] | None = None, **options: Any
    ) -> httpx2.Response:
        return self.http.post(path, data={"csrf": self.token(), **(data or {})}, **options)

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx2.Response:
        return self.post("/login", {"name": name, "password": password})


@contextmanager
def visitor(url: str) -> Iterator[Visitor]:
    made = Visitor(url)
    yield made
    made.http.close()


def add_users(home: Path, **roles: str) -> None:
    with open_store(Settings(home=home)) as store:
        for name, role in roles.items():
            Accounts(store).add(name, PASSWORD, role)
