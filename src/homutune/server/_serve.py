"""Run the server: one per home, on one address, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

import uvicorn
from filelock import FileLock, Timeout

from homutune.errors import UserError
from homutune.server._engine import Engine
from homutune.server._keys import open_keys
from homutune.server._logs import set_up_logs
from homutune.server._middleware import is_loopback
from homutune.server._store import open_store
from homutune.server._web_tables import UserRow
from homutune.server.app import Pages, create_app
from homutune.settings import Settings

#: How long answers that are being streamed may go on after Ctrl-C.
_GRACE_S = 3


def serve(
    settings: Settings,
    *,
    engine: Engine | None = None,
    worker_command: Sequence[str] | None = None,
    pages: Pages | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until interrupted.

    Args:
        settings: home, host, port, database, key.
        engine: see :func:`create_app`.
        worker_command: see :func:`create_app`.
        pages: see :func:`create_app`.
        on_ready: called once requests are being answered.

    Raises:
        UserError: the address is in use or not safe, another server has this home, or the
            database cannot be opened.
    """
    _refuse_open_address(settings)
    set_up_logs(settings.log_format)
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.home / "server.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"この保存先（{settings.home}）では、別の homutune serve が動いています。",
            remedy="そのサーバーを使うか、終了させてから実行してください。別に動かすときは "
            "HOMUTUNE_HOME と --port を変えてください。",
        ) from None
    with lock, _listen(settings.host, settings.port) as listener:
        app = create_app(settings, engine=engine, worker_command=worker_command, pages=pages)
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        # uvicorn passes Ctrl-C on after an orderly end; it was what the user wanted.
        with suppress(KeyboardInterrupt):
            _Server(config, on_ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def _refuse_open_address(settings: Settings) -> None:
    if is_loopback(settings.host) or settings.server_key:
        return
    # Without a database there are no keys, and none is made for an address that is refused.
    if settings.database_url or (settings.home / "homutune.db").exists():
        with open_keys(settings) as keys, open_store(settings) as store:
            users = store.page(UserRow, limit=1, where=[UserRow.status == "active"])[0]
            if keys.any_active() or users:
                return
    raise UserError(
        f"{settings.host} は他のパソコンからも接続できるアドレスですが、利用者がいません。",
        remedy="homutune user add 名前 で画面の利用者を、homutune serve keys add 名前 で API の"
        "利用者のキーを作るか、--host を付けずに実行してください。",
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _address_error(host, error) from error
    try:
        if os.name == "posix":
            # Lets a restart use the port at once; on Windows it would share a port in use.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"ポート {port} は使用中です。",
                remedy=f"別のポートで実行してください: homutune serve --port {port + 1}",
            ) from error
        raise _address_error(host, error) from error
    return listener


def _address_error(host: str, error: OSError) -> UserError:
    return UserError(
        f"アドレス {host} では待ち受けできません（{error.strerror or error}）。",
        remedy="--host を付けずに実行してください（既定は 127.0.0.1）。",
    )
