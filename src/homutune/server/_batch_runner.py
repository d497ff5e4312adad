"""Works through batches: each request goes through the server's own front door, inside.

Answers are appended to the batch's folder as they come, so that a server that is killed goes
on with the requests that have none.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx2

from homutune.engine import SLOTS
from homutune.server._batch_file import BatchRequest, check_batch, read_requests
from homutune.server._batches import Batches
from homutune.server._files import MAX_BYTES, Files
from homutune.server._ids import hashed_id, new_id
from homutune.server._middleware import inside
from homutune.server._tables import BatchRow

log = logging.getLogger("homutune.server")

#: Requests of a batch at a time; the other half of the slots is left to those who wait.
AT_ONCE = max(1, SLOTS // 2)
_POLL_S = 0.3
_FAILED = {"code": "server_error", "message": "The server could not answer this request."}
_EXPIRED = {
    "code": "batch_expired",
    "message": "This request could not be executed before the completion window expired.",
}


class BatchRunner:
    """The task that answers batches, the oldest first.

    Args:
        app: the server's ASGI application.
    """

    def __init__(self, batches: Batches, files: Files, app: Any) -> None:
        self._batches = batches
        self._files = files
        self._app = app

    async def run(self) -> None:
        """Work until cancelled."""
        transport = httpx2.ASGITransport(app=inside(self._app), raise_app_exceptions=False)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", timeout=None
        ) as client:
            while True:
                try:
                    row = await _in_thread(self._batches.first_open)
                    if row is not None:
                        await self._move(row, client)
                        continue
                except Exception as error:  # a full disk, a lost database: try again later
                    log.error("batches: %s; もう一度試します", type(error).__name__)
                    await anyio.sleep(5)
                await anyio.sleep(_POLL_S)

    async def _move(self, row: BatchRow, client: httpx2.AsyncClient) -> None:
        if row.status == "validating":
            await _in_thread(self._validate, row)
        elif row.status == "in_progress":
            await self._answer(row, client)
        elif row.status == "cancelling":
            await _in_thread(self._finish, row, "cancelled")
        else:  # finalizing
            await _in_thread(self._finish, row, "completed")

    def _validate(self, row: BatchRow) -> None:
        folder = self._batches.folder(row.id)
        found = check_batch(folder / "input.jsonl", row.endpoint)
        now = int(time.time())
        if found.problems:
            errors = {"object": "list", "data": found.problems}
            self._batches.note(
                row.id, was=("validating",), status="failed", failed_at=now, errors=errors
            )
            shutil.rmtree(folder, ignore_errors=True)
            return
        counts = {"total": found.requests, "completed": 0, "failed": 0}
        model = {} if found.model is None else {"model": found.model}
        self._batches.note(
            row.id,
            was=("validating",),
            status="in_progress",
            in_progress_at=now,
            request_counts=counts,
            **model,
        )

    async def _answer(self, row: BatchRow, client: httpx2.AsyncClient) -> None:
        progress = await _in_thread(_Progress, self._batches.folder(row.id))
        send, receive = anyio.create_memory_object_stream[BatchRequest](0)

        async def work() -> None:
            async for request in receive:
                record = await _ask(client, row.endpoint, request)
                await _in_thread(progress.keep, record)
                await _in_thread(partial(self._count, row, progress))

        async def watch(scope: anyio.CancelScope) -> None:
            while True:
                now = await _in_thread(self._batches.get, row.id)
                if now.status != "in_progress" or time.time() >= row.expires_at:
                    scope.cancel()
                await anyio.sleep(_POLL_S)

        async with anyio.create_task_group() as group:
            group.start_soon(watch, group.cancel_scope)
            async with anyio.create_task_group() as workers:
                for _ in range(AT_ONCE):
                    workers.start_soon(work)
                async with send:
                    for request in read_requests(self._batches.folder(row.id) / "input.jsonl"):
                        if request.custom_id not in progress.done:
                            await send.send(request)
            group.cancel_scope.cancel()
        await _in_thread(self._after, row, progress)

    def _after(self, row: BatchRow, progress: _Progress) -> None:
        if self._batches.get(row.id).status != "in_progress":
            return  # cancelled
        left = [
            request.custom_id
            for request in read_requests(self._batches.folder(row.id) / "input.jsonl")
            if request.custom_id not in progress.done
        ]
        if not left:
            now = int(time.time())
            self._batches.note(row.id, was=("in_progress",), status="finalizing", finalizing_at=now)
            return
        for custom_id in left:
            progress.keep(_record(custom_id, None, _EXPIRED))
        self._count(row, progress)
        self._finish(row, "expired")

    def _count(self, row: BatchRow, progress: _Progress) -> None:
        self._batches.note(
            row.id,
            was=("in_progress", "cancelling"),
            request_counts={**row.shown["request_counts"], **progress.counts},
            usage=progress.usage(),
        )

    def _finish(self, row: BatchRow, status: str) -> None:
        """Turn the answers into files and close; done again after a crash it changes nothing."""
        folder = self._batches.folder(row.id)
        shown: dict[str, Any] = {f"{status}_at": int(time.time())}
        for name, field in (("output", "output_file_id"), ("error", "error_file_id")):
            path = folder / f"{name}.jsonl"
            if not path.is_file() or not path.stat().st_size:
                continue
            shown[field] = hashed_id("file-", f"{row.id}:{name}")
            with path.open("rb") as source:
                self._files.save(
                    source,
                    filename=f"{row.id}_{name}.jsonl",
                    purpose="batch_output",
                    lifetime=row.output_lifetime,
                    file_id=shown[field],
                    max_bytes=16 * MAX_BYTES,
                )
        self._batches.note(
            row.id, was=("in_progress", "finalizing", "cancelling"), status=status, **shown
        )
        shutil.rmtree(folder, ignore_errors=True)


class _Progress:
    """The answers so far, in ``output.jsonl`` and ``error.jsonl``, and what they add up to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.done: set[str] = set()
        self.counts = {"completed": 0, "failed": 0}
        self._tokens = {"input": 0, "output": 0}
        for name in ("output", "error"):
            path = folder / f"{name}.jsonl"
            if path.is_file():
                _drop_half_a_line(path)
                for line in path.read_bytes().splitlines():
                    self._add(json.loads(line))

    def keep(self, record: dict[str, Any]) -> None:
        """Append one answer."""
        path = self._folder / ("output.jsonl" if _succeeded(record) else "error.jsonl")
        with path.open("ab") as out:
            out.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())
        self._add(record)

    def usage(self) -> dict[str, Any]:
        """OpenAI's BatchUsage."""
        return {
            "input_tokens": self._tokens["input"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": self._tokens["output"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self._tokens["input"] + self._tokens["output"],
        }

    def _add(self, record: dict[str, Any]) -> None:
        self.done.add(record["custom_id"])
        self.counts["completed" if _succeeded(record) else "failed"] += 1
        if _succeeded(record):
            usage = record["response"]["body"]["usage"]
            self._tokens["input"] += usage["prompt_tokens"]
            self._tokens["output"] += usage.get("completion_tokens", 0)


async def _ask(client: httpx2.AsyncClient, endpoint: str, request: BatchRequest) -> dict[str, Any]:
    try:
        answer = await client.post(endpoint, json=request.body)
        response = {
            "status_code": answer.status_code,
            "request_id": answer.headers.get("x-request-id", ""),
            "body": answer.json(),
        }
    except (httpx2.HTTPError, ValueError) as error:  # one request must not hold up the others
        log.error("batches: %s", type(error).__name__)
        return _record(request.custom_id, None, _FAILED)
    return _record(request.custom_id, response, None)


def _record(
    custom_id: str, response: dict[str, Any] | None, error: dict[str, str] | None
) -> dict[str, Any]:
    return {
        "id": new_id("batch_req_"),
        "custom_id": custom_id,
        "response": response,
        "error": error,
    }


def _succeeded(record: dict[str, Any]) -> bool:
    return record["response"] is not None and record["response"]["status_code"] == 200


def _drop_half_a_line(path: Path) -> None:
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


async def _in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    return await anyio.to_thread.run_sync(partial(work, *arguments))
