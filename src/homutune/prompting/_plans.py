"""Prompt plans: a question alone, or a question with the notes that retrieval brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from homutune.data import RELEVANT, Card, Message, grounded_messages, plain_messages

Form = Literal["plain", "grounded"]


class CardSearch(Protocol):
    """What :func:`build` needs of a retriever; ``homutune.data.Retriever`` is one."""

    def search(
        self,
        question: str,
        k: int = 3,
        exclude: Sequence[str] = (),
        *,
        relevant: float = 0.0,
    ) -> list[Card]:
        """The ``k`` best cards, best first, without those whose id is in ``exclude``.

        None if the best scores less than ``relevant``.
        """
        ...


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """How a question is asked; stored with every run so that it can be asked again the same way.

    Attributes:
        name: name shown to the user and stored with results.
        form: ``plain`` sends the question alone, ``grounded`` adds reference notes.
        k: number of notes in the ``grounded`` form.
        relevant: score the best note must reach; otherwise the question is put without any, and
            the model says that it cannot answer. A small model cannot tell the right note from
            the one that stands where the right one is missing (bench/RESULTS.md).
        max_tokens: limit of the answer. Our answers have 150 to 300 Japanese characters,
            up to 181 tokens of Gemma, so an answer that reaches 256 did not stop by itself.
        temperature: 0 is greedy decoding.
    """

    name: str
    form: Form
    k: int = 3
    relevant: float = RELEVANT
    max_tokens: int = 256
    temperature: float = 0.0


PLANS: dict[str, PromptPlan] = {
    "plain": PromptPlan("plain", "plain"),
    "grounded": PromptPlan("grounded", "grounded"),
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages ready to send.

    Attributes:
        messages: system and user message.
        cards: the notes shown, best match first, numbered 1, 2, …; empty if plain.
    """

    messages: tuple[Message, ...]
    cards: tuple[Card, ...] = ()


def build(
    plan: PromptPlan,
    question: str,
    retriever: CardSearch | None = None,
    exclude: Sequence[str] = (),
) -> Prompt:
    """Make the messages for ``question``; the same arguments always give the same messages.

    Args:
        plan: one of :data:`PLANS` or your own.
        question: the user's text.
        retriever: where notes come from; needed by the ``grounded`` form only.
        exclude: ids of cards that must not be shown.

    Raises:
        ValueError: a grounded plan without a retriever.
    """
    if plan.form == "plain":
        return Prompt(tuple(plain_messages(question)))
    if retriever is None:
        raise ValueError("a grounded plan needs a retriever")
    found = retriever.search(question, k=plan.k, exclude=exclude, relevant=plan.relevant)
    # Best match first, as in training: the rank is evidence, and a small model needs it. What the
    # first hit alone would get stands beside the model's figure in every report.
    return Prompt(tuple(grounded_messages(question, found)), tuple(found))
