"""The demo video: script → narration → recording → one file with burnt-in captions, and an .srt.

Waiting for a page or a model is shortened to :data:`MOST_WAIT_S`; the narration is never cut.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from homutune.deliver._media import SIZE, Media, check_video, find_program, probe_media
from homutune.deliver._recorder import VIEW, Frame, Span, record
from homutune.deliver._script import Script, Step, wrap_caption
from homutune.deliver._voice import CREDIT, Sound, seconds_of, speak, write_track
from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.settings import Settings
from homutune.tuning import find_model

#: Waiting adds at most this to a step; ``check_video`` refuses what is still too long.
MOST_WAIT_S = 0.8
_RATE = 25
# libass measures in 288 lines of height, whatever the picture: 12 are 30 pixels.
_STYLE = (
    "FontName=Noto Sans CJK JP,FontSize=11.5,PrimaryColour=&H00FFFFFF,Outline=0,Shadow=0,"
    "Alignment=2,MarginV=5"
)
_BAR = "0x12304D"


def make_video(
    script: Script,
    target: Path,
    *,
    base_url: str,
    places: dict[str, str] | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Media:
    """Record ``script`` from the application at ``base_url`` and write ``target`` and its .srt.

    Args:
        base_url: ``http://127.0.0.1:8400``.
        places: names in braces that the script may use, such as ``report``.
        progress: hears what is being done, as Japanese lines.

    Raises:
        UserError: a program is missing, a step cannot be done, or the video does not keep to
            length and size; then nothing is written.
    """
    for program in ("ffmpeg", "ffprobe"):
        find_program(program)
    with tempfile.TemporaryDirectory(prefix="homutune-video-") as name:
        folder = Path(name)
        steps = script.steps
        progress("音声を作っています")
        sounds = [speak(step.read, script.speed) if step.say else None for step in steps]
        lengths = [seconds_of(sound) if sound is not None else 0.0 for sound in sounds]
        frames, spans = record(
            steps,
            lengths,
            folder,
            base_url=base_url,
            places=places or {},
            on_step=lambda number: progress(f"録画しています（{number + 1}/{len(steps)}）"),
        )
        times = Timeline(spans)
        captions = _captions(steps, lengths, spans, times)
        (folder / "captions.srt").write_text(captions, "utf-8")
        _write_sound(folder / "voice.wav", sounds, spans, times)
        _write_frames(folder / "frames.txt", frames, times)
        progress("動画にまとめています")
        _encode(folder, times.seconds)
        media = probe_media(folder / "video.mp4")
        if problems := check_video(media, script.length):
            raise UserError("".join(problems), remedy="台本の文や hold を直してください。")
        target.parent.mkdir(parents=True, exist_ok=True)
        building = target.with_name(f".{target.name}.building")
        building.write_bytes((folder / "video.mp4").read_bytes())
        write_atomic(target.with_suffix(".srt"), captions)
        building.replace(target)
    return media


def newest_places(settings: Settings) -> dict[str, str]:
    """What the script may name: the newest ``report`` (as URL), ``job`` and its ``dataset``."""
    places = {}
    reports = sorted((settings.home / "reports").glob("*.html"))
    if reports:
        places["report"] = reports[-1].resolve().as_uri()
    entry = find_model(settings.home, "latest", settings.base_url)
    if entry is not None:
        places["job"] = entry.job_id
        if entry.dataset:
            places["dataset"] = entry.dataset
    return places


class Timeline:
    """From the time of the recording to the time of the video.

    Args:
        spans: of all steps; a step's actions are shortened, its narration is not.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        self._points = [(spans[0].begin, 0.0)]
        for span in spans:
            waited = min(span.speaking - span.begin, MOST_WAIT_S)
            self._add(span.speaking, waited)
            self._add(span.end, span.end - span.speaking)

    def _add(self, at: float, seconds: float) -> None:
        self._points.append((at, self._points[-1][1] + seconds))

    @property
    def seconds(self) -> float:
        """Length of the video."""
        return self._points[-1][1]

    def __call__(self, at: float) -> float:
        """Seconds into the video of what was seen at ``at``."""
        for (start, before), (end, after) in pairwise(self._points):
            if at <= end:
                share = (at - start) / (end - start) if end > start else 1.0
                return before + max(0.0, share) * (after - before)
        return self.seconds


def _captions(
    steps: Sequence[Step], lengths: Sequence[float], spans: Sequence[Span], times: Timeline
) -> str:
    blocks: list[str] = []
    for step, length, span in zip(steps, lengths, spans, strict=True):
        if not step.caption:
            continue
        start = times(span.speaking)
        # A caption nobody speaks stays for the whole rest.
        end = start + length + 0.3 if step.say else times(span.end)
        end = min(end, times(span.end))
        lines = (str(len(blocks) + 1), f"{_clock(start)} --> {_clock(end)}")
        blocks.append("\n".join((*lines, wrap_caption(step.caption))))
    return "\n\n".join(blocks) + "\n"


def _clock(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{thousandths:03}"


def _write_sound(
    path: Path, sounds: Sequence[Sound | None], spans: Sequence[Span], times: Timeline
) -> None:
    placed = [
        (times(span.speaking), sound)
        for sound, span in zip(sounds, spans, strict=True)
        if sound is not None
    ]
    write_track(path, placed, times.seconds)


def _write_frames(path: Path, frames: Sequence[Frame], times: Timeline) -> None:
    """The pictures with their durations, as ffmpeg's concat reads them."""
    if not frames:
        raise UserError(
            "ブラウザーから画面を受け取れませんでした。", remedy="もう一度実行してください。"
        )
    starts = [0.0, *(times(frame.at) for frame in frames[1:]), times.seconds]
    lines = ["ffconcat version 1.0"]
    for frame, (start, end) in zip(frames, pairwise(starts), strict=True):
        if end - start > 0.001:
            lines += [f"file {frame.path.name}", f"duration {end - start:.4f}"]
    lines.append(f"file {frames[-1].path.name}")  # concat forgets the last duration otherwise
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _encode(folder: Path, seconds: float) -> None:
    """Run in ``folder``: a filter's file name then needs no quoting."""
    picture = (
        # The browser may send a first picture in a size of its own.
        f"scale={VIEW[0]}:{VIEW[1]},fps={_RATE},pad={SIZE[0]}:{SIZE[1]}:0:0:color={_BAR},"
        f"subtitles=captions.srt:force_style='{_STYLE}'"
    )
    command = [find_program("ffmpeg"), "-y", "-v", "error", "-f", "concat", "-safe", "0"]
    command += ["-i", "frames.txt", "-i", "voice.wav", "-vf", picture, "-t", f"{seconds:.3f}"]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"]
    command += ["-c:a", "aac", "-b:a", "96k", "-movflags", "+faststart"]
    command += ["-metadata", f"comment={CREDIT}", "video.mp4"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(
            f"動画にまとめられませんでした（{done.stderr.strip()[:400]}）。",
            remedy="libx264 と libass の入った ffmpeg を使ってください。",
        )
