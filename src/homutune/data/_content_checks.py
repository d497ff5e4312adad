"""Whether an answer keeps the house style, agrees with its rubric and names its articles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homutune.data._format_checks import Fault
from homutune.data._types import KINDS, Example
from homutune.law import extract_citations, normalize

HEADS = ("結論：", "根拠：", "留意点：")
ANSWER_CHARACTERS = (150, 450)

_AFTERTHOUGHT = re.compile(r"（[^（）]*）$")
_YES_NO = {"はい", "いいえ"}
_POLITE = re.compile(
    r"(?:です|ます|ません|でした|ました|でしょう|ましょう|ください|ですか|ますか)[）」』]*$"
)
#: A number that a reader would act on: a period, rate, amount or head count.
_FIGURE = re.compile(
    r"[0-9]+(?:か月|ヶ月|カ月|箇月|週間|年|日|時間|%|割|円|万円|億円|人|倍)|[0-9]+分の[0-9]+"
)


def points_met(point: str, answer: str) -> bool:
    """Whether ``answer`` holds one of the alternatives (``|``) of a rubric point."""
    text = normalize(answer)
    return any(part in text for item in point.split("|") if (part := normalize(item)))


def content_faults(example: Example) -> Iterator[Fault]:
    """Faults of one answer: R (rubric), L (law), K (kind), S (style)."""
    meta, answer = example.meta, example.answer
    for point in meta.must:
        if not points_met(point, answer):
            yield (
                "R001",
                "error",
                f"必須の語「{point}」が回答にありません。",
                "回答か must を直してください。評価の基準と模範回答が食い違っています。",
            )
    for point in meta.must_not:
        if points_met(point, answer):
            yield (
                "R002",
                "error",
                f"禁止の語「{point}」が回答にあります。",
                "回答か must_not を直してください。",
            )
    yield from _law_faults(example)
    if meta.kind is not None:
        if meta.kind not in KINDS:
            yield (
                "K001",
                "warning",
                f"種類「{meta.kind}」は4種類のどれでもありません。",
                f"使える種類: {'／'.join(KINDS)}",
            )
        yield from _style_faults(answer)


def _law_faults(example: Example) -> Iterator[Fault]:
    cited = {citation.key for citation in extract_citations(example.answer)}
    figure = _FIGURE.search(normalize(example.answer))
    if figure and not cited:
        yield (
            "L001",
            "warning",
            f"「{figure[0]}」の根拠となる条文が書かれていません。",
            "「民法566条」のように法令名と条を入れてください。",
        )
    for article in example.meta.articles:
        keys = {citation.key for citation in extract_citations(article)}
        if not keys or not keys <= cited:
            reason = "回答に見当たりません" if keys else "条文として読めません"
            yield (
                "L002",
                "warning",
                f"articles の「{article}」が{reason}。",
                "回答か articles を直してください（例: 民法566条1項）。",
            )


def _style_faults(answer: str) -> Iterator[Fault]:
    lines = answer.strip().split("\n")
    well_formed = len(lines) == len(HEADS) and all(
        line.startswith(head) for line, head in zip(lines, HEADS, strict=True)
    )
    if not well_formed:
        yield (
            "S001",
            "warning",
            "回答が「結論：」「根拠：」「留意点：」の3行になっていません。",
            "3行の形にそろえてください。",
        )
    sentences = [
        _AFTERTHOUGHT.sub("", re.sub(r"^(?:結論|根拠|留意点)：", "", part.strip()))
        for part in re.split(r"[。\n]", answer)
    ]
    blunt = [s for s in sentences if s and s not in _YES_NO and not _POLITE.search(s)]
    if blunt:
        yield (
            "S002",
            "warning",
            f"です・ます調でない文があります（…{blunt[0][-12:]}）。",
            "です・ます調にそろえてください。",
        )
    low, high = ANSWER_CHARACTERS
    if not low <= len(answer) <= high:
        yield (
            "S003",
            "warning",
            f"回答が{len(answer)}字です。",
            f"{low}～{high}字にそろえると、文体を学びやすくなります。",
        )
