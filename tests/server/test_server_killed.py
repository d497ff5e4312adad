"""The server, killed at any of its changes to disk and database, loses and leaves nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import openai
import pytest

from ports import free_port
from server.running import Process, client_for, lines, messages, upload, wait_for

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 is a POSIX notion")
DYING = Path(__file__).parents[1] / "dying.py"
TERMINAL = ("succeeded", "failed", "cancelled")


def use_until_killed(home: Path, kill_at: int | str) -> bool:
    """Upload, train, delete; returns whether the server was killed before all was done."""
    port = free_port()
    doubles = Path(__file__).with_name("doubles.py")
    command = [sys.executable, str(DYING), str(kill_at), str(doubles), str(home), str(port)]
    process = subprocess.Popen(
        command, env={**os.environ, "DYING_BELOW": str(home)}, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        if process.stdout.readline() == b"ready\n":
            with suppress(openai.APIConnectionError):
                client = client_for(f"http://127.0.0.1:{port}")
                used = upload(client, lines(12))
                job = client.fine_tuning.jobs.create(model="tiny", training_file=used)
                second = client.fine_tuning.jobs.create(model="tiny", training_file=used)
                client.files.delete(used)
                client.fine_tuning.jobs.cancel(second.id)
                model = wait_for(client, job.id, *TERMINAL).fine_tuned_model
                client.models.delete(str(model))
                return False
        return True
    finally:
        process.kill()
        process.communicate()


#: A use makes some 50 changes.
PLACES = random.Random(20270106).sample(range(1, 50), 10)


@pytest.mark.parametrize("kill_at", sorted(PLACES))
def test_killed_anywhere_the_next_server_finishes_what_was_begun(
    start_process: Callable[..., Process], home: Path, kill_at: int
) -> None:
    assert use_until_killed(home, kill_at), "the server did not come to this change"
    server = start_process().ready()
    client = server.client
    jobs = list(client.fine_tuning.jobs.list())
    for job in jobs:
        ended = wait_for(client, job.id, "succeeded", "cancelled")
        told = messages(client, job.id)
        assert len(told) == len(set(told))
        if ended.fine_tuned_model is not None:
            for file_id in ended.result_files:
                assert client.files.content(file_id).text
    for file in client.files.list():
        try:
            assert len(client.files.content(file.id).content) == file.bytes
        except openai.NotFoundError:  # killed while it was being deleted
            assert len(jobs) == 2 and file.purpose == "fine-tune"
    for model in client.models.list():
        if model.id.startswith("ft:"):
            client.models.delete(model.id)
    for file in client.files.list():
        client.files.delete(file.id)
    server.send(signal.SIGKILL)

    # Everything was removed through the API, so no word of the training data may be left.
    start_process().ready()
    kept = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".db-wal"]
    assert not [path for path in kept if "答え3".encode() in path.read_bytes()]
    assert not list(home.rglob("adapter.gguf"))
    assert not list((home / "files").iterdir())
