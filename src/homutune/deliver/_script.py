"""The script of the demo video: scenes, what is done in the browser, what is said.

A YAML file that anyone can edit::

    length: [165, 195]          # seconds allowed
    scenes:
      - name: データの検査
        steps:
          - do: [{goto: /data}, {click: "text=検査する"}, {scroll: 400}]
            say: データを検査します。    # narration, and caption
            read: データをけんさします。  # only where the voice would read it wrongly
            hold: 1.0                    # seconds of rest after it
          - caption: 字幕だけ            # a caption nobody speaks

``{report}``, ``{job}`` and ``{dataset}`` in a ``goto`` are the newest ones of the home, and
``{project}`` in an ``upload`` the folder the command was run in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homutune.data import read_yaml
from homutune.errors import UserError

#: What can be done, and how many values it takes.
ACTIONS = {
    "goto": 1, "click": 1, "show": 1, "wait": 1, "press": 1, "scroll": 1, "title": 1,
    "fill": 2, "select": 2, "upload": 2,
}  # fmt: skip
LINE = 38
MOST_CAPTION = 2 * LINE


@dataclass(frozen=True, slots=True)
class Step:
    """Actions, then a line that is said; ``hold`` seconds of rest follow."""

    do: tuple[tuple[str, tuple[str, ...]], ...]
    say: str
    read: str
    caption: str
    hold: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A part of the video with its steps."""

    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """A whole video; ``length`` in seconds, ``speed`` of the voice (1 is its own)."""

    scenes: tuple[Scene, ...]
    length: tuple[float, float]
    speed: float

    @property
    def steps(self) -> list[Step]:
        """All steps in order."""
        return [step for scene in self.scenes for step in scene.steps]


def read_script(path: Path) -> Script:
    """Read and check a script; all faults of a step are told with its place.

    Raises:
        UserError: it cannot be read, or a step is not as it must be.
    """
    content = read_yaml(path, "台本")
    try:
        low, high = (float(value) for value in content["length"])
        scenes = tuple(_scene(item, path) for item in content["scenes"])
        speed = float(content.get("speed", 1.0))
    except (KeyError, TypeError, ValueError):
        raise UserError(
            "台本に length（秒の下限と上限）と scenes（場面の一覧）が必要です。",
            file=path,
            remedy="同梱の台本を見て直してください。",
        ) from None
    if not any(scene.steps for scene in scenes):
        raise UserError("台本に場面がありません。", file=path, remedy="scenes を書いてください。")
    return Script(scenes, (low, high), speed)


def wrap_caption(text: str) -> str:
    """``text`` on one or two lines, broken behind a comma or full stop near the middle."""
    if len(text) <= LINE:
        return text
    middle = len(text) / 2
    breaks = [m.end() for m in re.finditer("[、。）」]", text[:-1])]
    fitting = [b for b in breaks if b <= LINE and len(text) - b <= LINE]
    cut = min(fitting, key=lambda b: abs(b - middle), default=round(middle))
    return f"{text[:cut]}\n{text[cut:]}"


def caption_texts(srt: str) -> list[str]:
    """The captions of an .srt in order, as they stand there."""
    return ["\n".join(block.split("\n")[2:]) for block in srt.strip().split("\n\n")]


def _scene(item: dict[str, Any], path: Path) -> Scene:
    name = str(item["name"])
    steps = (_step(step, f"{name} の {n} 番目", path) for n, step in enumerate(item["steps"], 1))
    return Scene(name, tuple(steps))


def _step(item: dict[str, Any], place: str, path: Path) -> Step:
    say = str(item.get("say", "")).strip()
    caption = str(item.get("caption", say)).strip()
    problems = [f"知らない項目 {key}" for key in item if key not in Step.__slots__]
    if say and "caption" in item:
        problems.append("say と caption の両方（字幕は say と同じになります）")
    if len(caption) > MOST_CAPTION:
        problems.append(f"{len(caption)} 字の文（{MOST_CAPTION} 字まで）")
    do = []
    for action in item.get("do", ()):
        ((name, value),) = action.items()
        values = value if isinstance(value, list) else [value]
        if ACTIONS.get(name) != len(values):
            problems.append(f"使えない操作 {name}")
        do.append((name, tuple(map(str, values))))
    if problems:
        raise UserError(
            f"{place}の手順に、{'、'.join(problems)}があります。",
            file=path,
            remedy=f"使える操作は {'・'.join(ACTIONS)} です。文は短く分けてください。",
        )
    return Step(tuple(do), say, str(item.get("read", say)), caption, float(item.get("hold", 0.6)))
