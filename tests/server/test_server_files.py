from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from homutune.server import _files
from server.running import Local, error_message, jsonl, lines, upload


def test_a_file_comes_back_as_it_went_in_and_is_gone_after_delete(local: Local) -> None:
    content = jsonl(lines(10))
    created = local.client.files.create(file=("契約.jsonl", content), purpose="fine-tune")
    assert (created.filename, created.bytes, created.status) == (
        "契約.jsonl",
        len(content),
        "processed",
    )
    assert local.client.files.retrieve(created.id) == created
    assert local.client.files.content(created.id).read() == content
    assert local.client.files.wait_for_processing(created.id).id == created.id
    assert local.client.files.delete(created.id).deleted
    assert list((local.home / "files").iterdir()) == []
    with pytest.raises(openai.NotFoundError, match="No such File object: file-") as caught:
        local.client.files.content(created.id)
    assert caught.value.param == "id"


def test_paging_over_25_files_visits_each_once_in_both_directions(local: Local) -> None:
    made = [
        local.client.files.create(file=(f"{i}.txt", b"x"), purpose="user_data").id
        for i in range(25)
    ]
    assert [f.id for f in local.client.files.list(limit=10)] == made[::-1]
    assert [f.id for f in local.client.files.list(limit=7, order="asc")] == made
    assert local.client.files.list(purpose="fine-tune").data == []
    first = local.client.files.list(limit=10)
    assert first.has_more and len(first.data) == 10
    with pytest.raises(openai.NotFoundError):
        local.client.files.list(after="file-none")


def test_the_file_list_of_one_purpose_holds_no_other(local: Local) -> None:
    wanted = upload(local.client, lines(1))
    local.client.files.create(file=("a.txt", b"x"), purpose="assistants")
    assert [f.id for f in local.client.files.list(purpose="fine-tune")] == [wanted]


@pytest.mark.parametrize(
    ("content", "line", "hint"),
    [
        (b'{\n  "messages": []\n}', 1, "{"),
        (b'{"messages": []}\n\n[1, 2, 3, 4, 5]\n', 3, "[1, 2, 3, "),
        (b'{"a": "\xff"}', 1, '{"a": "'),
        (b"[" * 100_000, 1, "[[[[[[[[[["),
    ],
)
def test_a_broken_training_file_is_refused_with_the_line(
    local: Local, content: bytes, line: int, hint: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        upload(local.client, content)
    message = error_message(caught.value)
    assert message.startswith("Expected file to have JSONL format, where every line is a JSON")
    assert f'Line {line} is not a dictionary (HINT: line starts with: "{hint}' in message
    assert caught.value.code == "invalid_file_format"
    assert list((local.home / "files").iterdir()) == []
    assert local.client.files.list().data == []


def test_an_empty_training_file_is_refused(shared: Local) -> None:
    with pytest.raises(openai.BadRequestError, match="File is empty"):
        upload(shared.client, b"\n\n")


def test_a_file_of_another_purpose_may_hold_anything(shared: Local) -> None:
    made = shared.client.files.create(file=("a.bin", b"\x00\xff"), purpose="user_data")
    assert shared.client.files.content(made.id).read() == b"\x00\xff"


def test_an_unknown_purpose_is_refused_in_openais_words(shared: Local) -> None:
    unknown: Any = "novel"
    with pytest.raises(openai.BadRequestError, match="'novel' is not one of") as caught:
        shared.client.files.create(file=("a", b"x"), purpose=unknown)
    assert caught.value.param == "purpose"


def test_a_file_expires_when_its_time_is_over(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = local.client.files.create(
        file=("a.txt", b"x"),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert made.expires_at == made.created_at + 3600
    later = time.time() + 3601
    monkeypatch.setattr(_files.time, "time", lambda: later)
    with pytest.raises(openai.NotFoundError):
        local.client.files.retrieve(made.id)
    assert local.client.files.list().data == []
    assert list((local.home / "files").iterdir()) == []


def test_a_lifetime_out_of_bounds_is_refused(shared: Local) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        shared.client.files.create(
            file=("a.txt", b"x"),
            purpose="user_data",
            expires_after={"anchor": "created_at", "seconds": 60},
        )
    assert caught.value.param == "expires_after.seconds"


def test_a_file_over_the_limit_gets_413_whether_or_not_its_length_was_declared(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_files, "MAX_BYTES", 400_000)
    monkeypatch.setattr(_files, "_OVERHEAD", 100_000)
    for size in (450_000, 5_000_000):  # over the file's limit, over the request's
        with pytest.raises(openai.APIStatusError) as caught:
            local.client.files.create(file=("a.txt", b"x" * size), purpose="user_data")
        assert caught.value.status_code == 413
        assert caught.value.code == "file_too_large"

    def chunks() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(150):
            yield b"x" * 10_000
        yield b"\r\n--b--\r\n"

    # The refusal must come while the body arrives, not when all of it lies on disk.
    monkeypatch.setattr(_files, "_create", None)

    response = httpx2.post(
        f"{local.url}/v1/files",
        content=chunks(),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert response.status_code == 413
    assert list((local.home / "files").iterdir()) == []


def test_a_larger_upload_arrives_whole(shared: Local) -> None:
    content = bytes(range(256)) * 20_000
    made = shared.client.files.create(file=("a.bin", io.BytesIO(content)), purpose="user_data")
    assert shared.client.files.content(made.id).read() == content


def test_remains_of_an_upload_cut_off_by_a_crash_are_cleared_at_the_next_start(
    start: Callable[..., Local], tmp_path: Path
) -> None:
    left = tmp_path / "home" / "files" / ".file-x.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    start()
    assert not left.exists()


def test_a_form_without_a_file_is_told_what_is_missing(shared: Local) -> None:
    response = httpx2.post(f"{shared.url}/v1/files", data={"purpose": "fine-tune"})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "missing_required_parameter"


def test_folders_in_a_file_name_are_cut_off(shared: Local) -> None:
    client: OpenAI = shared.client
    made = client.files.create(file=("../../etc/passwd", b"x"), purpose="user_data")
    assert made.filename == "passwd"
