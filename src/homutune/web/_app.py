"""The pages, put together: routers, templates, static files, and the door in front of them."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.server import Store, is_loopback
from homutune.settings import Settings
from homutune.web._context import MENU, Web
from homutune.web._errors import install_error_handlers
from homutune.web._security import Door, check_csrf

_STATIC = Path(__file__).parent / "static"


def create_web(settings: Settings, store: Store) -> ASGIApp:
    """The application for a browser, to be put beside the API (``server.create_app(pages=…)``).

    On loopback there is one user without a password; on any other address users sign in.

    Args:
        settings: with the address at which models are reached.
        store: the server's own.

    Raises:
        UserError: the package was not built, so that the browser's library is missing.
    """
    # A second to import: who only manages users needs no page.
    from homutune.web.pages import ROUTERS

    if not (_STATIC / "htmx.min.js").is_file():
        raise UserError(
            "画面の部品（htmx.min.js）が入っていません。",
            remedy="pip install で homutune を入れ直してください（部品はそのときに入ります）。",
        )
    web = Web(settings, store, not is_loopback(settings.host), _secret(settings.home.absolute()))
    app = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(check_csrf)],
        middleware=[Middleware(Door, web=web)],
    )
    app.state.web = web
    install_error_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=_STATIC))
    paths = {getattr(route, "path", "") for route in app.routes}
    paths |= {route.path for router in ROUTERS for route in router.routes}  # type: ignore[attr-defined]
    web.menu = [entry for entry in MENU if entry[1] in paths]
    threading.Thread(target=web.warm, name="warm", daemon=True).start()
    return app


def _secret(home: Path) -> bytes:
    """What the tokens of forms are made with; kept, so that a restart breaks no open page."""
    path = home / "web.secret"
    if not path.is_file():
        write_atomic(path, secrets.token_bytes(32))
        path.chmod(0o600)
    return path.read_bytes()
