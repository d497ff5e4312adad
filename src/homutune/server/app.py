"""The application: store, engine and runner wired to the routes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from pydantic import SecretStr
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from homutune.server._batch_runner import BatchRunner
from homutune.server._batches import Batches, batches_router
from homutune.server._chat import chat_router
from homutune.server._completions import completions_router
from homutune.server._embeddings import embeddings_router
from homutune.server._engine import Engine, LocalEngine
from homutune.server._errors import install_error_handlers
from homutune.server._files import Files, files_router
from homutune.server._generation import Generation
from homutune.server._jobs import Jobs
from homutune.server._jobs_api import jobs_router
from homutune.server._keys import Keys
from homutune.server._memory import Memory
from homutune.server._middleware import Beside, Guard, RequestLog
from homutune.server._models import Models, models_router
from homutune.server._placement import placement
from homutune.server._runner import Runner
from homutune.server._store import Store
from homutune.server._sweep import sweep
from homutune.server._uploads import Uploads, uploads_router
from homutune.server._upstream import (
    UpstreamProxy,
    refuse_external_upstreams,
    upstream_names,
)
from homutune.settings import Settings

#: Makes the application beside the API.
Pages = Callable[[Settings, Store], ASGIApp]


def create_app(
    settings: Settings,
    *,
    engine: Engine | None = None,
    worker_command: Sequence[str] | None = None,
    pages: Pages | None = None,
) -> FastAPI:
    """Build the server for one home folder. Only one may run per home (:func:`serve` sees to it).

    Args:
        settings: home, database, host and key.
        engine: answers and base models; the local engine if None.
        worker_command: the training program; the one of ``settings.runner`` if None.
        pages: makes what is shown under every path but the API's, from settings with which a
            client reaches this server, and its store.

    Raises:
        UserError: the database cannot be opened, or not by this server; or 外部送信禁止 is set and
            an upstream is on another machine.
    """
    refuse_external_upstreams(settings)
    home = settings.home.absolute()
    place = placement(settings)
    store = Store(home, settings.database_url)
    sweep(store, home)
    engine = engine or LocalEngine(settings)
    files = Files(store, home)
    models = Models(store, engine, home, upstream_names(settings.upstreams))
    memory = Memory(engine, settings.memory_limit_gb)
    runner = Runner(
        store,
        files,
        engine,
        memory,
        home,
        worker_command or place.command,
        settings.threads,
        place.ray,
    )
    batches = Batches(store, files, home)
    jobs = Jobs(store, files, models, memory, home, runner.wake)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        runner.start()
        answering = asyncio.create_task(BatchRunner(batches, files, app).run())
        try:
            yield
        finally:
            answering.cancel()
            with suppress(asyncio.CancelledError):
                await answering
            runner.stop()
            engine.close()
            store.close()

    # The pages are a client like any other; they get a key that dies with this process.
    own_key = secrets.token_urlsafe(32)
    beside = (
        []
        if pages is None
        else [Middleware(Beside, pages=pages(_as_own_client(settings, own_key), store))]
    )
    app = FastAPI(
        title="homutune",
        lifespan=lifespan,
        # The interactive pages would load scripts from the internet.
        openapi_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(RequestLog),
            Middleware(
                Guard,
                host=settings.host,
                api_keys=[settings.server_key, own_key],
                keys=Keys(store),
            ),
            *beside,
            Middleware(UpstreamProxy, upstreams=settings.upstreams),
        ],
    )
    install_error_handlers(app)
    app.include_router(files_router(files, store))
    app.include_router(uploads_router(Uploads(store, files, home)))
    app.include_router(jobs_router(jobs, store))
    app.include_router(models_router(models))
    generation = Generation(engine, models)
    app.include_router(chat_router(generation))
    app.include_router(completions_router(generation))
    app.include_router(embeddings_router(engine))
    app.include_router(batches_router(batches))

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app


def _as_own_client(settings: Settings, key: str) -> Settings:
    """``settings`` with this server as the model's address, unless another one was chosen."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    own = f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{settings.port}/v1"
    if "base_url" in settings.model_fields_set and settings.base_url.rstrip("/") != own:
        return settings
    return settings.model_copy(update={"base_url": own, "api_key": SecretStr(key)})
