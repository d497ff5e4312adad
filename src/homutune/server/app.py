"""The application: store, engine and runner wired to the routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware

from homutune.server._chat import Chat, chat_router
from homutune.server._engine import Engine, LocalEngine
from homutune.server._errors import install_error_handlers
from homutune.server._files import Files, files_router
from homutune.server._jobs import Jobs, jobs_router
from homutune.server._middleware import Guard, RequestLog
from homutune.server._models import Models, models_router
from homutune.server._placement import placement
from homutune.server._runner import Runner
from homutune.server._store import Store
from homutune.server._sweep import sweep
from homutune.server._upstream import UpstreamProxy, upstream_names
from homutune.settings import Settings


def create_app(
    settings: Settings,
    *,
    engine: Engine | None = None,
    worker_command: Sequence[str] | None = None,
) -> FastAPI:
    """Build the server for one home folder. Only one may run per home (:func:`serve` sees to it).

    Args:
        settings: home, database, host and key.
        engine: answers and base models; the local engine if None.
        worker_command: the training program; the one of ``settings.runner`` if None.

    Raises:
        UserError: the database cannot be opened, or not by this server.
    """
    home = settings.home.absolute()
    place = placement(settings)
    store = Store(home, settings.database_url)
    sweep(store, home)
    engine = engine or LocalEngine(settings)
    files = Files(store, home)
    models = Models(store, engine, home, upstream_names(settings.upstreams))
    runner = Runner(
        store, files, engine, home, worker_command or place.command, settings.threads, place.ray
    )
    jobs = Jobs(store, files, models, home, runner.wake)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        runner.start()
        try:
            yield
        finally:
            runner.stop()
            engine.close()
            store.close()

    app = FastAPI(
        title="homutune",
        lifespan=lifespan,
        # The interactive pages would load scripts from the internet.
        openapi_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(RequestLog),
            Middleware(Guard, host=settings.host, api_key=settings.server_key),
            Middleware(UpstreamProxy, upstreams=settings.upstreams),
        ],
    )
    install_error_handlers(app)
    app.include_router(files_router(files, store))
    app.include_router(jobs_router(jobs, store))
    app.include_router(models_router(models))
    app.include_router(chat_router(Chat(engine, models)))

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app
