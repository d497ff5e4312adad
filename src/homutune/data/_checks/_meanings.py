"""D008: questions of a set that ask the same in other words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from homutune.data._checks._duplicates import NEAR
from homutune.data._checks._report import Fault, Sampled
from homutune.data._checks._signatures import comparable, overlap
from homutune.data._meaning import CHARACTERS, MOST, Embed, Reservoir, alike, embed_questions
from homutune.data._types import Example


class Meanings:
    """At most :data:`MOST` questions of a stream, embedded in the end."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._drawn = Reservoir[tuple[Sampled, str]](MOST)

    def add(self, number: int, field: str, example: Example) -> None:
        """Take an example in; one without a question is passed over."""
        if question := example.question.strip():
            drawn = Sampled(number, field, question[:200])
            self._drawn.add((drawn, question[:CHARACTERS]))

    @property
    def sample(self) -> list[Sampled]:
        """The questions compared, in the order of :meth:`finish`'s vectors."""
        return [drawn for drawn, _ in self._drawn.items]

    def finish(self) -> tuple[list[tuple[Sequence[int], Fault]], NDArray[np.float32]]:
        """The faults, and the vectors of the sample."""
        questions = [question for _, question in self._drawn.items]
        vectors = embed_questions(self._embed, questions)
        return list(self._faults(questions, vectors)), vectors

    def _faults(
        self, questions: list[str], vectors: NDArray[np.float32]
    ) -> Iterator[tuple[Sequence[int], Fault]]:
        sample = self.sample
        for group, cosine in alike(vectors):
            # What differs in a few letters only has been told as D001, D002 or D004.
            texts = [comparable(questions[place]) for place in group]
            if all(overlap(texts[0], other) >= NEAR for other in texts[1:]):
                continue
            numbers = sorted(sample[place].number for place in group)
            message = f"言い方は違っても意味の近い質問が{len(numbers)}件あります（{cosine:.3f}）。"
            remedy = "同じことを尋ねているなら、1件だけ残すか、状況や論点を変えてください。"
            yield numbers, Fault("D008", message, remedy)
