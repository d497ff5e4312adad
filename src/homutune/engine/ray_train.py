"""Train one job on a Ray cluster: ``python -m homutune.engine.ray_train <job folder>``.

Takes the place of ``homutune.engine.train`` and keeps the same folder, so that the server need
not know where the steps are made. ``job.json`` holds besides::

    "ray": {"address": "auto", "workers": 2, "storage": "s3://bucket/homutune"}

The base model and the data go to the storage, Ray Train starts the workers, each takes its share
of every step, and the first sends events here and resume points to the storage. A worker that
dies is replaced and all go on from the newest resume point. Nothing of the job stays on the
storage after its end. The machines need the same version of homutune.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

# The cluster is the user's own; nothing about it is reported to anyone.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# A worker imports torch before it answers, which takes a busy machine longer than a minute.
os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "600")

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer
from ray.util.queue import Empty, Queue

from homutune.engine._checkpoints import deliver, prune
from homutune.engine._job import Job, failure, hold
from homutune.engine._journal import ExampleLoss, Journal
from homutune.engine._resume import step_of
from homutune.engine._storage import Storage
from homutune.engine.train import train
from homutune.errors import UserError
from homutune.files import sync_tree

#: How often Ray replaces workers that died before the attempt counts as failed.
MAX_FAILURES = 3
_KEPT_POINTS = 2
_POLL_S = 0.2
_QUEUE_LENGTH = 16


# --- on the worker ------------------------------------------------------------------------------


class _Messages(Journal):
    """The journal as the workers hold it: what is written goes to the driver's."""

    def __init__(self, folder: Path, queue: Queue | None) -> None:
        super().__init__(folder)
        self._queue = queue

    def event(
        self,
        message: str,
        *,
        data: dict[str, Any] | None = None,
        level: Literal["info", "warn", "error"] = "info",
    ) -> None:
        self.send("event", message, data, level)

    def once(
        self, start: str, rest: str, *, level: Literal["info", "warn", "error"] = "info"
    ) -> None:
        self.send("once", start, rest, level)

    def write(self, name: Literal["state", "result"], content: dict[str, Any]) -> None:
        self.send("write", name, content)

    def write_metrics(self) -> None:
        self.send("metrics")

    def write_example_losses(self, rows: Sequence[ExampleLoss]) -> None:
        self.send("example_losses", rows)

    def send(self, *message: Any) -> None:
        """Send one message; workers but the first have nobody to send to."""
        if self._queue is not None:
            self._queue.put(message)


def train_loop(config: dict[str, Any]) -> None:
    """What Ray Train runs on every worker."""
    from homutune.engine._parallel import joined

    workers = joined()
    storage = Storage(config["storage"])
    with tempfile.TemporaryDirectory(prefix="homutune-") as place:
        folder = Path(place) / "job"
        storage.get("input", folder)
        storage.get("resume", folder / "resume")
        stored = Job.read(folder)
        job = replace(
            stored,
            base=Storage(config["bases"]).as_local(stored.base.name, Path(place) / "base"),
            train_file=folder / "train.jsonl",
            valid_file=folder / "valid.jsonl" if stored.valid_file else None,
            start=folder / "start_adapter" if stored.start else None,
            adapter=folder / "adapter",
            speed_file=None,
            threads=None,
        )
        messages = _Messages(folder, config["queue"] if workers.first else None)
        watch = threading.Thread(target=_watch, args=(storage, folder), daemon=True)
        if workers.first:
            watch.start()

        def send_off(point: Path) -> None:
            storage.put(point, f"resume/{point.name}", last="complete")
            points = sorted((Path(name) for name in storage.folders("resume")), key=step_of)
            for old in points[:-_KEPT_POINTS]:
                storage.remove(f"resume/{old.name}")
            for checkpoint in (folder / "checkpoints").glob("step-*/checkpoint.json"):
                name = checkpoint.parent.name
                if not storage.exists(f"checkpoints/{name}/checkpoint.json"):
                    storage.put(checkpoint.parent, f"checkpoints/{name}", last="checkpoint.json")
            messages.send("checkpoints")

        try:
            result = train(job, messages, workers, send_off)
        except UserError as error:  # it would come again on every attempt
            result = failure(error)
        if result is not None and result["status"] == "succeeded" and job.valid_file is None:
            storage.put(job.adapter, "adapter", last="adapter.json")
        if result is not None:
            messages.send("metrics")
            messages.send("write", "result", result)


def _watch(storage: Storage, folder: Path) -> None:
    """Bring the driver's wishes into the folder where the training looks for them."""
    while folder.is_dir():
        for name in ("cancel", "stop"):
            if storage.exists(name) and folder.is_dir():
                (folder / name).touch()
        time.sleep(1)


# --- in the driver ------------------------------------------------------------------------------


def main(folder: Path) -> int:
    """Run or resume the job in ``folder`` on the cluster; exit status as of ``engine.train``."""
    return hold(folder, lambda folder: _Driver(folder).run())


class _Driver:
    """Submits the job and keeps its folder as a local training would."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._job = Job.read(folder)
        self._journal = Journal(folder)
        self._settings = self._job.ray or {}
        root = Storage(self._settings["storage"])
        self._bases = root.below("bases")
        self._storage = root.below(f"jobs/{folder.name}")
        self._stop = threading.Event()
        self._over = threading.Event()
        self._result: dict[str, Any] | None = None
        self._problem: Exception | None = None
        self._fetched: set[str] = set()  # checkpoints, those not kept among them

    def run(self) -> None:
        for wish in ("cancel", "stop"):  # of an attempt before this one
            self._storage.remove(wish)
        self._send_input()
        ray.init(self._settings["address"], log_to_driver=False, logging_level="ERROR")
        # After Ray, which puts a handler of its own that ends the process at once.
        signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        # Short: training waits for what it says to be written down and never runs far ahead of it.
        queue = Queue(_QUEUE_LENGTH, actor_options={"num_cpus": 0})
        reader = threading.Thread(target=self._read, args=(queue,))
        reader.start()
        try:
            self._fit(queue)
        finally:
            self._over.set()
            reader.join()
            ray.shutdown()
        if self._problem is not None:
            raise self._problem
        if self._result is not None:
            self._journal.write("result", self._result)
            self._storage.remove("")

    def _fit(self, queue: Queue) -> None:
        count = int(self._settings["workers"])
        TorchTrainer(
            train_loop,
            train_loop_config={
                "storage": self._storage.url,
                "bases": self._bases.url,
                "queue": queue,
            },
            # gloo on GPUs too: a step exchanges the few megabytes of the adapter.
            torch_config=TorchConfig(backend="gloo"),
            scaling_config=ScalingConfig(
                num_workers=count,
                use_gpu=ray.cluster_resources().get("GPU", 0) >= count,
                placement_strategy="SPREAD",
            ),
            run_config=RunConfig(
                # Our resume points are kept by ourselves; an old run of Ray's is of no use.
                name=f"{self._folder.name}-{int(time.time())}",
                storage_path=tempfile.mkdtemp(prefix="homutune-ray-"),
                failure_config=FailureConfig(max_failures=MAX_FAILURES),
            ),
        ).fit()

    def _send_input(self) -> None:
        base = self._job.base.name
        if not self._bases.exists(f"{base}/base.json"):
            self._bases.put(self._job.base, base, last="base.json")
        with tempfile.TemporaryDirectory() as place:
            for path in (self._job.train_file, self._job.valid_file):
                if path is not None:
                    (Path(place) / path.name).write_bytes(path.read_bytes())
            if self._job.start is not None:
                shutil.copytree(self._job.start, Path(place) / "start_adapter")
            (Path(place) / "job.json").write_bytes((self._folder / "job.json").read_bytes())
            self._storage.put(Path(place), "input")

    def _read(self, queue: Queue) -> None:
        """Write down what the first worker says, and pass on what is wished here."""
        wished: set[str] = set()
        while True:
            over = self._over.is_set()
            try:
                # Before each message: quick steps leave no moment without one.
                for name, wanted in (
                    ("cancel", (self._folder / "cancel").exists()),
                    ("stop", self._stop.is_set()),
                ):
                    if wanted and name not in wished:
                        self._storage.write(name, b"")
                        wished.add(name)
                try:
                    self._apply(*queue.get(timeout=_POLL_S))
                    continue
                except Empty:
                    pass
            except Exception as error:  # handed over to the thread that waits for Ray
                self._problem = error
            if over or self._problem is not None:
                return

    def _apply(self, kind: str, *content: Any) -> None:
        if kind == "event":
            message, data, level = content
            self._journal.event(message, data=data, level=level)
        elif kind == "once":
            start, rest, level = content
            self._journal.once(start, rest, level=level)
        elif kind == "metrics":
            self._journal.write_metrics()
        elif kind == "example_losses":
            self._journal.write_example_losses(*content)
        elif kind == "checkpoints":
            self._fetch_checkpoints()
        elif content[0] == "result":
            if content[1]["status"] == "succeeded" and not deliver(
                self._folder, self._job.adapter, self._journal
            ):
                _fetch(self._storage, "adapter", self._job.adapter)
            self._result = content[1]
        else:
            self._journal.write(content[0], content[1])

    def _fetch_checkpoints(self) -> None:
        here = self._folder / "checkpoints"
        for name in self._storage.folders("checkpoints"):
            proof = f"checkpoints/{name}/checkpoint.json"
            if name not in self._fetched and self._storage.exists(proof):
                if not (here / name / "checkpoint.json").exists():
                    _fetch(self._storage, f"checkpoints/{name}", here / name)
                self._fetched.add(name)
        prune(self._folder)


def _fetch(storage: Storage, name: str, target: Path) -> None:
    building = target.with_name(f".{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    storage.get(name, building)
    sync_tree(building)
    shutil.rmtree(target, ignore_errors=True)
    building.rename(target)


if __name__ == "__main__":
    # Through its name, so that Ray's workers find the functions in the module and not in a script.
    from homutune.engine.ray_train import main as run

    sys.exit(run(Path(sys.argv[1])))
