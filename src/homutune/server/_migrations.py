"""The database's schema, step by step: numbered from 1, append-only.

A migration that was released is never edited; each states its tables as they were then and does
not follow the classes of ``_store``. A test holds the result of all of them against the classes.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    insert,
    select,
)

from homutune.errors import UserError

_versions = Table(
    "schema_version",
    MetaData(),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("applied_at", BigInteger, nullable=False),
)
#: Any number; whoever migrates a PostgreSQL database holds this advisory lock.
_LOCK = 0x686F6D75


def _jobs_files_models(connection: Connection) -> None:
    tables = MetaData()
    Table(
        "files",
        tables,
        Column("bytes", BigInteger, nullable=False),
        Column("filename", String(255), nullable=False),
        Column("purpose", String(32), nullable=False, index=True),
        Column("expires_at", BigInteger),
        *_listed(),
        sqlite_autoincrement=True,
    )
    Table(
        "jobs",
        tables,
        Column("status", String(32), nullable=False, index=True),
        Column("model", String(255), nullable=False),
        Column("training_file", String(64), nullable=False),
        Column("validation_file", String(64)),
        Column("suffix", String(64)),
        Column("seed", Integer, nullable=False),
        Column("hyperparameters", JSON, nullable=False),
        Column("metadata", JSON),
        Column("tuned_name", String(255), nullable=False, unique=True),
        Column("fine_tuned_model", String(255)),
        Column("error", JSON),
        Column("finished_at", BigInteger),
        Column("trained_tokens", BigInteger),
        Column("result_files", JSON, nullable=False),
        Column("restarts", Integer, nullable=False),
        Column("worker_pid", Integer),
        *_listed(),
        sqlite_autoincrement=True,
    )
    Table(
        "models",
        tables,
        Column("parent", String(255), nullable=False),
        Column("job_id", String(64), nullable=False),
        Column("adapter_path", String(255), nullable=False),
        *_listed(),
        sqlite_autoincrement=True,
    )
    tables.create_all(connection)


def _homes(connection: Connection) -> None:
    tables = MetaData()
    Table("homes", tables, Column("id", String(32), primary_key=True))
    tables.create_all(connection)


def _uploads_batches_keys(connection: Connection) -> None:
    tables = MetaData()
    Table(
        "uploads",
        tables,
        Column("status", String(32), nullable=False, index=True),
        Column("bytes", BigInteger, nullable=False),
        Column("filename", String(255), nullable=False),
        Column("purpose", String(32), nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Column("lifetime", Integer),
        *_listed(),
        sqlite_autoincrement=True,
    )
    Table(
        "batches",
        tables,
        Column("status", String(32), nullable=False, index=True),
        Column("endpoint", String(64), nullable=False),
        Column("input_file_id", String(64), nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Column("metadata", JSON),
        Column("output_lifetime", Integer),
        Column("shown", JSON, nullable=False),
        *_listed(),
        sqlite_autoincrement=True,
    )
    Table(
        "api_keys",
        tables,
        Column("status", String(32), nullable=False, index=True),
        Column("name", String(64), nullable=False, index=True),
        Column("digest", String(64), nullable=False, unique=True),
        Column("revoked_at", BigInteger),
        *_listed(),
        sqlite_autoincrement=True,
    )
    tables.create_all(connection)


def _users_sessions_matters_audit(connection: Connection) -> None:
    tables = MetaData()
    Table(
        "users",
        tables,
        Column("status", String(32), nullable=False, index=True),
        Column("name", String(64), nullable=False, unique=True),
        Column("role", String(16), nullable=False),
        Column("password_hash", String(255), nullable=False),
        *_listed(),
        sqlite_autoincrement=True,
    )
    Table(
        "sessions",
        tables,
        Column("user_id", String(64), nullable=False, index=True),
        Column("expires_at", BigInteger, nullable=False),
        *_listed(),
        sqlite_autoincrement=True,
    )
    Table(
        "matters",
        tables,
        Column("status", String(32), nullable=False, index=True),
        Column("owner", String(64), nullable=False, index=True),
        Column("kind", String(32), nullable=False, index=True),
        Column("title", String(255), nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Column("facts", JSON, nullable=False),
        *_listed(),
        sqlite_autoincrement=True,
    )
    Table(
        "audit",
        tables,
        Column("user", String(64), nullable=False, index=True),
        Column("action", String(64), nullable=False),
        Column("target", String(255), nullable=False),
        Column("result", Integer, nullable=False),
        *_listed(),
        sqlite_autoincrement=True,
    )
    tables.create_all(connection)


def _method_of_jobs(connection: Connection) -> None:
    """Jobs may be of another method than supervised."""
    connection.exec_driver_sql(
        "ALTER TABLE jobs ADD COLUMN method VARCHAR(32) NOT NULL DEFAULT 'supervised'"
    )


#: In the order in which they are applied.
MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _jobs_files_models,
    _homes,
    _uploads_batches_keys,
    _users_sessions_matters_audit,
    _method_of_jobs,
)


def migrate(engine: Engine) -> None:
    """Bring the database to the newest schema; each migration is applied wholly or not at all.

    Raises:
        UserError: the database was written by a newer version.
    """
    for version, apply in enumerate(MIGRATIONS, start=1):
        with engine.begin() as connection:
            _lock(connection)
            _versions.create(connection, checkfirst=True)
            done = set(connection.scalars(select(_versions.c.version)))
            if max(done, default=0) > len(MIGRATIONS):
                raise UserError(
                    "このデータベースは、より新しい版の homutune で作られています。",
                    remedy="homutune を更新してください。",
                )
            if version not in done:
                apply(connection)
                row = {"version": version, "applied_at": int(time.time())}
                connection.execute(insert(_versions).values(row))


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        # The driver would begin no transaction for CREATE TABLE.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def _listed() -> tuple[Column[int], Column[str], Column[int]]:
    return (
        Column("seq", Integer, primary_key=True, autoincrement=True),
        Column("id", String(64), unique=True, nullable=False),
        Column("created_at", BigInteger, nullable=False),
    )
