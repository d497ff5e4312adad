"""What the checks found, kept small however many examples there were."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homutune.data._checks._rules import RULES, Rule, Severity
from homutune.data._types import Example

#: Problems told in full for each rule; the others are counted, and their numbers kept.
KEPT = 100
#: Example numbers named in one problem and, for each rule, in the JSON report.
NAMED = 20
LISTED = 1000
_AROUND = 24


class Fault(NamedTuple):
    """One fault of one example, as a check tells it."""

    id: str
    message: str
    remedy: str
    #: What stands before the fault, the fault, and what follows.
    excerpt: tuple[str, str, str] | None = None


def excerpt(text: str, start: int, end: int, hit: str | None = None) -> tuple[str, str, str]:
    """``text[start:end]`` (or ``hit`` in its place) with some characters around it."""
    before = text[max(0, start - _AROUND) : start]
    return before, text[start:end] if hit is None else hit, text[end : end + _AROUND]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. ``id`` names its rule."""

    id: str
    severity: Severity
    #: Numbers of the examples concerned, from 1; the first :data:`NAMED` of a larger group.
    examples: tuple[int, ...]
    message: str
    remedy: str
    file: str | None = None
    line: int | None = None
    excerpt: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """All problems of one rule."""

    rule: Rule
    #: How many problems there are, and how many examples they concern.
    count: int
    n_examples: int
    #: Numbers of the examples, from 1, in order: all of them, four bytes each.
    numbers: Sequence[int]
    #: The first :data:`KEPT` problems.
    problems: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; at most :data:`LISTED` numbers."""
        return {
            **asdict(self.rule),
            "count": self.count,
            "n_examples": self.n_examples,
            "examples": list(self.numbers[:LISTED]),
        }


@dataclass(frozen=True, slots=True)
class Lengths:
    """Characters: least, median, most."""

    min: int
    median: int
    max: int


@dataclass(frozen=True, slots=True)
class Sampled:
    """An example drawn for the map of questions."""

    number: int
    field: str
    question: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What a set consists of, in numbers of examples: what an advice is drawn from."""

    #: Answers under 「結論：」, that name an article, that hold a period, amount or rate.
    concluded: int = 0
    cited: int = 0
    with_figures: int = 0
    #: Examples that name the cards they rest on.
    linked: int = 0
    #: Different articles named.
    articles: int = 0
    #: Oldest and newest date of the law, ISO 8601.
    as_of: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the checks found, and what the set consists of."""

    findings: tuple[Finding, ...]
    n: int
    by_kind: dict[str, int]
    by_field: dict[str, int]
    #: Examples by field and kind.
    table: dict[str, dict[str, int]]
    question_characters: Lengths
    answer_characters: Lengths
    #: Examples by length of answer: (from, up to and without, number).
    histogram: tuple[tuple[int, int, int], ...]
    profile: Profile
    sample: tuple[Sampled, ...] = field(default=(), repr=False)
    #: Embeddings of the sample, one row each; None: meanings were not compared.
    vectors: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)

    @property
    def meanings(self) -> int:
        """How many questions were compared by meaning (rule D008)."""
        return 0 if self.vectors is None else len(self.vectors)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems kept, errors first, in the order of the examples."""
        kept = (problem for finding in self.findings for problem in finding.problems)
        return tuple(sorted(kept, key=lambda p: (p.severity, p.examples[:1], p.id)))

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
        return not self.summary["errors"]

    @property
    def summary(self) -> dict[str, int]:
        """Numbers of errors and warnings, as kept in a dataset's manifest."""
        return {
            f"{severity}s": sum(f.count for f in self.findings if f.rule.severity == severity)
            for severity in ("error", "warning")
        }

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "ok": self.ok,
            **self.summary,
            "n": self.n,
            "by_kind": self.by_kind,
            "by_field": self.by_field,
            "table": self.table,
            "question_characters": asdict(self.question_characters),
            "answer_characters": asdict(self.answer_characters),
            "profile": asdict(self.profile),
            "compared_by_meaning": self.meanings,
            "findings": [finding.to_dict() for finding in self.findings],
            "problems": [asdict(problem) for problem in self.problems],
        }


class Collector:
    """Takes faults one after the other; remembers where each example stands in its file."""

    def __init__(self) -> None:
        self.n = 0
        self._lines = array("I")
        self._files: list[tuple[int, str]] = []  # first example of each file
        self._count: dict[str, int] = {}
        self._numbers: dict[str, array[int]] = {}
        self._kept: dict[str, list[Problem]] = {}

    def begin(self, example: Example) -> int:
        """The number of the next example, which is ``example``."""
        self.n += 1
        source = example.source
        name = source.file if source else ""
        if not self._files or self._files[-1][1] != name:
            self._files.append((self.n, name))
        self._lines.append(source.line if source else 0)
        return self.n

    def add(self, numbers: Iterable[int], fault: Fault) -> None:
        """Keep ``fault`` of the examples ``numbers``; it points to the line of the last named."""
        rule = RULES[fault.id]
        numbers = tuple(numbers)
        kept = self._kept.setdefault(fault.id, [])
        self._count[fault.id] = self._count.get(fault.id, 0) + 1
        self._numbers.setdefault(fault.id, array("I")).extend(numbers)
        if len(kept) >= KEPT:
            return
        named = numbers[:NAMED]
        file, line = self._place(named[-1]) if named else (None, None)
        kept.append(
            Problem(
                fault.id, rule.severity, named, fault.message, fault.remedy, file, line,
                fault.excerpt,
            )
        )  # fmt: skip

    def _place(self, number: int) -> tuple[str | None, int | None]:
        name = next((file for first, file in reversed(self._files) if first <= number), "")
        return (name or None), (self._lines[number - 1] or None)

    def findings(self) -> tuple[Finding, ...]:
        """Errors first, then by id."""
        found = []
        for rule_id, count in self._count.items():
            numbers = array("I", sorted(set(self._numbers[rule_id])))
            found.append(
                Finding(RULES[rule_id], count, len(numbers), numbers, tuple(self._kept[rule_id]))
            )
        return tuple(sorted(found, key=lambda f: (f.rule.severity, f.rule.id)))
