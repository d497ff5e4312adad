"""What to do about the weaknesses: how much to add, mend and vary, and which items prove it.

Evaluation items are evidence here and nothing else. What is to be written is named by cards that
the training side may show, never by the question that failed: a card that answers a validation or
held-out question stays out of training together with everything written about it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from homutune.data import KINDS, Card, Dataset, Example, check_examples
from homutune.evaluation import CASE_LABELS, compare
from homutune.improvement._weaknesses import Weaknesses
from homutune.law import check_citation

Action = Literal["add", "fix", "diversify"]
ACTIONS: dict[Action, str] = {"add": "増やす", "fix": "直す", "diversify": "多様にする"}

#: New pairs asked for each failed item of a weak field; and the most for one line of the list.
PER_FAILURE = 2
MOST = 20
#: Fields, and cases or kinds, that a list takes up: more than a team works off in one round.
FIELDS = 8
#: Rules about a training file as a whole; a training side of its own is not to be held to them.
_ABOUT_THE_SET = frozenset({"F011"})
#: A list names so many proofs and targets of each line in print; JSON holds all of them.
SHOWN = 8


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One line of the list.

    Attributes:
        id: ``w01``, ``w02``, … in the order of the list.
        action: what to do, a key of :data:`ACTIONS`.
        what: one Japanese sentence.
        count: how many pairs to write, or places to look at.
        reason: why, with the counts it rests on.
        proof: ids of the evaluation items that failed, or of the training pairs with the fault.
        cards: ids of the cards new pairs may be written about, those with fewest pairs first;
            empty where the line is not about new pairs, or where there is no such card.
        field, kind, case: what the new pairs must have.
    """

    id: str
    action: Action
    what: str
    count: int
    reason: str
    proof: tuple[str, ...]
    cards: tuple[str, ...] = ()
    field: str | None = None
    kind: str | None = None
    case: str | None = None

    @property
    def can_be_drafted(self) -> bool:
        """Whether pairs can be drafted for this line."""
        return bool(self.cards)


def make_worklist(
    dataset: Dataset, weaknesses: Weaknesses, *, barred: Sequence[str] = ()
) -> list[WorkItem]:
    """The list, what promises most first: adding, then varying, then mending.

    Args:
        dataset: the version the model was evaluated on.
        barred: ids of cards that answer held-out questions; nothing is written about them.
    """
    cards = [card for card in dataset.train_cards if card.id not in set(barred)]
    items = [
        *_additions(dataset, weaknesses, cards),
        *_variety(dataset, weaknesses, cards),
        *_retrieval(weaknesses),
        *_repairs(dataset),
    ]
    return [replace(item, id=f"w{number:02d}") for number, item in enumerate(items, 1)]


def _additions(
    dataset: Dataset, weaknesses: Weaknesses, cards: Sequence[Card]
) -> Iterator[WorkItem]:
    written = Counter(example.meta.field for example in dataset.train)
    for weak in weaknesses.of("field")[:FIELDS]:
        usable = _least_used(dataset, [card for card in cards if card.field == weak.name])
        topics = [t.name for t in weaknesses.of("topic") if set(t.failed) & set(weak.failed)]
        about = f"（落とした論点：{'、'.join(topics[:SHOWN])}）" if topics else ""
        reason = (
            f"{weak.n_items}問のうち{len(weak.failed)}問を落とし、正確性の平均は{weak.mean:.2f}。"
            f"学習用は{written[weak.name]}件。"
        )
        if not usable:
            reason += "学習に使える解説カードがこの分野にないため、まずカードを足します。"
        yield WorkItem(
            id="",
            action="add",
            what=f"分野「{weak.name}」の質問と回答を足す{about}",
            count=min(MOST, PER_FAILURE * len(weak.failed)),
            reason=reason,
            proof=weak.failed,
            cards=usable,
            field=weak.name,
        )


def _variety(dataset: Dataset, weaknesses: Weaknesses, cards: Sequence[Card]) -> Iterator[WorkItem]:
    cases = Counter(example.meta.case for example in dataset.train)
    asked = Counter(example.meta.case for example in dataset.valid)
    for weak in weaknesses.of("case"):
        share = asked[weak.name] / len(dataset.valid)
        lacking = math.ceil(share * len(dataset.train)) - cases[weak.name]
        if lacking > 0:
            yield WorkItem(
                id="",
                action="diversify",
                what=f"問題の型「{CASE_LABELS.get(weak.name, weak.name)}」の質問を足す",
                count=min(MOST, lacking),
                reason=f"{weak.n_items}問のうち{len(weak.failed)}問を落とした型が、検証では"
                f"{share:.0%}、学習では{cases[weak.name]}件しかない。",
                proof=weak.failed,
                cards=_least_used(dataset, cards),
                case=weak.name,
            )
    for weak in weaknesses.of("field")[:FIELDS]:
        there = {e.meta.kind for e in dataset.train if e.meta.field == weak.name}
        usable = _least_used(dataset, [card for card in cards if card.field == weak.name])
        for kind in KINDS:
            if usable and kind not in there:
                yield WorkItem(
                    id="",
                    action="diversify",
                    what=f"分野「{weak.name}」に「{kind}」を足す",
                    count=PER_FAILURE,
                    reason=f"落とした質問のある分野なのに、学習用に{kind}が1件もない。",
                    proof=weak.failed,
                    cards=usable,
                    field=weak.name,
                    kind=kind,
                )


def _retrieval(weaknesses: Weaknesses) -> Iterator[WorkItem]:
    if missed := weaknesses.errors.get("retrieval"):
        yield WorkItem(
            id="",
            action="fix",
            what="解説カードの題名と文面を、質問の言い方で見つかるように直す",
            count=len(missed),
            reason="正しいカードが検索で出なかった。学習では直らない"
            "（検証の質問の文をカードに写すと、評価が甘くなるので写さない）。",
            proof=missed,
        )


def _repairs(dataset: Dataset) -> Iterator[WorkItem]:
    """Faults of the training pairs: what the checks find, and contradictions of their card."""
    train = dataset.train
    for finding in check_examples(train, dataset.cards, verdict=check_citation).findings:
        if finding.rule.id in _ABOUT_THE_SET or not finding.numbers:
            continue
        yield WorkItem(
            id="",
            action="fix",
            what=f"学習用の組を直す：{finding.rule.title}",
            count=finding.n_examples,
            reason=f"{finding.rule.id}　{finding.rule.why}",
            proof=tuple(train[number - 1].meta.id for number in finding.numbers),
        )
    cards = {card.id: card for card in dataset.cards}
    against = tuple(example.meta.id for example in train if _contradicts(example, cards))
    if against:
        yield WorkItem(
            id="",
            action="fix",
            what="学習用の回答と、その解説カードの食い違いを確かめる",
            count=len(against),
            reason="規則による照合なので、言い方が違うだけのこともある。",
            proof=against,
        )


def _contradicts(example: Example, cards: dict[str, Card]) -> bool:
    known = [cards[card] for card in example.meta.cards if card in cards]
    return len(known) == 1 and bool(compare(known[0].text, example.answer))


def _least_used(dataset: Dataset, cards: Sequence[Card]) -> tuple[str, ...]:
    used = Counter(card for example in dataset.train for card in example.meta.cards)
    return tuple(sorted((card.id for card in cards), key=lambda card: (used[card], card)))
