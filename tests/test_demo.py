"""The whole path, as ``make demo`` runs it, on a tiny model and a part of the corpus."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ports import free_port
from tiny import build_tiny_base, small_corpus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def project(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ten cards and their questions, set up for the tiny base model."""
    build_tiny_base(home)
    small_corpus(tmp_path / "data")
    port = free_port()
    monkeypatch.setenv("HOMUTUNE_PORT", str(port))
    monkeypatch.setenv("HOMUTUNE_BASE_URL", f"http://127.0.0.1:{port}/v1")
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "tiny-gemma")
    return tmp_path


def demo(project: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "scripts/demo.py")],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=os.name == "posix",
        # A test run in the background of a shell ignores SIGINT, and so would its children.
        preexec_fn=_hear_interrupts if os.name == "posix" else None,
    )


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_demo_goes_on_after_an_interruption_and_skips_what_is_done(
    project: Path, home: Path
) -> None:
    first = demo(project)
    deadline = time.monotonic() + 120
    while not list(home.glob("jobs/*/resume/*/complete")):
        assert first.poll() is None, first.communicate()[0]
        assert time.monotonic() < deadline, "training did not reach a resume point"
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does on Ctrl-C
    said, _ = first.communicate(timeout=60)
    assert first.returncode == 130, said
    assert "Traceback" not in said
    job = next(home.glob("jobs/*"))
    steps_before = (job / "events.jsonl").read_text().count('"type": "metrics"')

    second = demo(project)
    said, _ = second.communicate(timeout=300)
    assert second.returncode == 0, said
    events = [json.loads(line) for line in (job / "events.jsonl").read_text().splitlines()]
    steps = [event["data"]["step"] for event in events if event["type"] == "metrics"]
    assert steps == list(range(len(steps))) and len(steps) > steps_before
    assert [path.name for path in home.glob("jobs/*")] == [job.name], "one job, resumed"
    report = next(home.glob("reports/*.html"))
    assert report.name in said.replace("\n", "")
    assert "正確性" in report.read_text("utf-8")

    began = time.monotonic()
    third = demo(project)
    said, _ = third.communicate(timeout=120)
    assert third.returncode == 0, said
    assert "学習は終わっています" in said
    assert len(list(home.glob("jobs/*"))) == 1
    assert len(list(home.glob("runs/*/answers.jsonl"))) == 6
    assert time.monotonic() - began < 60
