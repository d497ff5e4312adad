"""The connection to SQLite or PostgreSQL, and whose database it is.

Rows point to bytes in the home folder, so a database and a home belong together: both carry the
same id. A PostgreSQL database could be reached from two homes; an advisory lock lets one server
in at a time, as the lock in the home does for SQLite.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from homutune.errors import UserError
from homutune.files import write_atomic

#: Any number but the one of the migrations; the serving process holds this advisory lock.
_SERVING = 0x686F6D76


def connect(home: Path, url: str | None) -> Engine:
    """An engine for ``url``, or for ``<home>/homutune.db``.

    Raises:
        UserError: the URL is malformed or its driver is not installed.
    """
    if not url:
        engine = create_engine(URL.create("sqlite", database=str(home / "homutune.db")))
    else:
        try:
            # A connection that a restart of the database broke is replaced.
            engine = create_engine(_with_driver(url), pool_pre_ping=True)
        except ModuleNotFoundError:
            raise UserError(
                "データベースに接続するためのライブラリがありません。",
                remedy="pip install 'homutune[postgres]' を実行してください。",
            ) from None
        except (ArgumentError, NoSuchModuleError):
            raise UserError(
                "HOMUTUNE_DATABASE_URL の形式が正しくありません。",
                remedy="例: postgresql://user:password@host/homutune",
            ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
    return engine


def _with_driver(url: str) -> URL:
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def claim(engine: Engine, home: Path, *, serving: bool) -> Connection | None:
    """Make sure that nobody else serves from this database and that it is ``home``'s own.

    Returns:
        On PostgreSQL the connection whose life is the claim.

    Raises:
        UserError: another server uses the database, or it belongs to another home.
    """
    holder = None
    if serving and engine.dialect.name == "postgresql":
        holder = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not holder.scalar(text(f"SELECT pg_try_advisory_lock({_SERVING})")):
            holder.close()
            raise UserError(
                "このデータベースは、別の homutune serve が使っています。",
                remedy="そのサーバーを使うか、終了させてから実行してください。",
            )
    try:
        _match_ids(engine, home)
    except BaseException:
        if holder is not None:
            holder.invalidate()  # closing would only put it back into the pool, lock and all
            holder.close()
        raise
    return holder


def _match_ids(engine: Engine, home: Path) -> None:
    place = home / "home.id"
    with engine.begin() as connection:
        known = connection.scalar(text("SELECT id FROM homes"))
        if not place.is_file():
            if known is not None and _has_rows(connection):
                raise _foreign(home)
            write_atomic(place, known or secrets.token_hex(16))
        own = place.read_text("utf-8").strip()
        if known is None:
            connection.execute(text("INSERT INTO homes (id) VALUES (:id)"), {"id": own})
        elif known != own:
            raise _foreign(home)


def _has_rows(connection: Connection) -> bool:
    return any(
        connection.scalar(text(f"SELECT 1 FROM {table} LIMIT 1"))
        for table in ("files", "jobs", "models")
    )


def _foreign(home: Path) -> UserError:
    return UserError(
        f"このデータベースは、別の保存先のものです（今の保存先: {home}）。",
        remedy="HOMUTUNE_HOME を元の保存先に戻すか、"
        "HOMUTUNE_DATABASE_URL に新しい空のデータベースを指定してください。",
    )


def _tune_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    # WAL: readers do not wait for the writer. The wait is for the writer before us.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA busy_timeout=30000")
    # What a user deletes is overwritten, not only unlinked.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
