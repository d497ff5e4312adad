"""Everything that is wrong or doubtful in a set of examples, told at once.

The examples come one after the other and none is kept: each check takes what it needs of an
example (``add``) and tells in the end (``finish``) what only the whole set shows.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence

from homutune.data._checks._balance import UNNAMED, Balance, TopicPlan
from homutune.data._checks._characters import character_faults, repair, visible
from homutune.data._checks._consistency import Conclusions, answer_faults
from homutune.data._checks._content import content_faults, points_met
from homutune.data._checks._duplicates import Duplicates
from homutune.data._checks._format import format_faults
from homutune.data._checks._law import LawCheck, Verdict
from homutune.data._checks._meanings import Meanings
from homutune.data._checks._report import (
    CheckReport,
    Collector,
    Fault,
    Finding,
    Lengths,
    Problem,
    Profile,
    Sampled,
    excerpt,
)
from homutune.data._checks._rules import FAMILIES, RULES, Rule
from homutune.data._checks._statutes import Statutes
from homutune.data._meaning import Embed
from homutune.data._personal import client_pattern, find_personal
from homutune.data._types import Card, Example

__all__ = [
    "FAMILIES",
    "MIN_EXAMPLES",
    "RULES",
    "UNNAMED",
    "CheckReport",
    "Finding",
    "Lengths",
    "Problem",
    "Profile",
    "Rule",
    "Sampled",
    "TopicPlan",
    "Verdict",
    "check_examples",
    "points_met",
    "repair",
    "visible",
]

#: OpenAI refuses fewer (``invalid_n_examples``); the local engine keeps the rule.
MIN_EXAMPLES = 10


def check_examples(
    examples: Iterable[Example],
    cards: Sequence[Card] | None = None,
    *,
    clients: Sequence[str] = (),
    plan: TopicPlan | None = None,
    verdict: Verdict | None = None,
    statutes: Statutes | None = None,
    embed: Embed | None = None,
) -> CheckReport:
    """Check form, variety, quality, characters, personal data and law.

    Memory grows by some 500 bytes an example, whatever its length; time is linear.

    Args:
        examples: read once, one after the other.
        cards: where given, the card ids of the examples must be among them, and the figures of
            an answer in them or in the question.
        clients: names that must not occur (rule P009).
        plan: how many examples each topic should have (rule D007).
        verdict: judges each citation (rules L004–L006).
        statutes: texts of cited provisions, whose numbers an answer must not change (rule L007).
        embed: compares questions by meaning (rule D008): all of them, or 2,000 drawn.
    """
    collector = Collector()
    balance = Balance(plan)
    duplicates, conclusions = Duplicates(), Conclusions()
    groups = _Groups(cards)
    law = LawCheck({card.id: card for card in cards or ()}, verdict, statutes)
    names = client_pattern(clients)
    facts = _Facts()
    meanings = Meanings(embed) if embed else None
    for example in examples:
        number = collector.begin(example)
        of_law, citations, figures = law.faults(example)
        for fault in (
            *format_faults(example),
            *content_faults(example),
            *answer_faults(example),
            *character_faults(example),
            *_personal_faults(example, names),
            *groups.add(number, example),
            *of_law,
        ):
            collector.add((number,), fault)
        balance.add(number, example)
        duplicates.add(example)
        if meanings:
            meanings.add(number, example.meta.field or UNNAMED, example)
        conclusions.add(number, example)
        facts.add(example, {citation.key for citation in citations}, bool(figures))
    if collector.n < MIN_EXAMPLES:
        message = f"{collector.n}件しかありません。"
        remedy = f"学習には{MIN_EXAMPLES}件以上が必要です。質問と回答を足してください。"
        collector.add((), Fault("F011", message, remedy))
    for finish in (duplicates.finish, balance.finish, groups.finish):
        for numbers, fault in finish():
            collector.add(numbers, fault)
    for number, fault in conclusions.finish():
        collector.add((number,), fault)
    sample, vectors = balance.sample, None
    if meanings:
        same, vectors = meanings.finish()
        for numbers, fault in same:
            collector.add(numbers, fault)
        sample = meanings.sample
    return CheckReport(
        findings=collector.findings(),
        n=collector.n,
        by_kind=dict(sorted(balance.kinds.items())),
        by_field=balance.fields,
        table={field: dict(kinds) for field, kinds in sorted(balance.table.items())},
        question_characters=balance.question_characters,
        answer_characters=balance.answer_characters,
        histogram=balance.histogram,
        profile=facts.profile(conclusions.with_conclusion),
        sample=tuple(sample),
        vectors=vectors,
    )


def _personal_faults(example: Example, clients: re.Pattern[str] | None) -> Iterator[Fault]:
    for message in example.messages:
        content = message.get("content")
        if message.get("role") == "system" or not isinstance(content, str):
            continue
        for found in find_personal(content, clients):
            name = RULES[found.id].title
            yield Fault(
                found.id,
                f"{name}らしい文字列「{found.shown}」があります。",
                "消すか、homutune data pseudonymize で仮名に置き換えてください。",
                excerpt(content, found.start, found.end, found.shown),
            )


class _Groups:
    """G001 and G002: cards that do not exist, and cards shared across groups."""

    def __init__(self, cards: Sequence[Card] | None) -> None:
        self._known = None if cards is None else {card.id for card in cards}
        self._first: dict[str, str] = {}
        self._numbers: dict[str, array[int]] = {}
        self._split: set[str] = set()

    def add(self, number: int, example: Example) -> Iterator[Fault]:
        meta = example.meta
        for card in dict.fromkeys(meta.cards):
            group = meta.group or meta.id
            if self._first.setdefault(card, group) != group:
                self._split.add(card)
            self._numbers.setdefault(card, array("I")).append(number)
        if self._known is not None and (
            unknown := [card for card in meta.cards if card not in self._known]
        ):
            message = f"カード {'・'.join(unknown)} が見つかりません。"
            remedy = "カードの id の綴りを確認するか、カードを足してください。"
            yield Fault("G001", message, remedy)

    def finish(self) -> Iterator[tuple[Sequence[int], Fault]]:
        for card, numbers in self._numbers.items():
            if card in self._split:
                message = f"カード「{card}」を共有する組が、別々の group に分かれています。"
                remedy = "同じ group にしてください（分割では同じ側に置きます）。"
                yield numbers, Fault("G002", message, remedy)


class _Facts:
    """Counts for the :class:`Profile`."""

    def __init__(self) -> None:
        self._cited = self._with_figures = self._linked = 0
        self._articles: set[tuple[str, str]] = set()
        self._dates: tuple[str, str] | None = None

    def add(self, example: Example, articles: set[tuple[str, str]], has_figures: bool) -> None:
        self._cited += bool(articles)
        self._with_figures += has_figures
        self._linked += bool(example.meta.cards)
        self._articles |= articles
        if date := example.meta.as_of:
            low, high = self._dates or (date, date)
            self._dates = min(low, date), max(high, date)

    def profile(self, concluded: int) -> Profile:
        return Profile(
            concluded, self._cited, self._with_figures, self._linked, len(self._articles),
            self._dates,
        )  # fmt: skip
