"""API keys, one for each user. The database holds their SHA-256, never the keys."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from homutune.errors import UserError
from homutune.server._ids import new_id
from homutune.server._store import Store, open_store
from homutune.server._tables import KeyRow
from homutune.settings import Settings

MAX_NAME = 64


class Key(NamedTuple):
    """A key as lists show it; times in seconds since 1970."""

    id: str
    name: str
    created_at: int
    revoked_at: int | None


class Keys:
    """The keys of one home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, name: str) -> tuple[Key, str]:
        """Make a key for the user ``name``; the key itself is given this once.

        Raises:
            UserError: the name is empty, too long, or has a key already.
        """
        name = name.strip()
        if not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise UserError(f"名前は 1〜{MAX_NAME} 文字で指定してください。")
        if self._active(name) is not None:
            raise UserError(
                f"{name} のキーは既にあります。",
                remedy=f"作り直すときは、先に homutune serve keys revoke {name} を"
                "実行してください。",
            )
        # 256 random bits cannot be guessed, so one round of a fast hash protects them.
        key = f"hmt-{secrets.token_urlsafe(32)}"
        row = KeyRow(
            id=new_id("key_", 12),
            created_at=int(time.time()),
            status="active",
            name=name,
            digest=_digest(key),
        )
        self._store.add(row)
        return _shown(row), key

    def list(self) -> list[Key]:
        """All keys, the oldest first, revoked ones too."""
        rows, _ = self._store.page(KeyRow, limit=100_000, ascending=True)
        return [_shown(row) for row in rows]

    def revoke(self, name: str) -> Key:
        """Make the key of the user ``name`` useless, at once, also for a server that runs.

        Raises:
            UserError: the user has none.
        """
        row = self._active(name.strip())
        if row is None:
            raise UserError(
                f"{name} の有効なキーはありません。",
                remedy="homutune serve keys list で確認してください。",
            )
        now = int(time.time())
        self._store.update_row(KeyRow, row.id, was=["active"], status="revoked", revoked_at=now)
        return _shown(row)._replace(revoked_at=now)

    def user_of(self, key: str) -> str | None:
        """Whose key it is, if it is valid."""
        where = [KeyRow.digest == _digest(key), KeyRow.status == "active"]
        rows, _ = self._store.page(KeyRow, limit=1, where=where)
        return rows[0].name if rows else None

    def any_active(self) -> bool:
        """Whether somebody has a key."""
        return bool(self._store.page(KeyRow, limit=1, where=[KeyRow.status == "active"])[0])

    def _active(self, name: str) -> KeyRow | None:
        where = [KeyRow.name == name, KeyRow.status == "active"]
        rows, _ = self._store.page(KeyRow, limit=1, where=where)
        return rows[0] if rows else None


@contextmanager
def open_keys(settings: Settings) -> Iterator[Keys]:
    """The keys of a home, whether or not its server runs.

    Raises:
        UserError: the database cannot be opened.
    """
    with open_store(settings) as store:
        yield Keys(store)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _shown(row: KeyRow) -> Key:
    return Key(row.id, row.name, row.created_at, row.revoked_at)
