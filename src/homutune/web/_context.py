"""What every page has at hand: settings, store, matters, the model client, and templates."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from homutune import __version__
from homutune.client import connect, friendly_errors
from homutune.data import CardLibrary, CardShelf, corpus_path
from homutune.embedding import text_vectors
from homutune.errors import UserError
from homutune.server import Store, is_loopback
from homutune.settings import Settings
from homutune.tuning import ModelEntry, list_models
from homutune.web._accounts import Accounts, User
from homutune.web._matters import Matters
from homutune.web._tasks import Tasks

if TYPE_CHECKING:
    import openai

log = logging.getLogger("homutune.server")

#: Every page group in the order of the menu: title, path, what it is for.
MENU = (
    ("ホーム", "/", ""),
    ("データ", "/data", "質問と回答を取り込み、検査し、学習用に分けます"),
    ("学習", "/training", "手元のモデルを学習させ、進み具合を見ます"),
    ("評価", "/evaluation", "学習の前と後を、同じ問題で比べます"),
    ("契約書レビュー", "/review", "契約書をプレイブックと比べます"),
    ("質問・相談", "/ask", "学習したモデルに、資料を示して質問します"),
    ("リスク分析", "/risk", "契約書や計画のリスクと期限を一覧にします"),
    ("文書作成", "/drafting", "ひな形から文書を作ります"),
    ("設定", "/settings", "利用者と接続先を管理します"),
)


@dataclass
class Web:
    """The application's own things; ``request.app.state.web``, see :func:`web_of`."""

    settings: Settings
    store: Store
    #: False: one user without a password, on loopback.
    with_accounts: bool
    secret: bytes
    accounts: Accounts = field(init=False)
    matters: Matters = field(init=False)
    #: The bundled cards and the team's own; it sees by itself when those change.
    library: CardLibrary = field(init=False)
    tasks: Tasks = field(default_factory=Tasks)
    #: The entries of :data:`MENU` that have pages.
    menu: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.accounts = Accounts(self.store)
        self.matters = Matters(self.store, self.home)
        cards, vectors = corpus_path() / "cards", text_vectors(self.settings)
        self.library = CardLibrary(cards, CardShelf(self.home), vectors=vectors)
        self._templates = _environment()
        self._client: openai.OpenAI | None = None
        self._connecting = threading.Lock()
        #: Set once :meth:`warm` has ended: until then an answer waits for the cards to be read.
        self.warmed = threading.Event()

    @property
    def stays_inside(self) -> bool:
        """Whether no question and no document leaves this server for a model."""
        return self.settings.stays_inside or (self.is_own and not self.settings.upstreams)

    @property
    def is_own(self) -> bool:
        """Whether models are reached at this very server."""
        address = urlsplit(self.settings.base_url)
        here = {self.settings.host, "127.0.0.1", "localhost", "::1"}
        return address.port == self.settings.port and address.hostname in here

    @property
    def home(self) -> Path:
        """The home folder, absolute."""
        return self.settings.home.absolute()

    @contextmanager
    def client(self) -> Iterator[openai.OpenAI]:
        """The way to the model server, with errors in Japanese; for nothing of a matter.

        Raises:
            UserError: the server could not be reached or refused.
        """
        with friendly_errors(self.settings):
            with self._connecting:
                # Kept: its certificates alone take a tenth of a second to read.
                if self._client is None:
                    self._client = connect(self.settings)
            yield self._client

    def warm(self) -> None:
        """Do now what the first visitor would wait for.

        Half a second of imports and templates; once a minute or two, until all cards are read.
        """
        try:
            # An address that must not be reached is told to whoever opens a page.
            with suppress(UserError), self.client() as client:
                _ = client.fine_tuning.jobs, client.models
            for name in self._templates.list_templates():
                self._templates.get_template(name)
            with suppress(UserError):
                self.library.prepare()
        except OSError as error:  # whoever asks first meets it again, and is told
            log.warning("cards not read in advance: %s", type(error).__name__)
        finally:
            self.warmed.set()

    def models(self) -> list[ModelEntry]:
        """The tuned models of the model server, newest first.

        Our own server keeps its models when its port changes, so all that were made on this
        machine count as its own.
        """
        own = self.is_own
        return [
            entry
            for entry in list_models(self.home)
            if (own and is_loopback(urlsplit(entry.base_url).hostname or ""))
            or entry.base_url.rstrip("/") == self.settings.base_url.rstrip("/")
        ]

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """Render a template; it knows ``user``, ``csrf_token``, ``menu`` and ``path`` besides."""
        text = self.render(request, template, **values)
        return HTMLResponse(text, status, headers=headers)

    def render(self, request: Request, template: str, **values: Any) -> str:
        """The text of :meth:`page`."""
        path = request.url.path
        active = [entry for entry in self.menu if path == entry[1] or path.startswith(entry[1])]
        return self._templates.get_template(template).render(
            user=request.scope["state"].get("page_user"),
            csrf_token=request.scope["state"].get("csrf", ""),
            with_accounts=self.with_accounts,
            menu=self.menu,
            active=max(active, key=lambda entry: len(entry[1]), default=("", "", ""))[1],
            path=path,
            version=__version__,
            stays_inside=self.stays_inside,
            **values,
        )


def web_of(request: Request) -> Web:
    """The application this request came to."""
    web: Web = request.app.state.web
    return web


def user_of(request: Request) -> User:
    """Who asks; pages are only reached by somebody."""
    user: User = request.scope["state"]["page_user"]
    return user


def wants_fragment(request: Request) -> bool:
    """Whether htmx asks, so that a piece of the page is enough."""
    return request.headers.get("hx-request") == "true"


def go(path: str, request: Request | None = None) -> Response:
    """Send the browser to ``path`` after a change; htmx is told in its own way."""
    if request is not None and wants_fragment(request):
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)


def download(content: bytes, name: str, media_type: str) -> Response:
    """A file to save under ``name``, whatever characters are in it."""
    plain = "".join(c if c.isalnum() or c in "-_.（）" else "-" for c in name)
    disposition = f"attachment; filename*=UTF-8''{quote(plain)}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})


@cache
def _environment() -> Environment:
    templates = Environment(
        loader=PackageLoader("homutune.web", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    # A model that repeats line breaks must not push everything else off the page.
    templates.filters["tidy"] = lambda text: re.sub(r"\n\s*\n\s*(?=\n)", "\n", text.strip())
    templates.filters["groupby_order"] = lambda sentences: [
        (heading, list(group)) for heading, group in groupby(sentences, lambda s: s.heading)
    ]
    templates.filters["day"] = lambda seconds: _time(seconds, "%Y-%m-%d")
    templates.filters["minute"] = lambda seconds: _time(seconds, "%Y-%m-%d %H:%M")
    templates.filters["clock"] = lambda seconds: _time(seconds, "%H:%M")
    # Where a file lies on the server is nobody's business.
    templates.filters["basename"] = lambda path: PurePath(path).name
    templates.filters["thousands"] = lambda number: "" if number is None else f"{number:,}"
    templates.filters["loss"] = lambda number: "" if number is None else f"{number:.3f}"
    return templates


def _time(seconds: float | None, form: str) -> str:
    return "" if seconds is None else time.strftime(form, time.localtime(seconds))
