"""What keeps a comparison honest: leakage check, marks on the scale, simple rivals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from homutune.data import Dataset, Example, Split, find_leaks, open_dataset
from homutune.errors import UserError
from homutune.evaluation._answers import Answer
from homutune.evaluation._scoring import CRITERIA, Scorer, group_of
from homutune.evaluation._shot_pool import is_near
from homutune.evaluation._statistics import grouped_mean
from homutune.evaluation._summary import criterion_values, groups_of
from homutune.evaluation._text import ngrams
from homutune.tuning import find_model


@dataclass(frozen=True, slots=True)
class Leakage:
    """What the evaluated items share with the training side of the versions looked at.

    Attributes:
        shared: groups, cards, questions or ids on both sides, as Japanese sentences.
        near: evaluated items with a nearly equal training question.
        checked: names of the versions whose training side was compared; none, if the dataset
            has no training side and what the models learned from is not known.
    """

    shared: tuple[str, ...]
    near: tuple[str, ...]
    checked: tuple[str, ...] = ()


def find_leakage(dataset: Dataset, learned: Iterable[Dataset] = ()) -> Leakage:
    """Compare with what was trained on; the scores are only as honest as this is empty.

    Args:
        dataset: whose validation side was asked; its own training side is always compared.
        learned: the versions that the models learned from, where they are others.
    """
    versions = {version.name: version for version in (dataset, *learned) if version.train}
    asked = [item.meta.id for item in dataset.valid]
    shared: dict[str, None] = {}
    train: list[set[str]] = []
    for version in versions.values():
        learned_here = version.train
        if version.name != dataset.name:
            # Ids of another version may count the rows of another file: equal ones mean nothing.
            learned_here = [_renamed(e, f"{version.name}:") for e in version.train]
        ids = tuple(example.meta.id for example in learned_here)
        split = Split(ids, tuple(asked), version.split.seed, version.split.valid_ratio)
        shared.update(dict.fromkeys(find_leaks([*learned_here, *dataset.valid], split)))
        train += [set(ngrams(example.question, 4)) for example in version.train]
    return Leakage(
        shared=tuple(shared),
        near=tuple(item.meta.id for item in dataset.valid if is_near(item.question, train)),
        checked=tuple(versions),
    )


def _renamed(example: Example, prefix: str) -> Example:
    return replace(example, meta=replace(example.meta, id=prefix + example.meta.id))


def learned_from(home: Path, models: Iterable[str]) -> list[Dataset]:
    """The versions that ``models`` learned from, as far as they are known and still there.

    A model that was trained on from another has learned what that one learned, too.
    """
    found = {}
    todo, seen = list(models), set()
    while todo:
        model = todo.pop(0)
        entry = find_model(home, model)
        if model in seen or entry is None or entry.model != model:
            continue
        seen.add(model)
        todo.append(entry.base)
        if entry.dataset:
            try:
                found[entry.dataset] = open_dataset(home, entry.dataset)
            except UserError:  # deleted or changed since: the report says that it was not checked
                continue
    return list(found.values())


#: Marks on the scale: name -> what a reader sees.
ANCHORS = {
    "reference": "模範解答をそのまま提出",
    "other": "別の分野の模範解答を提出",
    "echo": "質問文をそのまま復唱",
}


def mark_scale(dataset: Dataset, items: Sequence[Example]) -> dict[str, dict[str, float]]:
    """What three made-up candidates would score on ``items``, by anchor and criterion.

    They tell a reader what 0.4 means: the reference answers themselves, the reference to a
    question of another field, and the question repeated.
    """
    scorer = Scorer([*dataset.train, *dataset.valid], dataset.cards)

    def other_answer(index: int) -> str:
        own = items[index]
        later = [*items[index + 1 :], *items[:index]]
        foreign = [item for item in later if group_of(item) != group_of(own)]
        # Another field where there is one: the next item may be about nearly the same matter.
        foreign.sort(key=lambda item: item.meta.field == own.meta.field)
        return foreign[0].answer if foreign else ""

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
        always_first: note number 1, the best match of retrieval, is the only right card.
    """

    n: int
    retrieved: int
    always_first: int


def note_rivals(items: Sequence[Example], answers: Mapping[str, Answer]) -> NoteRivals:
    """Count over the answered items that name their cards."""
    n = retrieved = first = 0
    for item in items:
        answer = answers.get(item.meta.id)
        if answer is None or answer.text is None or not answer.shown or not item.meta.cards:
            continue
        n += 1
        right = [card for card in answer.shown if card in item.meta.cards]
        retrieved += bool(right)
        first += right == list(answer.shown[:1])
    return NoteRivals(n, retrieved, first)
