"""A user's pieces of work: found by their owner only, kept in a folder, deleted for good."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException

from homutune.server import MatterRow, Store, new_id
from homutune.web._accounts import User


class Matters:
    """All pieces of work. Every method takes the user; nothing is found without one."""

    def __init__(self, store: Store, home: Path) -> None:
        self._store = store
        self._home = home

    def create(
        self, user: User, kind: str, title: str, *, status: str = "new", **facts: Any
    ) -> MatterRow:
        """A new matter of ``kind``; ``facts`` must be JSON values."""
        now = int(time.time())
        row = MatterRow(
            id=new_id("m_", 16),
            created_at=now,
            status=status,
            owner=user.id,
            kind=kind,
            title=title.strip()[:255] or "（無題）",
            updated_at=now,
            facts=facts,
        )
        self.folder(row).mkdir(parents=True)
        self._store.add(row)
        return row

    def get(self, user: User, kind: str | None, matter_id: str) -> MatterRow:
        """The user's own matter; of whatever kind where ``kind`` is None.

        Raises:
            HTTPException: 404, whether it is not there, another's or of another kind.
        """
        row = self._store.get(MatterRow, matter_id)
        if row is None or row.owner != user.id or kind not in (None, row.kind):
            raise HTTPException(404)
        return row

    def all_of(self, user: User) -> list[MatterRow]:
        """All matters of the user, the newest first."""
        where = [MatterRow.owner == user.id]
        return self._store.page(MatterRow, limit=100_000, where=where)[0]

    def list(self, user: User, kind: str, limit: int = 200) -> list[MatterRow]:
        """The user's matters of ``kind``, the newest first."""
        where = [MatterRow.owner == user.id, MatterRow.kind == kind]
        return self._store.page(MatterRow, limit=limit, where=where)[0]

    def update(self, row: MatterRow, *, status: str | None = None, **facts: Any) -> MatterRow:
        """Change the status or some facts; returns the row as it is now."""
        row.facts = {**row.facts, **facts}
        row.status = status or row.status
        row.updated_at = int(time.time())
        values = {"facts": row.facts, "status": row.status, "updated_at": row.updated_at}
        self._store.change(MatterRow, row.id, **values)
        return row

    def delete(self, row: MatterRow) -> None:
        """Remove the row and every file of the matter."""
        shutil.rmtree(self.folder(row), ignore_errors=True)
        self._store.delete(MatterRow, row.id)
        self._store.scrub()

    def folder(self, row: MatterRow) -> Path:
        """Where the files of the matter lie."""
        return self._home / "matters" / row.id
