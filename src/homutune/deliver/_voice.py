"""A Japanese voice that needs no network: Open JTalk with the HTS voice "Mei"."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from homutune.errors import UserError

RATE = 48_000
#: The voice's licence (CC BY 3.0) asks for it.
CREDIT = "音声：Open JTalk、HTS Voice “Mei”（名古屋工業大学、CC BY 3.0）"

Sound = npt.NDArray[np.int16]


def speak(text: str, speed: float = 1.0) -> Sound:
    """The sound of ``text``, mono, :data:`RATE` samples a second.

    Raises:
        UserError: the voice is not installed.
    """
    try:
        import pyopenjtalk
    except ImportError:
        raise UserError(
            "音声合成（Open JTalk）が入っていません。", remedy="pip install 'homutune[video]'"
        ) from None
    sound: Any
    sound, rate = pyopenjtalk.tts(text, speed=speed)
    if rate != RATE:
        raise AssertionError(f"the voice speaks at {rate} Hz")
    return np.asarray(np.clip(sound, -32768, 32767), np.int16)


def seconds_of(sound: Sound) -> float:
    """How long it is."""
    return len(sound) / RATE


def write_track(path: Path, sounds: Sequence[tuple[float, Sound]], seconds: float) -> None:
    """Write a WAV of ``seconds`` with each sound at its start (seconds); they do not overlap."""
    track = np.zeros(round(seconds * RATE), np.int16)
    for start, sound in sounds:
        first = round(start * RATE)
        part = sound[: max(0, len(track) - first)]
        track[first : first + len(part)] = part
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(track.tobytes())
