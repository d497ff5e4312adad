"""What a video file is, as ffprobe sees it."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from homutune.errors import UserError

#: The course asks for about three minutes.
VIDEO_LENGTH_S = (165.0, 195.0)
SIZE = (1280, 720)
MOST_BYTES = 25_000_000


@dataclass(frozen=True, slots=True)
class Media:
    """Streams of a file; ``seconds`` is the length of the whole."""

    seconds: float
    width: int
    height: int
    video_codec: str
    audio_codec: str
    bytes: int

    @property
    def summary(self) -> str:
        """One Japanese line."""
        minutes, seconds = divmod(round(self.seconds), 60)
        return (
            f"{minutes} 分 {seconds} 秒、{self.width}×{self.height}、{self.video_codec}、"
            f"{self.bytes / 1e6:.1f} MB"
        )


def find_program(name: str) -> str:
    """The path of ``ffmpeg`` or ``ffprobe``.

    Raises:
        UserError: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise UserError(
            f"{name} が見つかりません。",
            remedy="ffmpeg を入れてください（Debian・Ubuntu: apt-get install ffmpeg、"
            "macOS: brew install ffmpeg、Windows: winget install ffmpeg）。",
        )
    return found


def probe_media(path: Path) -> Media:
    """Read the streams of ``path``.

    Raises:
        UserError: ffprobe is not installed or cannot read the file.
    """
    command = [find_program("ffprobe"), "-v", "error", "-show_streams", "-show_format"]
    done = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=False)
    if done.returncode != 0:
        raise UserError("動画として読めません。", file=path, remedy="作り直してください。")
    read = json.loads(done.stdout)
    streams = {stream["codec_type"]: stream for stream in read["streams"]}
    video, audio = streams.get("video", {}), streams.get("audio", {})
    return Media(
        seconds=float(read["format"]["duration"]),
        width=int(video.get("width", 0)),
        height=int(video.get("height", 0)),
        video_codec=video.get("codec_name", ""),
        audio_codec=audio.get("codec_name", ""),
        bytes=path.stat().st_size,
    )


def check_video(media: Media, length_s: tuple[float, float]) -> list[str]:
    """What does not keep to the rules, as Japanese sentences."""
    problems = []
    if not length_s[0] <= media.seconds <= length_s[1]:
        problems.append(
            f"長さが {media.seconds:.1f} 秒です（{length_s[0]:g}〜{length_s[1]:g} 秒）。"
        )
    if (media.width, media.height) != SIZE:
        problems.append(f"大きさが {media.width}×{media.height} です（1280×720）。")
    if media.video_codec != "h264":
        problems.append(f"映像の形式が {media.video_codec or '不明'} です（H.264）。")
    if not media.audio_codec:
        problems.append("音声がありません。")
    if media.bytes > MOST_BYTES:
        problems.append(f"{media.bytes / 1e6:.1f} MB あります（25 MB まで）。")
    return problems
