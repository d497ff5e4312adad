"""``<home>/assistant.db``: conversations and the log of calls, in SQLite."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homutune.errors import UserError

#: Append only: ``PRAGMA user_version`` is the number of those applied.
_MIGRATIONS = (
    """
    CREATE TABLE conversations (
        id TEXT PRIMARY KEY, title TEXT NOT NULL, model TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
        summary TEXT NOT NULL DEFAULT '', summarized INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE turns (
        conversation TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
        number INTEGER NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL,
        details TEXT NOT NULL DEFAULT '{}', created_at TEXT NOT NULL,
        PRIMARY KEY (conversation, number)
    );
    CREATE TABLE calls (
        id INTEGER PRIMARY KEY, at TEXT NOT NULL, requested TEXT NOT NULL, model TEXT NOT NULL,
        server TEXT NOT NULL, outcome TEXT NOT NULL, status INTEGER,
        prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cost_jpy REAL,
        latency_s REAL NOT NULL, attempts INTEGER NOT NULL, finish_reason TEXT, request_id TEXT,
        sent TEXT, received TEXT
    );
    CREATE INDEX calls_at ON calls(at);
    """,
)
_BUSY_S = 10.0


def database_path(home: Path) -> Path:
    """Where it is."""
    return home / "assistant.db"


@contextmanager
def open_database(home: Path) -> Iterator[sqlite3.Connection]:
    """A connection whose work is committed as a whole at the end of the block.

    Raises:
        UserError: the file is damaged, made by a newer version, or cannot be written.
    """
    path = database_path(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        connection = sqlite3.connect(path, timeout=_BUSY_S)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from error
    try:
        if new and os.name == "posix":
            path.chmod(0o600)  # questions are confidential
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.row_factory = sqlite3.Row
        _migrate(connection, path)
        with connection:
            yield connection
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    finally:
        connection.close()


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    if version > len(_MIGRATIONS):
        raise UserError(
            "履歴のデータベースは、新しい版の homutune で作られています。",
            remedy="homutune を新しくするか、HOMUTUNE_HOME で別のフォルダーを指定してください。",
            file=path,
        )
    if version == len(_MIGRATIONS):
        return
    # Whoever comes second finds the work done.
    connection.isolation_level = None
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in range(_version(connection), len(_MIGRATIONS)):
            for statement in _MIGRATIONS[number].split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={number + 1}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    finally:
        connection.isolation_level = "DEFERRED"


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _unusable(path: Path, error: Exception) -> UserError:
    return UserError(
        f"履歴のデータベースを使えません（{error}）。",
        remedy="空き容量と権限を確認してください。壊れているときは、このファイルの名前を変えて"
        "退避すると、新しく作り直します。",
        file=path,
    )
