"""The course's requirements, each with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from homutune.deliver._probes import Evidence, Scene, look

_COURSE = Path(__file__).with_name("course.yaml")


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """One requirement and what was found for it."""

    id: str
    exercise: str
    requirement: str
    evidence: tuple[Evidence, ...]

    @property
    def ok(self) -> bool:
        """Whether every piece of evidence is there."""
        return all(piece.ok for piece in self.evidence)


def check_requirements(scene: Scene) -> list[Fulfilment]:
    """Look for the evidence of every requirement, in the order of the course."""
    return [
        Fulfilment(
            item["id"],
            item["exercise"],
            item["requirement"],
            tuple(look(scene, probe) for probe in item["probes"]),
        )
        for item in yaml.safe_load(_COURSE.read_text("utf-8"))
    ]


def requirements_table(found: list[Fulfilment]) -> str:
    """The table in Markdown: what is asked, whether it is there, what and where."""
    lines = [
        "# 課題の確認表",
        "",
        "「保存先」は homutune のデータフォルダー（HOMUTUNE_HOME）です。",
        "",
        "| 課題 | 求められるもの | 判定 | 証拠 | 場所 |",
        "|---|---|---|---|---|",
    ]
    for item in found:
        for number, piece in enumerate(item.evidence):
            head = (item.id, item.requirement) if number == 0 else ("", "")
            mark = "○" if piece.ok else "×"
            cells = (*head, mark, piece.found, piece.where)
            lines.append(f"| {' | '.join(cell.replace('|', '／') for cell in cells)} |")
    return "\n".join([*lines, ""])
