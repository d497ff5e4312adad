"""Whether an answer agrees with its rubric and keeps the house style."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from homutune.data._checks._report import Fault
from homutune.data._types import KINDS, Example
from homutune.law import normalize

HEADS = ("結論：", "根拠：", "留意点：")
ANSWER_CHARACTERS = (150, 450)

_AFTERTHOUGHT = re.compile(r"（[^（）]*）$")
_YES_NO = {"はい", "いいえ"}
_POLITE = re.compile(
    r"(?:です|ます|ません|でした|ました|でしょう|ましょう|ください|ですか|ますか)[）」』]*$"
)


def points_met(point: str, answer: str) -> bool:
    """Whether ``answer`` holds one of the alternatives (``|``) of a rubric point."""
    return _met(point, normalize(answer))


def _met(point: str, text: str) -> bool:
    return any(part in text for part in _alternatives(point))


@lru_cache(maxsize=4096)
def _alternatives(point: str) -> tuple[str, ...]:
    return tuple(part for item in point.split("|") if (part := normalize(item)))


def content_faults(example: Example) -> Iterator[Fault]:
    """Faults of one answer: R (rubric), K (kind), S (style)."""
    meta, answer = example.meta, example.answer
    text = normalize(answer) if meta.must or meta.must_not else ""
    for point in meta.must:
        if not _met(point, text):
            yield Fault(
                "R001",
                f"必須の語「{point}」が回答にありません。",
                "回答か must を直してください。評価の基準と模範回答が食い違っています。",
            )
    for point in meta.must_not:
        if _met(point, text):
            yield Fault(
                "R002",
                f"禁止の語「{point}」が回答にあります。",
                "回答か must_not を直してください。",
            )
    if meta.kind is not None:
        if meta.kind not in KINDS:
            yield Fault(
                "K001",
                f"種類「{meta.kind}」は4種類のどれでもありません。",
                f"使える種類: {'／'.join(KINDS)}",
            )
        yield from _style_faults(answer)


def _style_faults(answer: str) -> Iterator[Fault]:
    lines = answer.strip().split("\n")
    well_formed = len(lines) == len(HEADS) and all(
        line.startswith(head) for line, head in zip(lines, HEADS, strict=True)
    )
    if not well_formed:
        yield Fault(
            "S001",
            "回答が「結論：」「根拠：」「留意点：」の3行になっていません。",
            "3行の形にそろえてください。",
        )
    sentences = [
        _AFTERTHOUGHT.sub("", re.sub(r"^(?:結論|根拠|留意点)：", "", part.strip()))
        for part in re.split(r"[。\n]", answer)
    ]
    blunt = [s for s in sentences if s and s not in _YES_NO and not _POLITE.search(s)]
    if blunt:
        yield Fault(
            "S002",
            f"です・ます調でない文があります（…{blunt[0][-12:]}）。",
            "です・ます調にそろえてください。",
        )
    low, high = ANSWER_CHARACTERS
    if not low <= len(answer) <= high:
        yield Fault(
            "S003",
            f"回答が{len(answer)}字です。",
            f"{low}～{high}字にそろえると、文体を学びやすくなります。",
        )
