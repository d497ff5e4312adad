"""The things that flow through the house: examples, cards, prompts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

Role = Literal["system", "user", "assistant", "tool", "function"]

#: The four kinds of question the course asks for (課題1-1).
KINDS = (
    "契約書に関する質問",
    "法律解釈に関する質問",
    "リスク分析に関する質問",
    "実務上のアドバイスに関する質問",
)

#: Kinds of difficulty of a grounded question: one card answers; two cards are needed; a card that
#: looks right (another threshold, party or law) is among the notes; only part of the question is
#: answered; the question assumes something wrong.
CASES = ("single", "two_cards", "near_miss", "partial", "false_premise")


class Message(TypedDict, total=False):
    """One chat message in OpenAI's form; ``weight`` 0 or 1 only on assistant messages."""

    role: Role
    content: str
    name: str
    weight: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where an example was read: file and line (from 1), so that a message can point there."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Meta:
    """What we know about an example besides its text; never sent to a provider."""

    id: str
    kind: str | None = None
    field: str | None = None
    topic: str | None = None
    #: Examples of one group stay on one side of a split.
    group: str | None = None
    #: Ids of the cards that answer the question.
    cards: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    #: Rubric points; alternatives inside one point are separated by ``|``.
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    #: Date of the law the answer states, ISO 8601.
    as_of: str | None = None
    origin: str | None = None
    #: What makes the question hard, so that an evaluation can be broken down by it; one of
    #: :data:`CASES`, None for an ordinary question that its card answers.
    case: str | None = None
    #: Ids of cards that look right for the question and are not.
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation to learn from, with what we know about it."""

    messages: tuple[Message, ...]
    meta: Meta
    source: Source | None = None
    #: The JSON line as read, only where it holds more or less than a chat; for the checks.
    raw: Any = field(default=None, repr=False)

    def text_of(self, role: Role) -> str:
        """Contents of all messages of ``role``, joined by a line break; "" where there is none."""
        return "\n".join(
            content
            for message in self.messages
            if message.get("role") == role and isinstance(content := message.get("content"), str)
        )

    @property
    def system(self) -> str:
        """The system text."""
        return self.text_of("system")

    @property
    def question(self) -> str:
        """The user's text."""
        return self.text_of("user")

    @property
    def answer(self) -> str:
        """The assistant's text."""
        return self.text_of("assistant")


@dataclass(frozen=True, slots=True)
class Card:
    """解説カード: one rule in our own words, with its articles and the date of the law."""

    id: str
    title: str
    field: str
    text: str
    articles: tuple[str, ...] = ()
    as_of: str | None = None
    #: Day on which the text was compared with the articles, if it was.
    reviewed: str | None = None
    #: Questions the card answers, in the words of those who ask; only for finding the card
    #: (document expansion, as in doc2query, Nogueira et al. 2019), never shown to a model.
    asks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingLine:
    """One line of a training file, with the example and the case it was made from."""

    messages: tuple[Message, ...]
    example_id: str
    #: ``plain``, one of :data:`CASES` (the right cards are among the notes), or ``none`` (they
    #: were withheld).
    case: str
    #: Ids of the cards shown, in the order of their reference numbers 1, 2, ….
    shown: tuple[str, ...] = ()
    #: Reference numbers of the cards that answer the question; empty for an abstention.
    expected: tuple[int, ...] = ()

    def as_provider_line(self) -> dict[str, Any]:
        """Only what a provider accepts: ``{"messages": […]}``."""
        return {"messages": [dict(message) for message in self.messages]}


@dataclass(slots=True)
class Manifest:
    """What a dataset version is, written last: its presence proves that the folder is complete."""

    name: str
    created_at: str
    counts: dict[str, int] = field(default_factory=dict)
    seed: int = 42
    valid_ratio: float = 0.2
    as_of: str | None = None
    parents: list[str] = field(default_factory=list)
    checks: dict[str, int] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
