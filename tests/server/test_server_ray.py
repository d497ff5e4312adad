"""A job trained by two workers on the two nodes of a real Ray cluster on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from homutune.errors import UserError
from homutune.server import create_app
from homutune.settings import Settings
from homutune.tuning import example_losses
from server.running import SOURCE, InThread, lines, messages, upload, wait_for, wait_until
from tiny import build_tiny_base, write_job

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.name != "posix", reason="workers are killed with kill -9"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster of two nodes with one CPU each."""
    pytest.importorskip("ray", reason="Ray is not installed (make test-services)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(SOURCE))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Ray runs its workers at the lowest priority; on a busy machine they would not start.
        patch.setenv("RAY_worker_niceness", "0")
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": 100 * 1024 * 1024}
        nodes = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        nodes.add_node(**node)
        yield nodes.address
        nodes.shutdown()


def training_workers() -> list[int]:
    """Process ids of Ray Train's workers on this cluster, whose nodes this process started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            title = " ".join(process.cmdline())
            if title.startswith("ray::") and "RayTrainWorker" in title:
                found.append(process.pid)
    return found


def test_a_job_of_the_api_is_trained_by_two_workers_on_two_nodes(
    home: Path, tmp_path: Path, cluster: str
) -> None:
    build_tiny_base(home)
    storage = tmp_path / "shared"
    server = InThread(
        create_app(
            Settings(
                home=home,
                threads=1,
                runner="ray",
                ray_address=cluster,
                ray_workers=2,
                ray_storage=f"file://{storage}",
            )
        )
    )
    try:
        client = server.client
        job = client.fine_tuning.jobs.create(
            model="tiny-gemma",
            training_file=upload(client, lines(12)),
            validation_file=upload(client, lines(3, start=20)),
            hyperparameters={"n_epochs": 4, "batch_size": 4, "learning_rate_multiplier": 20.0},
            seed=1,
        )
        job = wait_for(client, job.id, "succeeded", "failed", seconds=600)
        log = (home / "jobs" / job.id / "worker.log").read_text()
        assert job.error is None and job.status == "succeeded", log
        told = messages(client, job.id)
        assert told[-1] == "The job has successfully completed" and len(told) == len(set(told))
        steps = [message for message in told if message.startswith("Step ")]
        assert [step.split("/")[0] for step in steps] == [f"Step {i}" for i in range(13)]
        kept = client.fine_tuning.jobs.checkpoints.list(job.id).data
        assert [checkpoint.step_number for checkpoint in kept] == [12, 9, 6]
        assert kept[0].metrics.full_valid_loss is not None
        assert any("チェックポイント" in m and "学習済みモデルにしました" in m for m in told)
        losses_left = example_losses(client, job)
        assert losses_left is not None
        assert sorted(row.example for row in losses_left) == list(range(1, 13))
        csv = b64decode(client.files.content(job.result_files[0]).content).decode()
        assert len(csv.splitlines()) == 14
        answers = {
            model: client.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": "質問"}],
                temperature=0,
                max_tokens=8,
            )
            .choices[0]
            .message.content
            for model in ("tiny-gemma", str(job.fine_tuned_model))
        }
        assert len(set(answers.values())) == 2
        left = [path for path in (storage / "jobs").rglob("*") if path.is_file()]
        assert left == [], "data of a finished job is left on the shared storage"
    finally:
        server.stop()


@pytest.fixture
def make_job(home: Path, tmp_path: Path) -> Callable[..., Path]:
    build_tiny_base(home)

    def make(name: str, ray: dict[str, Any] | None, n_epochs: int = 40) -> Path:
        return write_job(
            home / "jobs" / name,
            home,
            "はい、通知が必要です。",
            12,
            hyperparameters={
                "n_epochs": n_epochs,
                "batch_size": 4,
                "learning_rate_multiplier": 1,
            },
            fine_tuned_model=f"ft:tiny-gemma:local::{name}",
            ray=ray,
        )

    return make


def run(module: str, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "worker.log").open("ab") as log:
        command = [sys.executable, "-m", f"homutune.engine.{module}", str(folder)]
        return subprocess.Popen(command, stdout=log, stderr=log)


def told(folder: Path) -> list[str]:
    path = folder / "events.jsonl"
    if not path.exists():
        return []
    return [json.loads(line)["message"] for line in path.read_text("utf-8").splitlines()]


def losses(folder: Path) -> list[float]:
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [event["data"]["train_loss"] for event in events if event["data"]]


def test_killed_workers_and_a_stopped_driver_go_on_from_the_newest_resume_point(
    make_job: Callable[..., Path], tmp_path: Path, cluster: str
) -> None:
    storage = {"address": cluster, "workers": 2, "storage": f"file://{tmp_path}/shared"}
    folder = make_job("ray", storage)
    driver = run("ray_train", folder)
    wait_until(lambda: any(m.startswith("Step 20/") for m in told(folder)), 600)
    (victim, *_) = training_workers()
    os.kill(victim, signal.SIGKILL)
    # At once: no step is made before new workers have come, and those find the stop waiting.
    driver.terminate()
    assert driver.wait(600) == 0, (folder / "worker.log").read_text()
    assert not (folder / "result.json").exists()
    assert any("resumed from step" in m for m in told(folder))

    assert run("ray_train", folder).wait(600) == 0, (folder / "worker.log").read_text()
    assert json.loads((folder / "result.json").read_text())["status"] == "succeeded"
    alone = make_job("alone", None)
    assert run("train", alone).wait(600) == 0
    assert len(losses(folder)) == len(losses(alone)) == 120
    # Two workers add in another order than one: equal up to rounding, which grows step by step.
    assert losses(folder)[:10] == pytest.approx(losses(alone)[:10], rel=1e-2)
    assert (folder.parents[1] / "adapters" / "ray" / "adapter.gguf").exists()


def test_a_stop_and_a_cancel_reach_workers_in_the_middle_of_their_steps(
    make_job: Callable[..., Path], tmp_path: Path, cluster: str
) -> None:
    storage = {"address": cluster, "workers": 2, "storage": f"file://{tmp_path}/shared"}
    folder = make_job("endless", storage, n_epochs=20_000)
    driver = run("ray_train", folder)
    wait_until(lambda: any(m.startswith("Step 5/") for m in told(folder)), 600)
    driver.terminate()
    assert driver.wait(600) == 0, (folder / "worker.log").read_text()
    assert not (folder / "result.json").exists()

    driver = run("ray_train", folder)
    wait_until(lambda: any("resumed from step" in m for m in told(folder)), 600)
    (folder / "cancel").touch()
    assert driver.wait(600) == 0, (folder / "worker.log").read_text()
    assert json.loads((folder / "result.json").read_text())["status"] == "cancelled"


def test_ray_without_storage_is_refused_at_the_start(home: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed (make test-services)")
    with pytest.raises(UserError, match="ray_storage"):
        create_app(Settings(home=home, runner="ray"))
