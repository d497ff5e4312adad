"""Tables beside files, jobs and models: uploads and their parts, batches, API keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from homutune.server._store import Listed, TableBase, Text


class UploadRow(Listed, TableBase):
    """A file that arrives in parts; they are ``<home>/uploads/<id>/<part>`` until it is whole."""

    __tablename__ = "uploads"
    status: Mapped[str] = mapped_column(Text(32), index=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    filename: Mapped[str] = mapped_column(Text(255))
    purpose: Mapped[str] = mapped_column(Text(32))
    expires_at: Mapped[int] = mapped_column(BigInteger)
    #: Seconds the finished file is to live; None for ever.
    lifetime: Mapped[int | None] = mapped_column(Integer, default=None)


class BatchRow(Listed, TableBase):
    """A batch; what it has answered so far is in ``<home>/batches/<id>``."""

    __tablename__ = "batches"
    status: Mapped[str] = mapped_column(Text(32), index=True)
    endpoint: Mapped[str] = mapped_column(Text(64))
    input_file_id: Mapped[str] = mapped_column(Text(64))
    expires_at: Mapped[int] = mapped_column(BigInteger)
    meta: Mapped[dict[str, str] | None] = mapped_column(
        "metadata", JSON(none_as_null=True), default=None
    )
    #: Seconds the output files are to live; None for ever.
    output_lifetime: Mapped[int | None] = mapped_column(Integer, default=None)
    #: What the batch object shows besides: times, files, counts, usage, errors.
    shown: Mapped[dict[str, Any]] = mapped_column(default=dict)


class KeyRow(Listed, TableBase):
    """A user's API key: its SHA-256, never the key; ``id`` is shown in lists and logs."""

    __tablename__ = "api_keys"
    status: Mapped[str] = mapped_column(Text(32), index=True)
    name: Mapped[str] = mapped_column(Text(64), index=True)
    digest: Mapped[str] = mapped_column(Text(64), unique=True)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger, default=None)
