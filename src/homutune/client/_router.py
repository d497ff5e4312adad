"""From a question to a response with status 200: names, breaker, budget, repetitions, fallback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from homutune.client import _model_names as names
from homutune.client._budget import Purse
from homutune.client._errors import ModelNotFound
from homutune.client._question import Question, adapt
from homutune.client._retry import CircuitBreaker, Retry, is_outage
from homutune.client._steps import ListModels, Pause, Send, Way
from homutune.client._tokens import count_message_tokens
from homutune.client._types import ChatMessage, Knowledge, Price, Usage

if TYPE_CHECKING:
    import openai

    from homutune.settings import Settings

_FREE = Price(0.0, 0.0, 0.0, "")
#: Most tokens assumed for an answer without a limit, when the budget is asked.
_LONG_ANSWER = 4096


class Router:
    """Finds the model that a name means and gets a response out of it."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        knowledge: Knowledge,
        fallback: Sequence[str],
        purse: Purse,
        retry: Retry,
        breaker: CircuitBreaker,
    ) -> None:
        self._name = name
        self._settings = settings
        self._knowledge = knowledge
        self._fallback = fallback
        self._purse = purse
        self._retry = retry
        self._breaker = breaker
        self._model: str | None = None
        #: Said with every answer, and with the first one only.
        self._remark: str | None = None
        self._first_remark: str | None = None

    def accepted(self, question: Question, *, stream: bool) -> Way:
        """To a response with status 200, from the model wanted or from one in its place."""
        import openai

        self._breaker.check()
        model = yield from self.resolved()
        if self._remark and self._remark not in question.notes:
            question.notes.append(self._remark)
        if self._first_remark:
            question.notes.append(self._first_remark)
            self._first_remark = None
        gone: list[str] = []
        waiting = [model]
        while True:
            question.model = waiting.pop(0)
            try:
                response = yield from self._repeated(question, stream=stream)
            except openai.NotFoundError as error:
                if not _is_about_the_model(error):
                    raise
                gone.append(question.model)
                if len(gone) == 1:
                    listed = yield ListModels()
                    waiting = names.successors(gone[0], listed, self._fallback)
                if not waiting:
                    self._model = None  # it may come back
                    raise _nobody_left(gone) from error
                continue
            if gone:
                self._model = question.model
                self._remark = (
                    f"モデル {gone[0]} がサーバーにないため、{question.model} が答えました。"
                )
                question.notes.append(self._remark)
            return response

    def _repeated(self, question: Question, *, stream: bool) -> Way:
        """One model, with repetitions; the SDK itself repeats nothing."""
        import openai

        body = question.body(stream=stream)
        attempt = 0
        while True:
            attempt += 1
            question.attempts += 1
            self._reserve(question)
            try:
                response = yield Send(body)
            except openai.APIError as error:
                self._give_back(question)
                if adapt(body, error):
                    attempt -= 1
                    continue
                pause = self._retry.pause(error, attempt, local=self._settings.is_local)
                if pause is None:
                    if is_outage(error):
                        self._breaker.failed()
                    else:  # it refuses, so it is alive
                        self._breaker.succeeded()
                    raise
                yield Pause(pause)
            except BaseException:
                self._give_back(question)
                raise
            else:
                self._breaker.succeeded()
                return response

    def resolved(self) -> Way:
        """To the id of the model that would answer now."""
        if self._model is not None:
            return self._model
        name = names.apply_alias(self._name, self._settings.model_aliases)
        found = names.from_registry(name, self._knowledge.registered(self._settings.base_url))
        if found is None:
            listed = yield ListModels()
            found = names.from_server(name, listed)
        if found is None and name == names.LATEST:
            found = self._settings.base_model
            self._first_remark = (
                f"学習したモデルがまだないため、ベースモデル {found} が答えました。"
                "homutune tune start で学習できます。"
            )
        self._model = found or name
        return self._model

    def _price(self, model: str) -> Price | None:
        return _FREE if self._settings.is_local else self._knowledge.price(model)

    def _reserve(self, question: Question) -> None:
        most = Usage(
            count_message_tokens(question.messages), question.options.max_tokens or _LONG_ANSWER
        )
        question.reserved = self._purse.reserve(most, self._price(question.model))

    def _give_back(self, question: Question) -> None:
        if question.reserved is not None:
            self._purse.settle(question.reserved, Usage(), self._price(question.model))
            question.reserved = None

    def settle(self, question: Question, counted: Any) -> None:
        """Book what one answer used; where the server does not count, an estimate."""
        if counted is not None:
            used = Usage(counted.prompt_tokens or 0, counted.completion_tokens or 0)
        else:
            answer: ChatMessage = {"role": "assistant", "content": question.raw}
            used = Usage(count_message_tokens(question.messages), count_message_tokens([answer]))
        price = self._price(question.model)
        question.usage += used
        known = price is not None and question.cost_jpy is not None
        question.cost_jpy = question.cost_jpy + price.jpy(used) if known else None  # type: ignore[operator,union-attr]
        if question.reserved is not None:
            self._purse.settle(question.reserved, used, price)
            question.reserved = None


def _is_about_the_model(error: openai.NotFoundError) -> bool:
    return (
        error.code == "model_not_found"
        or error.param == "model"
        or "model" in error.message.lower()
    )


def _nobody_left(gone: Sequence[str]) -> ModelNotFound:
    error = ModelNotFound(
        f"モデル {'・'.join(gone)} がサーバーにありません。",
        remedy="使えるモデルは homutune tune models で確認できます。代わりのモデルは"
        "設定 fallback_models に書けます。",
    )
    error.status = 404
    return error
