"""The demo video of a small page: recorded in a real browser, spoken, captioned, looked at."""

from __future__ import annotations

import http.server
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from homutune.cli._app import run
from homutune.deliver import make_video, probe_media, read_script, wrap_caption
from homutune.deliver._recorder import Span
from homutune.deliver._video import MOST_WAIT_S, Timeline
from homutune.deliver._voice import seconds_of, speak
from homutune.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
PAGE = """<!doctype html><meta charset=utf-8><title>試し</title><h1>契約書の確認</h1>
<input id=q><button onclick="document.body.style.background='#2040c0'">押す</button>"""
SCRIPT = """
length: [4, 15]
scenes:
  - name: はじめ
    steps:
      - {do: [{goto: /}], say: 契約書を確認します。, hold: 0.4}
      - {do: [{fill: ["#q", "期間"]}, {click: "text=押す"}], say: ボタンを押すと、青くなります。}
  - name: おわり
    steps:
      - {caption: 字幕だけの行です。, hold: 1.0}
"""


@pytest.fixture
def site() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def tools() -> None:
    pytest.importorskip("playwright", reason="playwright is not installed")
    pytest.importorskip("pyopenjtalk", reason="the voice is not installed")
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        pytest.skip("ffmpeg is not installed")
    if not (shutil.which("chromium") or shutil.which("chromium-browser")):
        pytest.skip("Chromium is not installed")


def still(video: Path, at: float) -> np.ndarray:
    """One picture as (720, 1280, 3)."""
    command = ["ffmpeg", "-v", "error", "-ss", str(at), "-i", str(video), "-frames:v", "1"]
    raw = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    ).stdout
    return np.frombuffer(raw, np.uint8).reshape(720, 1280, 3).astype(int)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_script_becomes_a_video_with_voice_and_captions_that_say_the_same(
    tools: None, site: str, home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(SCRIPT, "utf-8")
    target = tmp_path / "out" / "demo.mp4"
    media = make_video(read_script(path), target, base_url=site)
    assert (media.width, media.height, media.video_codec) == (1280, 720, "h264")
    assert media.audio_codec == "aac" and media == probe_media(target)
    captions = target.with_suffix(".srt").read_text("utf-8")
    said = [line for line in captions.splitlines() if re.match("[ぁ-んァ-ン一-龠]", line)]
    assert said == ["契約書を確認します。", "ボタンを押すと、青くなります。", "字幕だけの行です。"]
    second = re.findall(r"00:00:(\d\d),(\d{3}) -->", captions)[1]
    during = int(second[0]) + int(second[1]) / 1000 + 0.8
    picture = still(target, during)
    page, bar = picture[:620, :], picture[630:, :]
    assert page[300, 640, 2] > 150 > page[300, 640, 0], "the page was clicked and is blue"
    assert (bar.min(axis=2) > 200).sum() > 500, "white letters stand in the bar"
    quiet = still(target, media.seconds - 0.4)
    assert not np.array_equal(quiet[630:], bar)
    sound = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(target), "-f", "s16le", "-ac", "1", "-"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert np.abs(np.frombuffer(sound, np.int16)).max() > 3000, "somebody speaks"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_video_of_the_wrong_length_is_not_written(
    tools: None, site: str, home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(SCRIPT.replace("[4, 15]", "[165, 195]"), "utf-8")
    with pytest.raises(UserError, match="165〜195 秒"):
        make_video(read_script(path), tmp_path / "demo.mp4", base_url=site)
    path.write_text(SCRIPT.replace("text=押す", "text=ない"), "utf-8")
    assert not list(tmp_path.glob("*.mp4")) and not list(tmp_path.glob("*.srt"))


def test_waiting_is_shortened_and_speech_is_not() -> None:
    times = Timeline([Span(100, 130, 134), Span(134, 135, 140)])
    wait = MOST_WAIT_S
    assert times.seconds == pytest.approx(wait + 4 + wait + 5)
    assert times(100) == 0 and times(115) == pytest.approx(wait / 2)
    assert times(132) == pytest.approx(wait + 2) and times(135) == pytest.approx(2 * wait + 4)
    assert times(99) == 0 and times(200) == times.seconds


def test_the_script_of_the_course_can_be_read_and_its_captions_fit_the_bar() -> None:
    script = read_script(ROOT / "deliverables" / "demo.yaml")
    assert script.length == (165, 195) and len(script.scenes) >= 5
    for step in script.steps:
        assert all(len(line) <= 38 for line in wrap_caption(step.caption).split("\n")), step.caption


def test_no_machine_is_too_slow_or_too_fast_for_the_length_of_the_course() -> None:
    pytest.importorskip("pyopenjtalk", reason="the voice is not installed")
    script = read_script(ROOT / "deliverables" / "demo.yaml")
    spoken = sum(seconds_of(speak(step.read, script.speed)) for step in script.steps if step.say)
    shortest = spoken + sum(step.hold for step in script.steps)
    assert script.length[0] < shortest
    assert shortest + MOST_WAIT_S * len(script.steps) < script.length[1]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("{do: [{jump: /}], say: あ}", "使えない操作 jump"),
        ("{say: " + "あ" * 77 + "}", "77 字の文"),
        ("{sai: あ}", "知らない項目 sai"),
        ("{say: あ, caption: い}", "say と caption"),
    ],
)
def test_a_fault_in_the_script_is_told_with_its_place(
    home: Path, tmp_path: Path, fault: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(f"length: [1, 2]\nscenes:\n  - {{name: 場面, steps: [{fault}]}}\n", "utf-8")
    with pytest.raises(UserError, match=told) as caught:
        read_script(path)
    assert "場面 の 1 番目" in str(caught.value)


def test_without_the_application_the_command_says_how_to_start_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["deliver", "video", "--url", "http://127.0.0.1:9"]) == 2
    assert "homutune serve" in capsys.readouterr().err
