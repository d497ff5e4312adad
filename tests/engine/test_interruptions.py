"""Training that is interrupted, anywhere, ends with the adapter of a run that was not."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from homutune.engine.train import main as train

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="kill -9 is a POSIX notion"),
]
DYING = Path(__file__).parents[1] / "dying.py"


def attempt(folder: Path, kill_at: int | str = 0) -> int:
    """Run the trainer to its end, or to its ``kill_at``-th change to the disk or one of a path."""
    env = {**os.environ, "DYING_BELOW": str(folder.parent.parent)}
    with (folder / "worker.log").open("ab") as log:
        trainer = ["homutune.engine.train", str(folder)]
        command = [sys.executable, str(DYING), str(kill_at), *trainer]
        return subprocess.run(command, stdout=log, stderr=log, env=env, timeout=120).returncode


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "homutune.engine.train", str(folder)]
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def events(folder: Path) -> list[dict[str, Any]]:
    log = folder / "events.jsonl"
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def warnings(folder: Path) -> list[str]:
    """About resume points; that the job is short is no concern here."""
    told = [event["message"] for event in events(folder) if event["level"] == "warn"]
    return [message for message in told if "保存点" in message]


def outcome(folder: Path) -> dict[str, Any]:
    """Everything that must not depend on how often the run was interrupted."""
    adapter = Path(json.loads((folder / "job.json").read_text())["adapter_path"])
    names = ("adapter_model.safetensors", "adapter.gguf", "adapter_config.json")
    return {
        "result": json.loads((folder / "result.json").read_text()),
        "adapter": [hashlib.sha256((adapter / name).read_bytes()).hexdigest() for name in names],
        "metrics": (folder / "metrics.csv").read_text(),
        "steps": [event["data"] for event in events(folder) if event["type"] == "metrics"],
        "checkpoints": sorted(path.name for path in (folder / "checkpoints").iterdir()),
    }


def resume_points(folder: Path) -> list[Path]:
    """Sealed resume points, newest first."""
    proofs = (folder / "resume").glob("checkpoint-*/complete")
    return sorted((p.parent for p in proofs), key=lambda p: -int(p.name.split("-")[1]))


def stop_after(folder: Path, points: int) -> None:
    """Let the run write ``points`` resume points, then kill it."""
    process = start(folder)
    deadline = time.monotonic() + 60
    while len(resume_points(folder)) < points:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield {}


@pytest.fixture
def whole(make_job: Callable[..., Path], uninterrupted: dict[str, Any]) -> dict[str, Any]:
    """What comes of the job when nothing happens; trained once."""
    if not uninterrupted:
        folder = make_job("whole", n_epochs=6)
        assert train(folder) == 0
        uninterrupted.update(outcome(folder))
    return uninterrupted


def test_killed_at_random_changes_to_the_disk_it_ends_bit_for_bit_the_same(
    make_job: Callable[..., Path], whole: dict[str, Any]
) -> None:
    folder = make_job("killed", n_epochs=6)
    choose = random.Random(20270106)
    # The uninterrupted run makes some 580 changes.
    for _ in range(6):
        status = attempt(folder, kill_at=choose.randrange(20, 400))
        if (folder / "result.json").exists():
            break
        assert status == -signal.SIGKILL, (folder / "worker.log").read_text()
    assert attempt(folder) == 0, (folder / "worker.log").read_text()
    assert outcome(folder) == whole
    assert warnings(folder) == [], "an interruption alone damages nothing"


def test_killed_around_the_end_it_goes_on_from_the_last_step(
    make_job: Callable[..., Path], whole: dict[str, Any]
) -> None:
    folder = make_job("end", n_epochs=6)
    for path in ("home0/adapters/", "metrics.csv", "result.json"):
        assert attempt(folder, kill_at=path) == -signal.SIGKILL
    assert train(folder) == 0
    resumed = [event["message"] for event in events(folder) if "resumed" in event["message"]]
    assert resumed == ["Fine-tuning job resumed from step 18"]
    assert outcome(folder) == whole


def test_a_damaged_resume_point_gives_way_to_the_one_before_and_is_told(
    make_job: Callable[..., Path], whole: dict[str, Any]
) -> None:
    folder = make_job("damaged-point", n_epochs=6)
    stop_after(folder, 2)
    newest, before = resume_points(folder)
    damage(newest / "optimizer.pt")
    assert train(folder) == 0
    newest_step, step = (int(p.name.split("-")[1]) for p in (newest, before))
    assert warnings(folder) == [
        f"step {newest_step} の保存点が壊れているため使いません。"
        f"step {step} の保存点から学習を続けます。"
    ]
    assert outcome(folder) == whole


def test_with_every_resume_point_damaged_it_begins_again_and_says_so(
    make_job: Callable[..., Path], whole: dict[str, Any]
) -> None:
    folder = make_job("all-damaged", n_epochs=6)
    stop_after(folder, 2)
    for point in resume_points(folder):
        damage(point / "adapter_model.safetensors")
    assert train(folder) == 0
    assert len(warnings(folder)) == 2
    assert all("最初から学習を続けます" in message for message in warnings(folder))
    assert outcome(folder) == whole


def test_on_a_full_disk_it_stops_and_goes_on_once_there_is_room(
    make_job: Callable[..., Path], small_disk: Path, whole: dict[str, Any]
) -> None:
    made = make_job("full", n_epochs=6)
    folder = small_disk / "jobs" / "full"
    shutil.copytree(made, folder)
    job = json.loads((folder / "job.json").read_text())
    job["adapter_path"] = str(small_disk / "adapters" / "full")
    (folder / "job.json").write_text(json.dumps(job))
    process = start(folder)
    while not resume_points(folder):
        assert process.poll() is None
        time.sleep(0.005)
    fill(small_disk)
    assert process.wait(60) == 75, (folder / "worker.log").read_text()
    assert not (folder / "result.json").exists()
    assert train(folder) == 75, "there is still no room"
    (small_disk / "ballast").unlink()
    assert train(folder) == 0
    assert outcome(folder) == whole


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(65536))
        except OSError:
            pass
