"""Servers and workers that are killed: nothing is lost, nothing is told twice."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from server.running import Process, lines, messages, upload, wait_for, wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 is a POSIX notion")


def start_job(server: Process) -> str:
    file_id = upload(server.client, lines(10))
    return server.client.fine_tuning.jobs.create(model="tiny", training_file=file_id).id


def step_of(server: Process, job_id: str) -> int:
    log = (server.home / "jobs" / job_id / "events.jsonl").read_text("utf-8")
    return max((int(number) for number in re.findall(r"Step (\d+)/", log)), default=0)


def worker_pid(home: Path, job_id: str) -> int:
    import sqlite3

    with sqlite3.connect(home / "homutune.db") as database:
        query = "SELECT worker_pid FROM jobs WHERE id = ?"
        return int(database.execute(query, (job_id,)).fetchone()[0])


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def starts(home: Path, job_id: str) -> int:
    return int((home / "jobs" / job_id / "starts").read_text())


def let_go(server: Process) -> None:
    (server.home / "go").touch()


def check_history(server: Process, job_id: str, steps: int) -> None:
    job = wait_for(server.client, job_id, "succeeded")
    told = messages(server.client, job_id)
    assert len(told) == len(set(told)), "an event was told twice"
    assert [m for m in told if m.startswith("Step")] == [
        f"Step {i}/{steps}: training loss={1 / i:.2f}" for i in range(1, steps + 1)
    ]
    assert told[:4] == [
        f"Created fine-tuning job: {job_id}",
        f"Validating training file: {job.training_file}",
        "Files validated, moving job to queued state",
        "Fine-tuning job started",
    ]
    assert told[-2:] == [
        f"New fine-tuned model created: {job.fine_tuned_model}",
        "The job has successfully completed",
    ]
    assert not any("途中で止まりました" in message for message in told)
    assert server.client.models.retrieve(str(job.fine_tuned_model)).id == job.fine_tuned_model


#: Waits after its fourth step for :func:`let_go`.
HELD = ("--steps", "8", "--hold-at", "4")


def test_a_worker_outlives_a_killed_server_and_the_next_one_finds_it(
    start_process: Callable[..., Process],
) -> None:
    server = start_process(*HELD).ready()
    job_id = start_job(server)
    wait_until(lambda: step_of(server, job_id) == 4)
    server.send(signal.SIGKILL)
    pid = worker_pid(server.home, job_id)
    assert is_alive(pid)
    assert os.getsid(pid) == pid, "Ctrl-C in the server's terminal would reach the worker"
    server = start_process(*HELD).ready()
    assert server.client.fine_tuning.jobs.retrieve(job_id).status == "running"
    let_go(server)
    check_history(server, job_id, 8)
    assert starts(server.home, job_id) == 1


def test_a_job_finished_while_no_server_lived_is_taken_over(
    start_process: Callable[..., Process],
) -> None:
    server = start_process().ready()
    job_id = start_job(server)
    wait_until(lambda: step_of(server, job_id) >= 1)
    server.send(signal.SIGKILL)
    wait_until(lambda: (server.home / "jobs" / job_id / "result.json").exists())
    server = start_process().ready()
    check_history(server, job_id, 6)
    assert starts(server.home, job_id) == 1


def test_server_and_worker_killed_together_go_on_from_the_last_checkpoint(
    start_process: Callable[..., Process],
) -> None:
    server = start_process(*HELD).ready()
    job_id = start_job(server)
    wait_until(lambda: step_of(server, job_id) == 4)
    pid = worker_pid(server.home, job_id)
    server.send(signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))
    server = start_process(*HELD).ready()
    let_go(server)
    check_history(server, job_id, 8)
    assert starts(server.home, job_id) == 2


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_stops_its_worker_and_the_next_one_resumes(
    start_process: Callable[..., Process], stop: signal.Signals
) -> None:
    server = start_process(*HELD).ready()
    job_id = start_job(server)
    wait_until(lambda: step_of(server, job_id) == 4)
    pid = worker_pid(server.home, job_id)
    assert server.send(stop) in (0, -stop)
    wait_until(lambda: not is_alive(pid))
    assert not (server.home / "jobs" / job_id / "result.json").exists()
    server = start_process(*HELD).ready()
    let_go(server)
    check_history(server, job_id, 8)


def test_an_adopted_worker_can_be_cancelled_and_stopped(
    start_process: Callable[..., Process],
) -> None:
    server = start_process(*HELD).ready()
    job_id = start_job(server)
    wait_until(lambda: step_of(server, job_id) == 4)
    server.send(signal.SIGKILL)
    server = start_process(*HELD).ready()
    pid = worker_pid(server.home, job_id)
    assert is_alive(pid)
    server.send(signal.SIGTERM)
    wait_until(lambda: not is_alive(pid))
    server = start_process(*HELD).ready()
    server.client.fine_tuning.jobs.cancel(job_id)
    assert wait_for(server.client, job_id, "cancelled").fine_tuned_model is None


@pytest.mark.parametrize("lost", ["status", "model", "events"])
def test_finishing_again_after_a_crash_in_between_changes_nothing(
    start_process: Callable[..., Process], lost: str
) -> None:
    import sqlite3

    server = start_process().ready()
    job_id = start_job(server)
    check_history(server, job_id, 6)
    server.send(signal.SIGKILL)
    with sqlite3.connect(server.home / "homutune.db") as database:
        # As if killed before the status, the model, or the last event was written.
        database.execute(
            "UPDATE jobs SET status = 'running', fine_tuned_model = NULL, finished_at = NULL"
        )
        if lost == "model":
            database.execute("DELETE FROM models")
    if lost == "events":
        log = server.home / "jobs" / job_id / "events.jsonl"
        log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    server = start_process().ready()
    check_history(server, job_id, 6)
    assert len(server.client.fine_tuning.jobs.retrieve(job_id).result_files) == 1
    assert len(list(server.client.files.list(purpose="fine-tune-results"))) == 1
    assert len(server.client.models.list().data) == 4


def test_a_server_killed_while_jobs_wait_runs_them_later(
    start_process: Callable[..., Process],
) -> None:
    server = start_process(*HELD).ready()
    first, second = start_job(server), start_job(server)
    wait_for(server.client, second, "queued")
    server.send(signal.SIGKILL)
    server = start_process(*HELD).ready()
    let_go(server)
    check_history(server, first, 8)
    check_history(server, second, 8)
