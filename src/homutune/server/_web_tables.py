"""Tables of the web application: users, sessions, matters, and the log of who did what."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from homutune.server._store import Listed, TableBase, Text


class UserRow(Listed, TableBase):
    """A person who signs in; ``role`` is 管理者, 法務 or 閲覧."""

    __tablename__ = "users"
    status: Mapped[str] = mapped_column(Text(32), index=True)
    name: Mapped[str] = mapped_column(Text(64), unique=True)
    role: Mapped[str] = mapped_column(Text(16))
    #: Argon2id, with its parameters.
    password_hash: Mapped[str] = mapped_column(Text(255))


class SessionRow(Listed, TableBase):
    """A browser that signed in; ``id`` is the SHA-256 of its cookie."""

    __tablename__ = "sessions"
    user_id: Mapped[str] = mapped_column(Text(64), index=True)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class MatterRow(Listed, TableBase):
    """One piece of a user's work (a review, a conversation); files: ``<home>/matters/<id>``."""

    __tablename__ = "matters"
    status: Mapped[str] = mapped_column(Text(32), index=True)
    owner: Mapped[str] = mapped_column(Text(64), index=True)
    kind: Mapped[str] = mapped_column(Text(32), index=True)
    title: Mapped[str] = mapped_column(Text(255))
    updated_at: Mapped[int] = mapped_column(BigInteger)
    #: What the pages of this kind need besides.
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)


class AuditRow(Listed, TableBase):
    """Who did what to which thing, without contents; ``result`` is the HTTP status."""

    __tablename__ = "audit"
    user: Mapped[str] = mapped_column(Text(64), index=True)
    action: Mapped[str] = mapped_column(Text(64))
    target: Mapped[str] = mapped_column(Text(255))
    result: Mapped[int] = mapped_column(Integer)
