"""What a reader sees of one question: the answers, and what was found in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from homutune.data import CONTRAST_TYPES, Dataset, Example, points_met
from homutune.evaluation._answers import Answer
from homutune.evaluation._breakdown import CASE_LABELS
from homutune.evaluation._comparison import RunPairs
from homutune.evaluation._exams import CONDITIONS
from homutune.evaluation._run_files import Run
from homutune.evaluation._scoring import CRITERIA, ItemScore


class Changed(Protocol):
    """Anything with an id and a change."""

    @property
    def id(self) -> str:
        """Id of the item."""
        ...

    @property
    def change(self) -> float | None:
        """Difference in 正確性; None where it could not be measured."""
        ...


T = TypeVar("T", bound=Changed)

#: Said of a figure that must not be read as a criterion.
SIMILARITY = "（参考）文字の類似度"
#: Largest gains and largest losses shown open; all other items are folded.
SHOWN_FIRST = 10


@dataclass(frozen=True, slots=True)
class Badge:
    """A short mark on an answer; ``css`` is good, bad or plain."""

    text: str
    css: str


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One answer with what was found in it."""

    text: str | None
    error: str | None
    badges: tuple[Badge, ...]
    criteria: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True, slots=True)
class ItemView:
    """One question with both answers; ``change`` is the difference in 正確性."""

    id: str
    kind: str | None
    field: str | None
    case: str | None
    question: str
    reference: str
    notes: tuple[tuple[int, str, str, bool], ...]
    base: AnswerView
    tuned: AnswerView
    change: float | None
    others: tuple[tuple[str, AnswerView, AnswerView], ...]


def item_views(dataset: Dataset, pairs: RunPairs, shown: str) -> list[ItemView]:
    """All items of condition ``shown``, with the answers under the other conditions."""
    cards = {card.id: card for card in dataset.cards}
    base, tuned = pairs[shown]
    views = []
    for item in base.items:
        key = item.meta.id
        answer = base.answers.get(key) or tuned.answers.get(key)
        notes = tuple(
            (n, cards[card].title, cards[card].text, card in item.meta.cards)
            for n, card in enumerate(answer.shown if answer else (), 1)
            if card in cards
        )
        views.append(
            ItemView(
                id=key,
                kind=item.meta.kind,
                field=item.meta.field,
                case=CASE_LABELS.get(item.meta.case) if item.meta.case else None,
                question=item.question,
                reference=item.answer,
                notes=notes,
                base=answer_view(item, base),
                tuned=answer_view(item, tuned),
                change=change_between(base.scores.get(key), tuned.scores.get(key)),
                others=tuple(
                    (CONDITIONS[name].label, answer_view(item, one), answer_view(item, two))
                    for name, (one, two) in pairs.items()
                    if name != shown and (key in one.answers or key in two.answers)
                ),
            )
        )
    return views


def largest_changes(items: Sequence[T]) -> tuple[list[T], list[T]]:
    """Largest gains, then largest losses; and all others in order of their change."""
    ranked = sorted(items, key=lambda view: view.change or 0.0, reverse=True)
    gains = [view for view in ranked if (view.change or 0.0) > 0][:SHOWN_FIRST]
    losses = [view for view in reversed(ranked) if (view.change or 0.0) < 0][:SHOWN_FIRST]
    first = [*gains, *losses]
    chosen = {view.id for view in first}
    return first, [view for view in ranked if view.id not in chosen]


@dataclass(frozen=True, slots=True)
class ArmsView:
    """One question with the answer of every arm; ``change`` is last minus first in 正確性."""

    id: str
    kind: str | None
    field: str | None
    case: str | None
    question: str
    reference: str
    answers: tuple[AnswerView, ...]
    change: float | None


def arms_views(runs: Sequence[Run]) -> list[ArmsView]:
    """All items of the first arm."""
    return [
        ArmsView(
            id=item.meta.id,
            kind=item.meta.kind,
            field=item.meta.field,
            case=CASE_LABELS.get(item.meta.case) if item.meta.case else None,
            question=item.question,
            reference=item.answer,
            answers=tuple(answer_view(item, run) for run in runs),
            change=change_between(
                runs[0].scores.get(item.meta.id), runs[-1].scores.get(item.meta.id)
            ),
        )
        for item in runs[0].items
    ]


def change_between(base: ItemScore | None, tuned: ItemScore | None) -> float | None:
    """Difference in 正確性; None unless both were scored."""
    if base is None or tuned is None:
        return None
    before, after = base.criteria.get("correctness"), tuned.criteria.get("correctness")
    return after - before if before is not None and after is not None else None


def answer_view(item: Example, run: Run) -> AnswerView:
    """What ``run`` says to ``item``; without a text where there is no answer."""
    answer, score = run.answers.get(item.meta.id), run.scores.get(item.meta.id)
    if answer is None or score is None:
        return AnswerView(None, answer.error if answer else None, (), ())
    figures = [(CRITERIA[name], value) for name, value in score.criteria.items()]
    if score.similarity is not None:
        figures.append((SIMILARITY, score.similarity))
    return AnswerView(
        text=answer.text,
        error=None,
        badges=(*_badges(item, answer, score.flags), *_contradictions(score)),
        criteria=tuple(figures),
    )


def _contradictions(score: ItemScore) -> list[Badge]:
    """What the reference answer says and what the answer says instead."""
    return [
        Badge(f"食い違い（{CONTRAST_TYPES[d.type]}）：{d.reference} → {d.answer}", "bad")
        for d in score.differences
    ]


def _badges(item: Example, answer: Answer, flags: Mapping[str, bool | None]) -> list[Badge]:
    badges = []
    withheld = "abstained" in flags
    if withheld:
        good = bool(flags["abstained"])
        badges.append(
            Badge("回答を控えた" if good else "控えずに答えた", "good" if good else "bad")
        )
    if flags.get("right_card") is not None:
        good = bool(flags["right_card"])
        badges.append(Badge("資料番号 正" if good else "資料番号 誤", "good" if good else "bad"))
    if flags.get("retrieved") is False:
        badges.append(Badge("検索が外れた", "plain"))
    if flags.get("over_abstained"):
        badges.append(Badge("回答を控えた", "bad"))
    if not flags.get("stopped"):
        badges.append(Badge("途中で切れた", "bad"))
    if not withheld:
        text = answer.text or ""
        for point in item.meta.must:
            met = points_met(point, text)
            label = point.replace("|", " / ")
            badges.append(Badge(f"{'✓' if met else '✗'} {label}", "good" if met else "bad"))
        badges += [
            Badge(f"誤り：{point}", "bad")
            for point in item.meta.must_not
            if points_met(point, text)
        ]
    return badges
