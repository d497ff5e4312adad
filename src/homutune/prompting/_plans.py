"""Prompt plans: how a question is put to a model, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol

from homutune.data import Card, Example, Message, grounded_messages, plain_messages
from homutune.prompting._forms import instruction, schema_of, written_shot

Form = Literal["plain", "grounded"]
Output = Literal["text", "fields"]


class CardSearch(Protocol):
    """What :func:`build` needs of a retriever; ``homutune.data.Retriever`` is one."""

    def search(
        self,
        question: str,
        k: int = 3,
        exclude: Sequence[str] = (),
        *,
        only_relevant: bool = False,
    ) -> list[Card]:
        """The ``k`` best cards, best first, without those whose id is in ``exclude``.

        None with ``only_relevant``, if even the best is unlikely to answer.
        """
        ...


class ShotSearch(Protocol):
    """What :func:`build` needs to show examples; :class:`Shots` is one."""

    def choose(self, question: str, n: int) -> list[tuple[Example, tuple[Card, ...]]]:
        """``n`` examples for ``question`` with the cards that answer each."""
        ...


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """How a question is asked; stored with every run so that it can be asked again the same way.

    Attributes:
        name: name shown to the user and stored with results.
        form: ``plain`` sends the question alone, ``grounded`` adds reference notes.
        k: number of notes in the ``grounded`` form.
        only_relevant: put the question without notes where none is relevant, so that the model
            says that it cannot answer. A small model cannot tell the right note from
            the one that stands where the right one is missing (bench/RESULTS.md).
        max_tokens: limit of the answer. Our answers have 150 to 300 Japanese characters,
            up to 181 tokens of Gemma, so an answer that reaches 256 did not stop by itself.
        temperature: 0 is greedy decoding.
        system: system text instead of the form's own.
        shots: training pairs shown before the question (few-shot).
        reasoning: the model first reasons in a field of its own (chain of thought), which is
            kept in the log and never shown to the reader.
        output: ``text``, or ``fields``: conclusion, basis and caution as JSON, put together here.
    """

    name: str
    form: Form
    k: int = 3
    only_relevant: bool = True
    max_tokens: int = 256
    temperature: float = 0.0
    system: str | None = None
    shots: int = 0
    reasoning: bool = False
    output: Output = "text"

    def as_dict(self) -> dict[str, Any]:
        """What decides the requests; later fields only where they are set.

        A plan from before those fields existed keeps its identity, and its runs their names.
        """
        defaults = {field.name: field.default for field in fields(self)}
        return {
            key: value
            for key, value in asdict(self).items()
            if key in _FIRST or value != defaults[key]
        }


_FIRST = frozenset({"name", "form", "k", "max_tokens", "temperature"})

PLANS: dict[str, PromptPlan] = {
    "plain": PromptPlan("plain", "plain"),
    "grounded": PromptPlan("grounded", "grounded"),
}
#: What ``homutune eval search`` tries without a file: one thing changed at a time. Reasoning and
#: JSON need room.
SEARCH_PLANS: tuple[PromptPlan, ...] = (
    PLANS["grounded"],
    PromptPlan("grounded-k1", "grounded", k=1),
    PromptPlan("grounded-k5", "grounded", k=5),
    PromptPlan("grounded-shots2", "grounded", shots=2),
    PromptPlan("grounded-fields", "grounded", max_tokens=384, output="fields"),
    PromptPlan("grounded-reasoning", "grounded", max_tokens=640, reasoning=True),
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages ready to send.

    Attributes:
        messages: system message, the examples shown as user and assistant, the user message.
        cards: the notes shown, best match first, numbered 1, 2, …; empty if plain.
        shots: ids of the examples shown.
        schema: JSON schema of the reply, None for free text.
    """

    messages: tuple[Message, ...]
    cards: tuple[Card, ...] = ()
    shots: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None


def build(
    plan: PromptPlan,
    question: str,
    retriever: CardSearch | None = None,
    exclude: Sequence[str] = (),
    shots: ShotSearch | None = None,
) -> Prompt:
    """Make the messages for ``question``; the same arguments always give the same messages.

    Args:
        plan: one of :data:`PLANS` or your own.
        question: the user's text.
        retriever: where notes come from; needed by the ``grounded`` form only.
        exclude: ids of cards that must not be shown.
        shots: where examples come from; needed by plans with ``shots`` only. They must be
            training pairs: whoever evaluates keeps evaluation items out of it.

    Raises:
        ValueError: a grounded plan without a retriever, or one with shots without examples.
    """
    found: list[Card] = []
    if plan.form == "grounded":
        if retriever is None:
            raise ValueError("a grounded plan needs a retriever")
        # Best match first, as in training: the rank is evidence, and a small model needs it. What
        # the first hit alone would get stands beside the model's figure in every report.
        found = retriever.search(
            question, k=plan.k, exclude=exclude, only_relevant=plan.only_relevant
        )
    chosen: list[tuple[Example, tuple[Card, ...]]] = []
    if plan.shots:
        if shots is None:
            raise ValueError("a plan with shots needs examples")
        chosen = shots.choose(question, plan.shots)
    system, user = (
        plain_messages(question) if plan.form == "plain" else grounded_messages(question, found)
    )
    text = f"{plan.system or system['content']}{instruction(plan)}"
    shown = [
        message
        for number, (example, cards) in enumerate(chosen)
        for message in written_shot(plan, example, _notes(plan, chosen, number), cards)
    ]
    return Prompt(
        messages=({"role": "system", "content": text}, *shown, user),
        cards=tuple(found),
        shots=tuple(example.meta.id for example, _ in chosen),
        schema=schema_of(plan),
    )


def _notes(
    plan: PromptPlan, chosen: Sequence[tuple[Example, tuple[Card, ...]]], number: int
) -> tuple[Card, ...]:
    """The notes of an example: its own cards, and those of the next one to choose from.

    Every second example has its own cards last, or the model would learn to name [1].
    """
    if plan.form == "plain":
        return ()
    own = chosen[number][1]
    other = tuple(c for c in chosen[(number + 1) % len(chosen)][1] if c not in own)[:1]
    return (*own, *other) if number % 2 == 0 else (*other, *own)
