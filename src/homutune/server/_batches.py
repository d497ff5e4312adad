"""``/v1/batches``: many requests in a file, answered one after the other in the background."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from homutune.server._batch_file import ENDPOINTS
from homutune.server._errors import ApiError
from homutune.server._files import Files, list_body
from homutune.server._ids import new_id
from homutune.server._job_folder import keep_file
from homutune.server._schemas import ExpiresAfter, RequestBody, check_metadata
from homutune.server._store import CursorError, Store
from homutune.server._tables import BatchRow

#: Seconds a batch may take [OpenAI].
WINDOW_S = 24 * 3600
#: A batch in one of these is over.
ENDED = ("failed", "completed", "expired", "cancelled")


class CreateBatch(RequestBody):
    """``POST /v1/batches``."""

    input_file_id: str
    endpoint: str
    completion_window: Literal["24h"]
    metadata: Annotated[dict[str, str], BeforeValidator(check_metadata)] | None = None
    output_expires_after: ExpiresAfter | None = None


class Batches:
    """Batches in the store, each with a folder for its input and for what is answered so far."""

    def __init__(self, store: Store, files: Files, home: Path) -> None:
        self._store = store
        self._files = files
        self._folder = home / "batches"
        # Progress and cancelling change one JSON column from two threads.
        self._lock = threading.Lock()

    def folder(self, batch_id: str) -> Path:
        """Where the batch works."""
        return self._folder / batch_id

    def create(self, asked: CreateBatch) -> BatchRow:
        """Set the input aside and enter the batch.

        Raises:
            ApiError: the endpoint or the file cannot be used.
        """
        if asked.endpoint not in ENDPOINTS:
            raise ApiError(
                400,
                f"Invalid value: '{asked.endpoint}'. Supported values are: "
                f"{', '.join(map(repr, ENDPOINTS))}.",
                param="endpoint",
                code="invalid_value",
            )
        self._check_file(asked.input_file_id)
        now = int(time.time())
        lifetime = asked.output_expires_after
        row = BatchRow(
            id=new_id("batch_"),
            created_at=now,
            status="validating",
            endpoint=asked.endpoint,
            input_file_id=asked.input_file_id,
            expires_at=now + WINDOW_S,
            meta=asked.metadata,
            output_lifetime=lifetime.seconds if lifetime else None,
            shown={"request_counts": {"total": 0, "completed": 0, "failed": 0}},
        )
        self.folder(row.id).mkdir(parents=True)
        keep_file(self._files.path(asked.input_file_id), self.folder(row.id) / "input.jsonl")
        self._store.add(row)
        return row

    def get(self, batch_id: str) -> BatchRow:
        """The batch.

        Raises:
            ApiError: 404.
        """
        row = self._store.get(BatchRow, batch_id)
        if row is None:
            raise ApiError(404, f"No batch found with id '{batch_id}'.", param="batch_id")
        return row

    def list(self, after: str | None, limit: int) -> tuple[list[BatchRow], bool]:
        """Batches behind ``after``, the newest first, and whether more follow."""
        try:
            return self._store.page(BatchRow, after=after, limit=limit)
        except CursorError:
            raise ApiError(404, f"No batch found with id '{after}'.", param="after") from None

    def first_open(self) -> BatchRow | None:
        """The oldest batch that is not over."""
        rows, _ = self._store.page(
            BatchRow, limit=1, ascending=True, where=[BatchRow.status.not_in(ENDED)]
        )
        return rows[0] if rows else None

    def cancel(self, batch_id: str) -> BatchRow:
        """Ask for the end; what is answered by then is kept.

        Raises:
            ApiError: it is over.
        """
        row = self.get(batch_id)
        if row.status != "cancelling" and not self.note(
            batch_id,
            was=("validating", "in_progress", "finalizing"),
            status="cancelling",
            cancelling_at=int(time.time()),
        ):
            raise ApiError(
                409,
                f"Cannot cancel a batch with status '{self.get(batch_id).status}'.",
                param="batch_id",
            )
        return self.get(batch_id)

    def note(
        self, batch_id: str, *, was: tuple[str, ...], status: str | None = None, **shown: Any
    ) -> bool:
        """Change status and shown fields if the status is one of ``was``; whether it was."""
        with self._lock:
            row = self.get(batch_id)
            if row.status not in was:
                return False
            return self._store.update_row(
                BatchRow,
                batch_id,
                was=was,
                status=status or row.status,
                shown={**row.shown, **shown},
            )

    def _check_file(self, file_id: str) -> None:
        try:
            row = self._files.get(file_id)
        except ApiError:
            raise ApiError(
                400, f"No such File object: {file_id}", param="input_file_id", code="file_not_found"
            ) from None
        if row.purpose != "batch":
            raise ApiError(
                400,
                f"File '{file_id}' has purpose '{row.purpose}', but must have 'batch'.",
                param="input_file_id",
                code="invalid_file_purpose",
            )


def batches_router(batches: Batches) -> APIRouter:
    """The four routes of the Batch API."""
    router = APIRouter(prefix="/v1/batches")

    @router.post("")
    def create_batch(body: CreateBatch) -> dict[str, Any]:
        return _shown(batches.create(body))

    @router.get("")
    def list_batches(
        after: str | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 20
    ) -> dict[str, Any]:
        rows, more = batches.list(after, limit)
        return list_body([_shown(row) for row in rows], more)

    @router.get("/{batch_id}")
    def retrieve_batch(batch_id: str) -> dict[str, Any]:
        return _shown(batches.get(batch_id))

    @router.post("/{batch_id}/cancel")
    def cancel_batch(batch_id: str) -> dict[str, Any]:
        return _shown(batches.cancel(batch_id))

    return router


def _shown(row: BatchRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "object": "batch",
        "endpoint": row.endpoint,
        "input_file_id": row.input_file_id,
        "completion_window": "24h",
        "status": row.status,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "metadata": row.meta,
        **row.shown,
    }
