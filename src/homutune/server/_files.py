"""``/v1/files``: bytes under ``<home>/files/<id>``, rows in the database."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message

from homutune.server._errors import ApiError
from homutune.server._ids import new_id
from homutune.server._job_folder import PENDING
from homutune.server._store import CursorError, FileRow, Store
from homutune.server._training_file import NotJsonLines, check_json_lines

#: Largest file [OpenAI].
MAX_BYTES = 512 * 1024 * 1024
#: What multipart encoding may add to a file: boundaries, headers, the other fields.
_OVERHEAD = 1024 * 1024
_CHUNK = 1024 * 1024

BINARY = {"type": "string", "format": "binary"}

PURPOSES = ("fine-tune", "batch", "assistants", "user_data", "evals", "vision")


_FORM = {
    "file": BINARY,
    "purpose": {"type": "string", "enum": list(PURPOSES)},
    "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
    "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2592000},
}


class Files:
    """Files on disk and in the store."""

    def __init__(self, store: Store, home: Path) -> None:
        self._store = store
        self._folder = home / "files"
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob(".*.part"):  # an upload cut off by a crash
            left.unlink()

    def path(self, file_id: str) -> Path:
        """Where the bytes lie."""
        return self._folder / file_id

    def save(
        self,
        source: BinaryIO,
        *,
        filename: str,
        purpose: str,
        lifetime: int | None = None,
        file_id: str | None = None,
        check: Callable[[Path], None] | None = None,
        max_bytes: int | None = None,
    ) -> FileRow:
        """Copy ``source`` to disk, ``check`` it there, then make it known.

        Args:
            source: read to its end.
            filename: its name at home; folders are cut off.
            purpose: what it is for.
            lifetime: seconds until it is removed.
            file_id: given when saving a second time must not make a second file.
            check: may refuse the file by raising.
            max_bytes: largest size, :data:`MAX_BYTES` if None.

        Raises:
            OSError: the disk is full or not writable.
            ApiError: larger than ``max_bytes``.
        """
        file_id = file_id or new_id("file-")
        part = self._folder / f".{file_id}.part"
        pending = self._folder / f".{file_id}.{PENDING}"
        try:
            size = _copy(source, part, MAX_BYTES if max_bytes is None else max_bytes)
            if check is not None:
                check(part)
            pending.touch()
            part.replace(self.path(file_id))
        finally:
            part.unlink(missing_ok=True)
        created = int(time.time())
        row = FileRow(
            id=file_id,
            created_at=created,
            bytes=size,
            filename=filename.replace("\\", "/").rsplit("/", 1)[-1][:255] or file_id,
            purpose=purpose,
            expires_at=created + lifetime if lifetime else None,
        )
        self._store.add(row)
        pending.unlink()
        return row

    def get(self, file_id: str) -> FileRow:
        """The file's row.

        Raises:
            ApiError: 404, as OpenAI words it.
        """
        row = self._store.get(FileRow, file_id)
        if row is None or (row.expires_at or time.time() + 1) <= time.time():
            raise ApiError(404, f"No such File object: {file_id}", param="id")
        return row

    def remove(self, file_id: str) -> None:
        """Remove bytes and row."""
        self.path(file_id).unlink(missing_ok=True)
        self._store.delete(FileRow, file_id)

    def remove_expired(self) -> None:
        """Remove the files whose ``expires_after`` has passed."""
        for row in self._store.expired_files(time.time()):
            self.remove(row.id)


def files_router(files: Files, store: Store) -> APIRouter:
    """The five routes of the Files API."""
    router = APIRouter(prefix="/v1/files")

    @router.post("", openapi_extra=multipart(("file", "purpose"), _FORM))
    async def create_file(request: Request) -> dict[str, Any]:
        form = await limited_form(request, MAX_BYTES, _too_large)
        try:
            return await run_in_threadpool(_create, files, form)
        finally:
            await form.close()

    @router.get("")
    def list_files(
        after: str | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
        order: Literal["asc", "desc"] = "desc",
        purpose: str | None = None,
    ) -> dict[str, Any]:
        files.remove_expired()
        where = [] if purpose is None else [FileRow.purpose == purpose]
        try:
            rows, more = store.page(
                FileRow, after=after, limit=limit, ascending=order == "asc", where=where
            )
        except CursorError:
            raise ApiError(404, f"No such File object: {after}", param="after") from None
        return list_body([file_object(row) for row in rows], more)

    @router.get("/{file_id}")
    def retrieve_file(file_id: str) -> dict[str, Any]:
        return file_object(files.get(file_id))

    @router.get("/{file_id}/content")
    def file_content(file_id: str) -> FileResponse:
        row = files.get(file_id)
        path = files.path(file_id)
        if not path.is_file():
            raise ApiError(404, f"No such File object: {file_id}", param="id")
        return FileResponse(path, media_type="application/octet-stream", filename=row.filename)

    @router.delete("/{file_id}")
    def delete_file(file_id: str) -> dict[str, Any]:
        files.get(file_id)
        files.remove(file_id)
        return {"id": file_id, "object": "file", "deleted": True}

    return router


def multipart(required: Sequence[str], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The OpenAPI description of a form that is read by :func:`limited_form`."""
    schema = {"type": "object", "required": list(required), "properties": dict(fields)}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }


def file_object(row: FileRow) -> dict[str, Any]:
    """OpenAI's File object."""
    body: dict[str, Any] = {
        "id": row.id,
        "object": "file",
        "bytes": row.bytes,
        "created_at": row.created_at,
        "filename": row.filename,
        "purpose": row.purpose,
        "status": "processed",
    }
    if row.expires_at is not None:
        body["expires_at"] = row.expires_at
    return body


def list_body(data: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    """OpenAI's list with its cursors; the ids of an empty list are "", as the spec says string."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else "",
        "last_id": data[-1]["id"] if data else "",
        "has_more": has_more,
    }


def _create(files: Files, form: FormData) -> dict[str, Any]:
    upload, purpose = form.get("file"), form.get("purpose")
    if not isinstance(upload, UploadFile):
        raise ApiError(
            400,
            "Missing required parameter: 'file'.",
            param="file",
            code="missing_required_parameter",
        )
    if purpose not in PURPOSES:
        raise ApiError(
            400, f"'{purpose or ''}' is not one of {list(PURPOSES)} - 'purpose'", param="purpose"
        )
    row = files.save(
        upload.file,
        filename=upload.filename or "",
        purpose=str(purpose),
        lifetime=_lifetime(form) or default_lifetime(str(purpose)),
        check=checker(str(purpose)),
    )
    return file_object(row)


def checker(purpose: str) -> Callable[[Path], None] | None:
    """The check of a file for ``purpose``, if it has one."""
    return _check_training if purpose == "fine-tune" else None


def default_lifetime(purpose: str) -> int | None:
    """Seconds a file lives unless told otherwise: batches 30 days, others for ever [OpenAI]."""
    return 30 * 24 * 3600 if purpose == "batch" else None


def _check_training(path: Path) -> None:
    try:
        check_json_lines(path)
    except NotJsonLines as error:
        raise ApiError(400, str(error), param="file", code="invalid_file_format") from None


def _lifetime(form: FormData) -> int | None:
    anchor, seconds = form.get("expires_after[anchor]"), form.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise ApiError(
            400,
            "Invalid value for 'expires_after.anchor': must be 'created_at'.",
            param="expires_after.anchor",
            code="invalid_value",
        )
    if (
        not isinstance(seconds, str)
        or not seconds.isdecimal()
        or not 3600 <= int(seconds) <= 2592000
    ):
        raise ApiError(
            400,
            "Invalid value for 'expires_after.seconds': must be an integer from 3600 to 2592000.",
            param="expires_after.seconds",
            code="invalid_value",
        )
    return int(seconds)


async def limited_form(
    request: Request, max_bytes: int, too_large: Callable[[], ApiError]
) -> FormData:
    """Parse the form, large parts on disk, and stop as soon as it is certainly too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes + _OVERHEAD:
        raise too_large()
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > max_bytes + _OVERHEAD:
            raise too_large()
        return message

    return await Request(request.scope, receive).form()


def _copy(source: BinaryIO, target: Path, max_bytes: int) -> int:
    size = 0
    with target.open("wb") as out:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise _too_large()
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return size


def _too_large() -> ApiError:
    return ApiError(
        413,
        f"File is too large. The maximum size is {MAX_BYTES // 1024**2} MB. "
        "(ファイルは 512 MB までです)",
        param="file",
        code="file_too_large",
    )
