from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from homutune.server import _uploads
from server.running import Local, jsonl, lines, upload


def begin(local: Local, content: bytes, **options: Any) -> str:
    wanted = {"bytes": len(content), "filename": "学習.jsonl", "mime_type": "text/jsonl"}
    return local.client.uploads.create(**{**wanted, "purpose": "fine-tune", **options}).id


def parts_of(local: Local, upload_id: str, *pieces: bytes) -> list[str]:
    add = local.client.uploads.parts.create
    return [add(upload_id, data=piece).id for piece in pieces]


def test_parts_become_one_file_in_the_order_given(local: Local) -> None:
    content = jsonl(lines(12))
    upload_id = begin(local, content)
    second, first = parts_of(local, upload_id, content[300:], content[:300])
    done = local.client.uploads.complete(
        upload_id, part_ids=[first, second], md5=hashlib.md5(content).hexdigest()
    )
    assert done.status == "completed" and done.file is not None
    assert (done.file.filename, done.file.bytes) == ("学習.jsonl", len(content))
    assert local.client.files.content(done.file.id).read() == content
    assert list((local.home / "uploads").iterdir()) == []
    job = local.client.fine_tuning.jobs.create(model="tiny", training_file=done.file.id)
    assert job.training_file == done.file.id
    with pytest.raises(openai.BadRequestError, match="must be 'pending'"):
        local.client.uploads.cancel(upload_id)


def test_the_sdks_own_helper_uploads_a_file_in_chunks(local: Local, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(jsonl(lines(40)))
    done = local.client.uploads.upload_file_chunked(
        file=path, mime_type="text/jsonl", purpose="fine-tune", part_size=1000
    )
    assert done.file is not None
    assert local.client.files.content(done.file.id).read() == path.read_bytes()


def test_a_broken_upload_is_refused_and_stays_open(local: Local) -> None:
    content = jsonl(lines(12))
    upload_id = begin(local, content)
    [part] = parts_of(local, upload_id, content[:-1])
    complete = local.client.uploads.complete
    with pytest.raises(openai.BadRequestError, match="created with") as caught:
        complete(upload_id, part_ids=[part])
    assert caught.value.param == "part_ids"
    for wrong in ("part_none", "../../homutune.db", ""):
        with pytest.raises(openai.BadRequestError, match="No such Part object") as caught:
            complete(upload_id, part_ids=[part, wrong])
        assert caught.value.code == "part_not_found"
    [rest] = parts_of(local, upload_id, content[-1:])
    with pytest.raises(openai.BadRequestError) as caught:
        complete(upload_id, part_ids=[part, rest], md5="0" * 32)
    assert caught.value.param == "md5"
    assert local.client.files.list().data == []
    assert complete(upload_id, part_ids=[part, rest]).status == "completed"


def test_a_training_file_in_parts_is_checked_like_any_other(local: Local) -> None:
    upload_id = begin(local, b"no json")
    parts = parts_of(local, upload_id, b"no json")
    with pytest.raises(openai.BadRequestError, match="JSONL format"):
        local.client.uploads.complete(upload_id, part_ids=parts)


def test_a_cancelled_upload_leaves_nothing(local: Local) -> None:
    upload_id = begin(local, b"x")
    parts_of(local, upload_id, b"x")
    assert local.client.uploads.cancel(upload_id).status == "cancelled"
    assert list((local.home / "uploads").iterdir()) == []
    with pytest.raises(openai.BadRequestError, match="'cancelled'"):
        parts_of(local, upload_id, b"x")
    with pytest.raises(openai.NotFoundError, match="No such Upload object"):
        local.client.uploads.cancel("upload_none")


def test_an_upload_expires_after_an_hour(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    upload_id = begin(local, b"x")
    later = time.time() + 3601
    monkeypatch.setattr(_uploads.time, "time", lambda: later)
    with pytest.raises(openai.BadRequestError, match="'expired'"):
        parts_of(local, upload_id, b"x")
    assert list((local.home / "uploads").iterdir()) == []


def test_a_part_and_an_upload_have_a_largest_size(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_uploads, "MAX_PART_BYTES", 100_000)
    upload_id = begin(local, b"x")
    with pytest.raises(openai.APIStatusError) as caught:
        parts_of(local, upload_id, b"x" * 200_000)
    assert (caught.value.status_code, caught.value.code) == (413, "part_too_large")
    assert list((local.home / "uploads" / upload_id).iterdir()) == []
    with pytest.raises(openai.BadRequestError) as too_large:
        begin(local, b"x", bytes=9 * 1024**3)
    assert too_large.value.param == "bytes"
    response = httpx2.post(f"{local.url}/v1/uploads/{upload_id}/parts", data={"a": "b"})
    assert response.json()["error"]["code"] == "missing_required_parameter"


@pytest.mark.parametrize(
    "purpose", ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
)
def test_every_purpose_is_taken_and_only_batches_expire_by_themselves(
    shared: Local, purpose: Any
) -> None:
    made = shared.client.files.create(file=("a.jsonl", b'{"a": 1}'), purpose=purpose)
    assert made.purpose == purpose
    lifetime = 30 * 24 * 3600 if purpose == "batch" else None
    assert made.expires_at == (lifetime and made.created_at + lifetime)
    shared.client.files.delete(made.id)


def test_600_megabytes_are_refused_before_they_are_read(local: Local, tmp_path: Path) -> None:
    huge = tmp_path / "huge.jsonl"
    with huge.open("wb") as handle:
        handle.truncate(600 * 1024**2)  # sparse: it takes no space
    began = time.monotonic()
    with huge.open("rb") as handle, pytest.raises(openai.APIStatusError) as caught:
        local.client.files.create(file=("huge.jsonl", handle), purpose="fine-tune")
    assert (caught.value.status_code, caught.value.code) == (413, "file_too_large")
    assert time.monotonic() - began < 15
    assert list((local.home / "files").iterdir()) == []
    assert local.client.files.list().data == []


def test_parts_survive_a_restart(start: Callable[..., Local]) -> None:
    content = jsonl(lines(12))
    local = start()
    upload_id = begin(local, content)
    first = parts_of(local, upload_id, content[:100])
    local.stop()
    again = start()
    rest = parts_of(again, upload_id, content[100:])
    done = again.client.uploads.complete(upload_id, part_ids=first + rest)
    assert done.file is not None and done.file.bytes == len(content)
    assert upload(again.client, lines(12)) != done.file.id
