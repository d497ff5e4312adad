"""Who answers a judge's question: a model by name, or a mock that needs none.

The mocks ship with the product: they show what the report looks like before anybody pays for a
judge, and each of them has the fault that the safeguards must find.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from homutune.data import Message, points_met
from homutune.errors import UserError
from homutune.evaluation._answers import SEED, patiently
from homutune.evaluation._judging import Question

if TYPE_CHECKING:
    import openai

#: A quotation, one sentence and a number.
MAX_TOKENS = 700


class Judge(Protocol):
    """Answers questions with the text of a reply."""

    @property
    def name(self) -> str:
        """What is stored and shown."""
        ...

    def reply(self, question: Question) -> str:
        """The raw reply; ``openai.APIError`` where there is none."""
        ...


class StructuredModel:
    """Any model behind OpenAI's API, asked for a reply in the form of a JSON schema.

    Models differ in what they accept: a parameter that the server refuses is left out from then
    on, so that reasoning models and small servers can be asked as well.

    Args:
        form: name of the schema, as the API wants one.
    """

    def __init__(
        self,
        client: openai.OpenAI,
        model: str,
        *,
        form: str = "reply",
        temperature: float = 0.0,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        self.name = model
        self._client = client
        self._form = form
        self._options: dict[str, Any] = {
            "temperature": temperature,
            "seed": SEED,
            "max_tokens": max_tokens,
            "response_format": {},
        }

    def ask(
        self, messages: Sequence[Message], schema: Mapping[str, Any], *, seed: int = SEED
    ) -> str:
        """The text of the reply, "" where there is none; with the schema where one is taken.

        Raises:
            openai.APIError: there is no reply.
        """
        import openai

        while True:
            options = dict(self._options)
            if "seed" in options:
                options["seed"] = seed
            if "response_format" in options:
                form = {"name": self._form, "strict": True, "schema": dict(schema)}
                options["response_format"] = {"type": "json_schema", "json_schema": form}
            try:
                sent: list[Any] = [dict(message) for message in messages]
                answer = patiently(
                    functools.partial(
                        self._client.chat.completions.create,
                        model=self.name,
                        messages=sent,
                        **options,
                    )
                )
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                refused = [n for n in options if error.param == n or n in str(error.message)]
                if not refused:
                    raise
                for name in refused:
                    self._options.pop(name, None)
                continue
            return str(answer.choices[0].message.content or "") if answer.choices else ""


class ModelJudge:
    """Any model behind OpenAI's API."""

    def __init__(self, client: openai.OpenAI, model: str) -> None:
        self.name = model
        self._model = StructuredModel(client, model, form="verdict")

    def reply(self, question: Question) -> str:
        """Ask, with the JSON schema where the server takes one."""
        return self._model.ask(question.messages(), question.schema)


class MockJudge:
    """Judges by rule.

    ``careful`` counts rubric points; ``position`` always prefers the first answer; ``length``
    prefers the longer one; ``prose`` writes a sentence instead of JSON.
    """

    STYLES = ("careful", "position", "length", "prose")

    def __init__(self, style: str = "careful") -> None:
        if style not in self.STYLES:
            raise UserError(
                f"模擬審査員「{style}」はありません。",
                remedy="mock:careful・mock:position・mock:length・mock:prose から選んでください。",
            )
        self.style = style
        self.name = f"mock:{style}"

    def reply(self, question: Question) -> str:
        """A reply in the form asked for, unless the style is ``prose``."""
        if self.style == "prose":
            return "どちらかといえば、よく書けていると思います。"
        marks = [self._mark(question, number, text) for number, text in enumerate(question.answers)]
        quotes = [text.strip()[:30] for text in question.answers]
        reason = "模擬審査員が規則で判定しました。"
        if len(marks) == 1:
            return _json(evidence=quotes[0], reason=reason, score=round(1 + 4 * marks[0]))
        winner = "tie" if marks[0] == marks[1] else "1" if marks[0] > marks[1] else "2"
        return _json(evidence_1=quotes[0], evidence_2=quotes[1], reason=reason, winner=winner)

    def _mark(self, question: Question, number: int, text: str) -> float:
        """Between 0 and 1; higher is better."""
        if self.style == "position":
            return 1.0 - number
        if self.style == "length":
            return len(text) / (len(text) + 400)
        must = question.item.meta.must or (question.item.answer[:8],)
        met = sum(points_met(point, text) for point in must)
        wrong = sum(points_met(point, text) for point in question.item.meta.must_not)
        return max(0, met - wrong) / len(must)


def _json(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False)
