"""Answers that a person accepted, and the one to show beside a new answer.

Which one is near is decided by the notes, not by the look of the questions: the accepted pair must
have been written from the note that is found first for the question. ``bench/vetted_answers.py``
says how often that is the right one; resemblance of the wording alone seldom is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homutune.assistant._support import pieces


@dataclass(frozen=True, slots=True)
class VettedAnswer:
    """A pair that a person accepted.

    Attributes:
        cards: ids of the notes it was written from.
        by: who accepted it; ``at`` when, ISO 8601.
        as_of: date of the law it states.
    """

    id: str
    question: str
    answer: str
    cards: tuple[str, ...]
    by: str = ""
    at: str = ""
    as_of: str | None = None

    @property
    def label(self) -> str:
        """Where it comes from, in one line."""
        dated = f"、{self.as_of} 時点" if self.as_of else ""
        return f"{self.id}、採用 {self.by} {self.at[:10]}{dated}"


def nearest_vetted(question: str, card: str, vetted: Sequence[VettedAnswer]) -> VettedAnswer | None:
    """The accepted pair to show beside an answer to ``question``; None where none is near.

    Args:
        card: id of the note that is found first for the question.
    """
    asked = pieces(question)
    near = [pair for pair in vetted if card in pair.cards]

    def likeness(pair: VettedAnswer) -> float:
        other = pieces(pair.question)
        return len(asked & other) / max(1, len(asked | other))

    return max(near, key=likeness, default=None)
