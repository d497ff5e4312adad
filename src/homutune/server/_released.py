"""A tuned model that no job of this home made."""

from __future__ import annotations

import time

from homutune.server._store import ModelRow, open_store
from homutune.settings import Settings


def register_adapter(settings: Settings, model: str, *, base: str, job_id: str) -> None:
    """Let the server answer as ``model`` with the complete adapter ``<home>/adapters/<job_id>``.

    Again is harmless; the server may run or not.

    Raises:
        UserError: the database cannot be opened.
    """
    with open_store(settings) as store:
        if store.get(ModelRow, model) is None:
            store.add(
                ModelRow(
                    id=model,
                    created_at=int(time.time()),
                    parent=base,
                    job_id=job_id,
                    adapter_path=f"adapters/{job_id}",
                )
            )
