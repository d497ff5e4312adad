"""``/v1/uploads``: a file too large for one request, in parts."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, cast

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from homutune.server._errors import ApiError
from homutune.server._files import (
    BINARY,
    Files,
    checker,
    default_lifetime,
    file_object,
    limited_form,
    multipart,
)
from homutune.server._ids import hashed_id, new_id
from homutune.server._schemas import ExpiresAfter, RequestBody
from homutune.server._store import FileRow, Store
from homutune.server._tables import UploadRow

#: Largest part, largest whole, and seconds an upload may take [OpenAI].
MAX_PART_BYTES = 64 * 1024**2
MAX_BYTES = 8 * 1024**3
LIFETIME_S = 3600


class CreateUpload(RequestBody):
    """``POST /v1/uploads``."""

    filename: Annotated[str, Field(min_length=1, max_length=255)]
    purpose: Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
    bytes: Annotated[int, Field(ge=1, le=MAX_BYTES)]
    mime_type: str
    expires_after: ExpiresAfter | None = None


class CompleteUpload(RequestBody):
    """``POST /v1/uploads/{id}/complete``."""

    part_ids: Annotated[list[str], Field(min_length=1)]
    md5: str | None = None


class Uploads:
    """Uploads under way. A part counts once its bytes are under their own name."""

    def __init__(self, store: Store, files: Files, home: Path) -> None:
        self._store = store
        self._files = files
        self._folder = home / "uploads"
        self._remove_overdue()

    def create(self, asked: CreateUpload) -> UploadRow:
        """Begin."""
        self._remove_overdue()
        now = int(time.time())
        row = UploadRow(
            id=new_id("upload_"),
            created_at=now,
            status="pending",
            bytes=asked.bytes,
            filename=asked.filename,
            purpose=asked.purpose,
            expires_at=now + LIFETIME_S,
            lifetime=asked.expires_after.seconds if asked.expires_after else None,
        )
        (self._folder / row.id).mkdir(parents=True)
        self._store.add(row)
        return row

    def add_part(self, upload_id: str, data: BinaryIO) -> dict[str, Any]:
        """Keep one part.

        Raises:
            ApiError: the upload is over, or the part or the whole is too large.
        """
        folder = self._folder / self._pending(upload_id).id
        part_id = new_id("part_")
        half = folder / f".{part_id}"
        try:
            with half.open("wb") as out:
                shutil.copyfileobj(data, out)
                size = out.tell()
                out.flush()
                os.fsync(out.fileno())
            if size > MAX_PART_BYTES:
                raise part_too_large()
            half.replace(folder / part_id)
        finally:
            half.unlink(missing_ok=True)
        return {
            "id": part_id,
            "object": "upload.part",
            "created_at": int(time.time()),
            "upload_id": upload_id,
        }

    def complete(self, upload_id: str, asked: CompleteUpload) -> UploadRow:
        """Join the parts in the order given into a file.

        Raises:
            ApiError: a part is missing, or the whole is not what was announced.
        """
        row = self._pending(upload_id)
        parts = [self._part(row, part_id) for part_id in asked.part_ids]
        found = sum(part.stat().st_size for part in parts)
        if found != row.bytes:
            raise ApiError(
                400,
                f"The parts hold {found} bytes, but the upload was created with {row.bytes}.",
                param="part_ids",
                code="invalid_value",
            )
        source = _Joined(parts)
        if asked.md5 is not None and source.md5() != asked.md5.lower():
            raise ApiError(
                400,
                "The MD5 checksum of the parts does not match 'md5'.",
                param="md5",
                code="invalid_value",
            )
        self._files.save(
            cast(BinaryIO, source),
            filename=row.filename,
            purpose=row.purpose,
            lifetime=row.lifetime or default_lifetime(row.purpose),
            file_id=_file_id(upload_id),
            check=checker(row.purpose),
            max_bytes=MAX_BYTES,
        )
        self._store.update_row(UploadRow, upload_id, was=["pending"], status="completed")
        shutil.rmtree(self._folder / upload_id, ignore_errors=True)
        return self.get(upload_id)

    def cancel(self, upload_id: str) -> UploadRow:
        """Forget the parts.

        Raises:
            ApiError: it is over already.
        """
        self._pending(upload_id)
        self._store.update_row(UploadRow, upload_id, was=["pending"], status="cancelled")
        shutil.rmtree(self._folder / upload_id, ignore_errors=True)
        return self.get(upload_id)

    def get(self, upload_id: str) -> UploadRow:
        """The upload.

        Raises:
            ApiError: 404.
        """
        row = self._store.get(UploadRow, upload_id)
        if row is None:
            raise ApiError(404, f"No such Upload object: {upload_id}", param="upload_id")
        return row

    def shown(self, row: UploadRow) -> dict[str, Any]:
        """OpenAI's Upload object."""
        file = self._store.get(FileRow, _file_id(row.id)) if row.status == "completed" else None
        return {
            "id": row.id,
            "object": "upload",
            "bytes": row.bytes,
            "created_at": row.created_at,
            "filename": row.filename,
            "purpose": row.purpose,
            "status": row.status,
            "expires_at": row.expires_at,
            **({} if file is None else {"file": file_object(file)}),
        }

    def _pending(self, upload_id: str) -> UploadRow:
        self._remove_overdue()
        row = self.get(upload_id)
        if row.status != "pending":
            raise ApiError(
                400,
                f"Upload {upload_id} has status '{row.status}', but must be 'pending'.",
                param="upload_id",
                code="invalid_upload_status",
            )
        return row

    def _part(self, row: UploadRow, part_id: str) -> Path:
        path = self._folder / row.id / part_id
        # The id becomes a file name; only those we gave out are letters and digits.
        if not part_id.removeprefix("part_").isalnum() or not path.is_file():
            raise ApiError(
                400, f"No such Part object: {part_id}", param="part_ids", code="part_not_found"
            )
        return path

    def _remove_overdue(self) -> None:
        now = time.time()
        overdue = [UploadRow.status == "pending", UploadRow.expires_at <= now]
        for row in self._store.page(UploadRow, limit=1000, where=overdue)[0]:
            self._store.update_row(UploadRow, row.id, was=["pending"], status="expired")
            shutil.rmtree(self._folder / row.id, ignore_errors=True)


class _Joined:
    """Files read one after the other as one."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._parts = parts
        self._left = list(parts)
        self._open: BinaryIO | None = None

    def read(self, size: int) -> bytes:
        while True:
            if self._open is None:
                if not self._left:
                    return b""
                self._open = self._left.pop(0).open("rb")
            if chunk := self._open.read(size):
                return chunk
            self._open.close()
            self._open = None

    def md5(self) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        for part in self._parts:
            with part.open("rb") as handle:
                while chunk := handle.read(1024 * 1024):
                    digest.update(chunk)
        return digest.hexdigest()


def uploads_router(uploads: Uploads) -> APIRouter:
    """The four routes of the Uploads API."""
    router = APIRouter(prefix="/v1/uploads")

    @router.post("")
    def create_upload(body: CreateUpload) -> dict[str, Any]:
        return uploads.shown(uploads.create(body))

    @router.post("/{upload_id}/parts", openapi_extra=multipart(("data",), {"data": BINARY}))
    async def add_part(upload_id: str, request: Request) -> dict[str, Any]:
        form = await limited_form(request, MAX_PART_BYTES, part_too_large)
        try:
            return await run_in_threadpool(_add_part, uploads, upload_id, form)
        finally:
            await form.close()

    @router.post("/{upload_id}/complete")
    def complete_upload(upload_id: str, body: CompleteUpload) -> dict[str, Any]:
        return uploads.shown(uploads.complete(upload_id, body))

    @router.post("/{upload_id}/cancel")
    def cancel_upload(upload_id: str) -> dict[str, Any]:
        return uploads.shown(uploads.cancel(upload_id))

    return router


def _add_part(uploads: Uploads, upload_id: str, form: FormData) -> dict[str, Any]:
    data = form.get("data")
    if not isinstance(data, UploadFile):
        raise ApiError(
            400,
            "Missing required parameter: 'data'.",
            param="data",
            code="missing_required_parameter",
        )
    return uploads.add_part(upload_id, data.file)


def part_too_large() -> ApiError:
    """The 413 of a part."""
    return ApiError(
        413,
        f"Part is too large. The maximum size is {MAX_PART_BYTES // 1024**2} MB. "
        "(1 つの part は 64 MB までです)",
        param="data",
        code="part_too_large",
    )


def _file_id(upload_id: str) -> str:
    # It follows from the upload, so that completing again after a crash makes one file.
    return hashed_id("file-", upload_id)
