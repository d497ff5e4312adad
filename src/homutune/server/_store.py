"""What the server remembers, in one database: files, jobs, tuned models.

Bytes lie on disk, rows point to them. A row is written after its bytes and removed after them,
so that a crash leaves neither a row without content nor, after a delete, content without a way
to ask again for its removal.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Dialect,
    Integer,
    String,
    TypeDecorator,
    delete,
    select,
    text,
    update,
)
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from homutune.errors import UserError
from homutune.server._database import claim, connect
from homutune.server._migrations import migrate
from homutune.settings import Settings


class TableBase(DeclarativeBase):
    """All tables of the server."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dict[str, Any]: JSON,
        dict[str, str]: JSON,
        list[str]: JSON,
    }


class _Home(TableBase):
    """The home folder this database belongs to; see ``_database``."""

    __tablename__ = "homes"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)


class Text(TypeDecorator[str]):
    """Text without NUL, which PostgreSQL cannot hold and nobody means."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Leave NUL out, of what is written and of what is searched for."""
        return value.replace("\0", "") if value else value


class Listed:
    """A row with an id that is given out and a place in lists."""

    # Seconds tie; the order of lists and the place of a cursor need a number that does not,
    # and that is never given twice, even after the newest row was deleted.
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(Text(64), unique=True)
    created_at: Mapped[int] = mapped_column(BigInteger)
    __table_args__: ClassVar[dict[str, Any]] = {"sqlite_autoincrement": True}


class FileRow(Listed, TableBase):
    """An uploaded file or the result file of a job; the bytes are ``<home>/files/<id>``."""

    __tablename__ = "files"
    bytes: Mapped[int] = mapped_column(BigInteger)
    filename: Mapped[str] = mapped_column(Text(255))
    purpose: Mapped[str] = mapped_column(Text(32), index=True)
    expires_at: Mapped[int | None] = mapped_column(BigInteger, default=None)


class JobRow(Listed, TableBase):
    """A fine-tuning job; its folder is ``<home>/jobs/<id>``."""

    __tablename__ = "jobs"
    status: Mapped[str] = mapped_column(Text(32), index=True)
    model: Mapped[str] = mapped_column(Text(255))
    training_file: Mapped[str] = mapped_column(Text(64))
    validation_file: Mapped[str | None] = mapped_column(Text(64), default=None)
    suffix: Mapped[str | None] = mapped_column(Text(64), default=None)
    seed: Mapped[int] = mapped_column(Integer)
    #: As asked for; replaced by the values that were used when the job ends.
    hyperparameters: Mapped[dict[str, Any]]
    meta: Mapped[dict[str, str] | None] = mapped_column(
        "metadata", JSON(none_as_null=True), default=None
    )
    #: Name of the model to be, fixed at creation so that every attempt makes the same one.
    tuned_name: Mapped[str] = mapped_column(Text(255), unique=True)
    #: ``supervised`` or ``dpo``.
    method: Mapped[str] = mapped_column(Text(32), default="supervised")
    fine_tuned_model: Mapped[str | None] = mapped_column(Text(255), default=None)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    finished_at: Mapped[int | None] = mapped_column(BigInteger, default=None)
    trained_tokens: Mapped[int | None] = mapped_column(BigInteger, default=None)
    result_files: Mapped[list[str]] = mapped_column(default=list)
    #: How often the worker was started again after it had died.
    restarts: Mapped[int] = mapped_column(Integer, default=0)
    worker_pid: Mapped[int | None] = mapped_column(Integer, default=None)

    @property
    def base(self) -> str:
        """The base model, also where ``model`` is itself a tuned one."""
        return self.tuned_name.removeprefix("ft:").rsplit(":", 3)[0]


class ModelRow(Listed, TableBase):
    """A tuned model; ``adapter_path`` is relative to the home, so that the home can be moved."""

    __tablename__ = "models"
    parent: Mapped[str] = mapped_column(Text(255))
    job_id: Mapped[str] = mapped_column(Text(64))
    adapter_path: Mapped[str] = mapped_column(Text(255))


_Row = TypeVar("_Row", bound=Listed)


class CursorError(LookupError):
    """``after`` names nothing in the list."""


class Store:
    """Short transactions over the database; rows come back detached, ready to be read anywhere.

    Raises:
        UserError: the database cannot be opened, was written by a newer version, belongs to
            another home or is in use by another server.
    """

    def __init__(self, home: Path, url: str | None = None, *, serving: bool = True) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._engine = connect(home, url)
        self._session = sessionmaker(self._engine, expire_on_commit=False)
        try:
            migrate(self._engine)
            self._claim = claim(self._engine, home, serving=serving)
        except UserError:
            self._engine.dispose()
            raise
        except SQLAlchemyError as error:
            self._engine.dispose()
            raise UserError(
                f"データベースを開けません（{type(error).__name__}）。",
                remedy="HOMUTUNE_DATABASE_URL と保存先の権限を確認してください。",
            ) from error

    def close(self) -> None:
        """Give the connections back, and the database to the next server."""
        if self._claim is not None:
            self._claim.invalidate()
            self._claim.close()
        self._engine.dispose()

    def add(self, row: Listed) -> None:
        """Insert ``row``; a row with its id already there is left as it is."""
        with self._change() as session:
            if session.scalar(select(type(row)).where(type(row).id == row.id)) is None:
                session.add(row)

    def get(self, kind: type[_Row], row_id: str) -> _Row | None:
        """The row with this id."""
        with self._session() as session:
            return session.scalar(select(kind).where(kind.id == row_id))

    def delete(self, kind: type[_Row], row_id: str) -> None:
        """Remove the row, if it is there."""
        with self._change() as session:
            session.execute(delete(kind).where(kind.id == row_id))

    def scrub(self) -> None:
        """Leave nothing of deleted rows in the files of SQLite, as far as no reader holds it."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))

    def page(
        self,
        kind: type[_Row],
        *,
        after: str | None = None,
        limit: int,
        ascending: bool = False,
        where: Sequence[Any] = (),
        keep: Callable[[_Row], bool] = lambda _: True,
    ) -> tuple[list[_Row], bool]:
        """Up to ``limit`` rows behind the row ``after``, newest first, and whether more follow.

        ``keep`` filters in Python what SQL dialects do not agree on (JSON).

        Raises:
            CursorError: there is no row ``after``.
        """
        order = kind.seq.asc() if ascending else kind.seq.desc()
        query = select(kind).where(*where).order_by(order)
        with self._session() as session:
            if after is not None:
                place = session.scalar(select(kind.seq).where(kind.id == after))
                if place is None:
                    raise CursorError(after)
                query = query.where(kind.seq > place if ascending else kind.seq < place)
            found = _take(session.scalars(query), limit + 1, keep)
        return found[:limit], len(found) > limit

    def expired_files(self, now: float) -> list[FileRow]:
        """Files whose time is over."""
        with self._session() as session:
            return list(session.scalars(select(FileRow).where(FileRow.expires_at <= now)))

    def ended_jobs(self) -> set[str]:
        """The ids of the jobs that are over."""
        with self._session() as session:
            over = JobRow.finished_at.is_not(None)
            return set(session.scalars(select(JobRow.id).where(over)))

    def models(self) -> list[ModelRow]:
        """All tuned models, oldest first."""
        with self._session() as session:
            return list(session.scalars(select(ModelRow).order_by(ModelRow.seq)))

    def first_job(self, status: str) -> JobRow | None:
        """The oldest job in ``status``."""
        with self._session() as session:
            query = select(JobRow).where(JobRow.status == status).order_by(JobRow.seq).limit(1)
            return session.scalar(query)

    def job_of_model(self, name: str) -> JobRow | None:
        """The job that makes or made the tuned model ``name``."""
        with self._session() as session:
            return session.scalar(select(JobRow).where(JobRow.tuned_name == name))

    def update_job(self, job_id: str, *, was: Iterable[str], **values: Any) -> bool:
        """Change a job if its status is one of ``was``; returns whether it was.

        It is one statement, so that of two who try only one succeeds.
        """
        change = update(JobRow).where(JobRow.id == job_id, JobRow.status.in_(list(was)))
        with self._change() as session:
            result: Any = session.execute(change.values(**values))
            return bool(result.rowcount)

    def update_row(
        self, kind: type[_Row], row_id: str, *, was: Iterable[str], **values: Any
    ) -> bool:
        """As :meth:`update_job`, of any kind of row that has a status."""
        status: Any = kind.__table__.c.status  # type: ignore[attr-defined]
        change = update(kind).where(kind.id == row_id, status.in_(list(was)))
        with self._change() as session:
            result: Any = session.execute(change.values(**values))
            return bool(result.rowcount)

    def change(self, kind: type[_Row], row_id: str, **values: Any) -> bool:
        """Change a row, whatever its state; returns whether it is there."""
        with self._change() as session:
            done: Any = session.execute(update(kind).where(kind.id == row_id).values(**values))
            return bool(done.rowcount)

    @contextmanager
    def _change(self) -> Iterator[Session]:
        """One transaction; a full disk is an ``OSError`` here as everywhere else."""
        try:
            with self._session.begin() as session:
                yield session
        except OperationalError as error:
            if _is_disk_full(error):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """The store of a home, whether or not its server runs.

    Raises:
        UserError: the database cannot be opened.
    """
    store = Store(settings.home.absolute(), settings.database_url, serving=False)
    try:
        yield store
    finally:
        store.close()


def _take(rows: Iterable[_Row], count: int, keep: Callable[[_Row], bool]) -> list[_Row]:
    taken: list[_Row] = []
    for row in rows:
        if keep(row):
            taken.append(row)
            if len(taken) == count:
                break
    return taken


def _is_disk_full(error: OperationalError) -> bool:
    # 53100 is PostgreSQL's disk_full.
    return (
        getattr(error.orig, "sqlite_errorname", None) == "SQLITE_FULL"
        or getattr(error.orig, "sqlstate", None) == "53100"
    )
