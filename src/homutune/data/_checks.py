"""Everything that is wrong or doubtful in a set of examples, told at once."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from homutune.data._content_checks import content_faults
from homutune.data._format_checks import format_faults
from homutune.data._types import Card, Example
from homutune.law import normalize

#: OpenAI refuses fewer (``invalid_n_examples``); the local engine keeps the rule.
MIN_EXAMPLES = 10
#: Shown for examples whose kind or field is not given.
UNNAMED = "（なし）"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. F: form, D: duplicates, G: cards and groups, R: rubric, L: law, K, S."""

    id: str
    severity: Literal["error", "warning"]
    #: Numbers of the examples concerned, from 1.
    examples: tuple[int, ...]
    message: str
    remedy: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Lengths:
    """Characters: least, median, most."""

    min: int
    median: int
    max: int


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the checks found, and what the set consists of."""

    problems: tuple[Problem, ...]
    n: int
    by_kind: dict[str, int]
    by_field: dict[str, int]
    question_characters: Lengths
    answer_characters: Lengths

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems that must be put right before training."""
        return tuple(p for p in self.problems if p.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Problems worth a look."""
        return tuple(p for p in self.problems if p.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    @property
    def summary(self) -> dict[str, int]:
        """Numbers of errors and warnings, as kept in a dataset's manifest."""
        return {"errors": len(self.errors), "warnings": len(self.warnings)}

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"ok": self.ok, **self.summary, **asdict(self)}


def check_examples(examples: Sequence[Example], cards: Sequence[Card] | None = None) -> CheckReport:
    """Check form, duplicates, groups, rubric, citations and style.

    Args:
        cards: where given, the card ids of the examples must be among them.
    """
    problems = [
        *_count_problems(examples),
        *_single_problems(examples),
        *_duplicates(examples),
        *_group_problems(examples),
        *(_unknown_cards(examples, cards) if cards is not None else ()),
    ]
    problems.sort(key=lambda p: (p.severity, p.examples[:1], p.id))
    return CheckReport(
        problems=tuple(problems),
        n=len(examples),
        by_kind=_counts(example.meta.kind for example in examples),
        by_field=_counts(example.meta.field for example in examples),
        question_characters=_lengths(len(example.question) for example in examples),
        answer_characters=_lengths(len(example.answer) for example in examples),
    )


def _counts(values: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(value or UNNAMED for value in values).items()))


def _lengths(values: Iterable[int]) -> Lengths:
    sizes = list(values) or [0]
    return Lengths(min(sizes), round(statistics.median(sizes)), max(sizes))


def _problem(
    examples: Sequence[Example],
    numbers: Sequence[int],
    problem_id: str,
    severity: str,
    message: str,
    remedy: str,
) -> Problem:
    """Points to the file and line of the last example named: the one to look at."""
    source = examples[numbers[-1] - 1].source if numbers else None
    return Problem(
        id=problem_id,
        severity="error" if severity == "error" else "warning",
        examples=tuple(numbers),
        message=message,
        remedy=remedy,
        file=source.file if source else None,
        line=source.line if source else None,
    )


def _count_problems(examples: Sequence[Example]) -> Iterator[Problem]:
    if len(examples) < MIN_EXAMPLES:
        message = f"{len(examples)}件しかありません。"
        remedy = f"学習には{MIN_EXAMPLES}件以上が必要です。質問と回答を足してください。"
        yield _problem(examples, (), "F011", "error", message, remedy)


def _single_problems(examples: Sequence[Example]) -> Iterator[Problem]:
    for number, example in enumerate(examples, 1):
        for check in (format_faults, content_faults):
            for fault in check(example):
                yield _problem(examples, (number,), *fault)


def _duplicates(examples: Sequence[Example]) -> Iterator[Problem]:
    by_question: dict[str, list[int]] = defaultdict(list)
    by_id: dict[str, list[int]] = defaultdict(list)
    for number, example in enumerate(examples, 1):
        by_id[example.meta.id].append(number)
        if question := normalize(example.question):
            by_question[question].append(number)
    for numbers in by_question.values():
        by_answer: dict[str, list[int]] = defaultdict(list)
        for number in numbers:
            by_answer[normalize(examples[number - 1].answer)].append(number)
        for same in by_answer.values():
            if len(same) > 1:
                message = f"質問と回答が同じものが{len(same)}件あります。"
                yield _problem(
                    examples, same, "D001", "warning", message, "1件だけ残してください。"
                )
        if len(by_answer) > 1:
            message = "同じ質問に違う回答があります。"
            remedy = "正しい回答を1つ選ぶか、質問を書き分けてください。"
            yield _problem(examples, numbers, "D002", "warning", message, remedy)
    for example_id, numbers in by_id.items():
        if len(numbers) > 1:
            message = f"id「{example_id}」が{len(numbers)}件で重なっています。"
            yield _problem(examples, numbers, "D003", "error", message, "id を付け直してください。")


def _group_problems(examples: Sequence[Example]) -> Iterator[Problem]:
    by_card: dict[str, list[int]] = defaultdict(list)
    for number, example in enumerate(examples, 1):
        for card in dict.fromkeys(example.meta.cards):
            by_card[card].append(number)
    for card, numbers in by_card.items():
        metas = [examples[number - 1].meta for number in numbers]
        if len({meta.group or meta.id for meta in metas}) > 1:
            message = f"カード「{card}」を共有する組が、別々の group に分かれています。"
            remedy = "同じ group にしてください（分割では同じ側に置きます）。"
            yield _problem(examples, numbers, "G002", "warning", message, remedy)


def _unknown_cards(examples: Sequence[Example], cards: Sequence[Card]) -> Iterator[Problem]:
    known = {card.id for card in cards}
    for number, example in enumerate(examples, 1):
        if unknown := [card for card in example.meta.cards if card not in known]:
            message = f"カード {'・'.join(unknown)} が見つかりません。"
            remedy = "カードの id の綴りを確認するか、カードを足してください。"
            yield _problem(examples, (number,), "G001", "error", message, remedy)
