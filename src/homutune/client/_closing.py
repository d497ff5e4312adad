"""When OpenAI closes hosted fine-tuning: a date behind us is a door that is shut."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class ClosingDate:
    """From ``day`` on, ``effect`` holds; ``closes`` says what can no longer be had."""

    day: date
    closes: Literal["jobs", "models"]
    effect: str


#: Source: OpenAI's deprecations page and fine-tuning guide, read in November 2026. The last
#: line is reported by others than OpenAI.
HOSTED_CLOSING = (
    ClosingDate(
        date(2026, 5, 7), "jobs", "ファインチューニングの経験がない組織は、ジョブを作れません"
    ),
    ClosingDate(
        date(2026, 7, 2), "jobs", "直近60日に学習済みモデルを使っていない組織も、ジョブを作れません"
    ),
    ClosingDate(
        date(2026, 10, 23), "models", "gpt-3.5-turbo・gpt-4.1-nano などの学習済みモデルが止まります"
    ),
    ClosingDate(date(2027, 1, 6), "jobs", "どの組織も、ジョブを作れなくなります"),
    ClosingDate(
        date(2027, 1, 14),
        "models",
        "gpt-4o・gpt-4.1 系の学習済みモデルが止まります（第三者の情報）",
    ),
)
