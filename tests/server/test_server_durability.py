"""A full disk, a slow base model, workers that die: the server waits and goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openai
import pytest

from homutune.server._job_folder import job_folder
from server.running import InThread, Local, lines, messages, upload, wait_for, wait_until


def create(local: InThread) -> str:
    file_id = upload(local.client, lines(12))
    return local.client.fine_tuning.jobs.create(model="tiny", training_file=file_id).id


def fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(65536))
        except OSError:
            pass


@pytest.fixture
def on_small_disk(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Local]:
    monkeypatch.setattr("homutune.server._runner._SPACE_S", 0.5)
    return lambda *options: Local(small_disk / "home", *options)


def test_on_a_full_disk_requests_are_refused_and_nothing_that_was_there_is_lost(
    on_small_disk: Callable[..., Local], small_disk: Path
) -> None:
    local = on_small_disk()
    try:
        job_id = create(local)
        wait_for(local.client, job_id, "succeeded")
        fill(small_disk)
        with pytest.raises(openai.InternalServerError) as caught:
            upload(local.client, lines(5000))
        assert (caught.value.status_code, caught.value.code) == (507, "disk_full")
        assert len(list(local.client.files.list())) == 2
        assert local.client.fine_tuning.jobs.retrieve(job_id).status == "succeeded"
        (small_disk / "ballast").unlink()
        wait_for(local.client, create(local), "succeeded")
        assert not list((local.home / "files").glob(".*"))
    finally:
        local.stop()


def test_a_job_that_meets_a_full_disk_waits_and_goes_on_once_there_is_room(
    on_small_disk: Callable[..., Local], small_disk: Path
) -> None:
    local = on_small_disk("--steps", "200", "--step-s", "0.02")
    try:
        job_id = create(local)
        log = local.home / "jobs" / job_id / "events.jsonl"
        wait_until(lambda: "Step 3/" in log.read_text("utf-8"))
        fill(small_disk)
        wait_until(lambda: not job_folder(local.home, job_id).worker_lives())
        assert local.client.fine_tuning.jobs.retrieve(job_id).status == "running"
        (small_disk / "ballast").unlink()
        wait_for(local.client, job_id, "succeeded", seconds=30)
        told = messages(local.client, job_id)
        steps = [message for message in told if message.startswith("Step")]
        assert [message.split("/")[0] for message in steps] == [f"Step {i}" for i in range(1, 201)]
        assert not any("途中で止まりました" in message for message in told)
    finally:
        local.stop()


def test_a_base_model_that_is_being_made_ready_holds_up_nobody_else(
    start: Callable[..., Local],
) -> None:
    local = start()
    local.engine.may_prepare.clear()
    first = create(local)
    wait_until(lambda: any("準備しています" in m for m in messages(local.client, first)))
    second = create(local)
    wait_for(local.client, second, "queued")
    assert local.client.fine_tuning.jobs.cancel(first).status == "cancelled"
    local.engine.may_prepare.set()
    wait_for(local.client, second, "succeeded")
    assert local.client.fine_tuning.jobs.retrieve(first).status == "cancelled"


def test_a_base_model_that_cannot_be_made_ready_fails_its_job_and_no_other(
    start: Callable[..., Local], monkeypatch: pytest.MonkeyPatch
) -> None:
    local = start()

    def broken(name: str) -> None:
        raise RuntimeError("機密の契約書の本文")

    with monkeypatch.context() as patch:
        patch.setattr(local.engine, "prepare", broken)
        job = wait_for(local.client, create(local), "failed")
    assert job.error is not None and "RuntimeError" in job.error.message
    wait_for(local.client, create(local), "succeeded")


def test_a_worker_that_dies_again_and_again_but_gets_further_each_time_is_not_given_up(
    start: Callable[..., Local],
) -> None:
    local = start("--steps", "24", "--die-each", "4")
    job_id = create(local)
    wait_for(local.client, job_id, "succeeded", seconds=30)
    deaths = [m for m in messages(local.client, job_id) if "途中で止まりました" in m]
    assert len(deaths) > 4


def test_a_deleted_model_takes_its_checkpoints_along(local: Local) -> None:
    job = wait_for(local.client, create(local), "succeeded")
    kept = local.client.fine_tuning.jobs.checkpoints.list(job.id).data
    assert len(kept) == 2
    local.client.models.delete(str(job.fine_tuned_model))
    assert not list(local.home.rglob("adapter.gguf"))
    assert local.client.fine_tuning.jobs.checkpoints.list(job.id).data == []
    with pytest.raises(openai.NotFoundError):
        local.client.models.retrieve(kept[0].fine_tuned_model_checkpoint)
