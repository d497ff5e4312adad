"""What keeps a comparison honest: leakage check, marks on the scale, simple rivals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homutune.data import Dataset, Example
from homutune.evaluation._answers import Answer
from homutune.evaluation._scoring import CRITERIA, Scorer, group_of
from homutune.evaluation._statistics import grouped_mean
from homutune.evaluation._summary import criterion_values, groups_of
from homutune.evaluation._text import ngrams
from homutune.law import normalize

#: Two questions that share this much of their 4-grams (Jaccard) are near duplicates.
NEAR_DUPLICATE = 0.6


@dataclass(frozen=True, slots=True)
class Leakage:
    """What the validation side shares with the training side of the same dataset.

    Attributes:
        groups: source groups on both sides; ``cards``: cards that answer questions on both sides.
        same: validation items whose question is also a training question.
        near: validation items with a nearly equal training question.
    """

    groups: tuple[str, ...]
    cards: tuple[str, ...]
    same: tuple[str, ...]
    near: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Nothing is shared."""
        return not (self.groups or self.cards or self.same or self.near)


def find_leakage(dataset: Dataset) -> Leakage:
    """Compare the two sides of the split; the answers are only as honest as this is empty."""
    asked = {normalize(example.question) for example in dataset.train}
    grams = [set(ngrams(question, 4)) for question in asked]
    same, near = [], []
    for item in dataset.valid:
        own = set(ngrams(item.question, 4))
        if normalize(item.question) in asked:
            same.append(item.meta.id)
        elif any(len(own & other) >= NEAR_DUPLICATE * len(own | other) for other in grams if own):
            near.append(item.meta.id)
    train_groups = {group_of(example) for example in dataset.train}
    train_cards = {card for example in dataset.train for card in example.meta.cards}
    return Leakage(
        groups=tuple(sorted(train_groups & {group_of(item) for item in dataset.valid})),
        cards=tuple(sorted(train_cards & {c for item in dataset.valid for c in item.meta.cards})),
        same=tuple(same),
        near=tuple(near),
    )


#: Marks on the scale: name -> what a reader sees.
ANCHORS = {
    "reference": "模範解答をそのまま提出",
    "other": "別の質問の模範解答を提出",
    "echo": "質問文をそのまま復唱",
}


def mark_scale(dataset: Dataset, items: Sequence[Example]) -> dict[str, dict[str, float]]:
    """What three made-up candidates would score on ``items``, by anchor and criterion.

    They tell a reader what 0.4 means: the reference answers themselves, the reference of another
    question, and the question repeated.
    """
    scorer = Scorer([*dataset.train, *dataset.valid], dataset.cards)

    def other_answer(index: int) -> str:
        own = group_of(items[index])
        later = [*items[index + 1 :], *items[:index]]
        return next((item.answer for item in later if group_of(item) != own), "")

    texts = {
        "reference": [item.answer for item in items],
        "other": [other_answer(index) for index in range(len(items))],
        "echo": [item.question for item in items],
    }
    marks: dict[str, dict[str, float]] = {}
    for anchor in ANCHORS:
        scores = {
            item.meta.id: scorer.score(item, Answer(item.meta.id, text, finish_reason="stop"))
            for item, text in zip(items, texts[anchor], strict=True)
        }
        marks[anchor] = {
            name: mean
            for name in CRITERIA
            if (mean := grouped_mean(criterion_values(scores, name), groups_of(scores))) is not None
        }
    return marks


@dataclass(frozen=True, slots=True)
class NoteRivals:
    """How often a rule without any model would name the right note, of ``n`` items.

    Attributes:
        retrieved: a right card was among the notes.
        top_ranked: the best match of retrieval is the only right card.
        always_first: note number 1 is the only right card.
    """

    n: int
    retrieved: int
    top_ranked: int
    always_first: int


def note_rivals(items: Sequence[Example], answers: Mapping[str, Answer]) -> NoteRivals:
    """Count over the answered items that name their cards."""
    n = retrieved = top = first = 0
    for item in items:
        answer = answers.get(item.meta.id)
        if answer is None or answer.text is None or not answer.shown or not item.meta.cards:
            continue
        n += 1
        right = [card for card in answer.shown if card in item.meta.cards]
        retrieved += bool(right)
        top += right == list(answer.ranking[:1])
        first += right == list(answer.shown[:1])
    return NoteRivals(n, retrieved, top, first)
