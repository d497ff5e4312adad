"""``LegalModel``: one model behind OpenAI's API, with everything around a question and its answer.

The way of a question: personal data is replaced, the name resolved, the circuit breaker and the
budget asked, the request made and repeated where that helps, another model put in the place of
one that has disappeared (``_router.py``); the answer is read, restored, checked and logged. The
way is written once, as steps; ``_steps.py`` walks it blocking or with asyncio.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from homutune.client import _model_names as names
from homutune.client._budget import Budget, Purse
from homutune.client._call_log import CallLog
from homutune.client._connect import refuse_external
from homutune.client._conversations import Conversation, ConversationStore
from homutune.client._errors import BadReply
from homutune.client._formats import INSTRUCTIONS, NotInForm
from homutune.client._placeholders import StreamRestorer
from homutune.client._question import Question, build_messages
from homutune.client._reader import TRY_AGAIN, Ending, Reader, bad_reply
from homutune.client._retry import CircuitBreaker, Retry
from homutune.client._router import Router
from homutune.client._steps import Walker, Way
from homutune.client._streams import AsyncReplyStream, ReplyStream
from homutune.client._types import (
    Askable,
    Form,
    Knowledge,
    Options,
    Price,
    Reply,
)
from homutune.errors import UserError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from homutune.settings import Settings

#: How often a model may correct an answer that is not in the form asked for.
REPAIRS = 1
_FREE = Price(0.0, 0.0, 0.0, "")
#: Most tokens assumed for an answer without a limit, when the budget is asked.
_LONG_ANSWER = 4096
#: A list of models is small; a server that does not bring it soon is asked without.
_LIST_S = 10.0


class LegalModel:
    """One model, asked in Japanese for legal work.

    >>> model = LegalModel("latest")                                        # doctest: +SKIP
    >>> model.ask("検収の期間は契約で変えられますか。", form="箇条書き").items  # doctest: +SKIP

    ``from homutune import LegalModel`` gives the class with law, registry, prices and 仮名化
    wired in; this one knows only what ``knowledge`` brings.

    Args:
        name: a model id, an alias of the settings, a job id, the suffix of a fine-tuned model
            (its newest), or ``latest``.
        settings: address, key, home; read from the environment where None.
        system: system text where the prompt brings none.
        options: how answers are sampled, unless a question says otherwise.
        fallback: models asked, in order, when this one has disappeared; the newest of the same
            suffix comes before them. None: ``fallback_models`` of the settings.
        pseudonymize: replace personal data before sending and put it back in the answer; None
            does so for every address that is not on this machine.
        no_external: refuse any address that is not on this machine (外部送信禁止); the
            settings' own mark cannot be taken away here.
        budget: limits of this object; the monthly limit is a setting.
        retry: how often and when a failed request is repeated.
        breaker: when to stop asking a failing server.
        timeout_s: for one request.
        knowledge: what law, data and tuning contribute.

    Raises:
        ExternalSendForbidden: the address is elsewhere and 外部送信禁止 is set.
        UserError: the settings cannot be used, or 仮名化 is demanded and not available.
    """

    def __init__(
        self,
        name: str = names.LATEST,
        *,
        settings: Settings | None = None,
        system: str | None = None,
        options: Options | None = None,
        fallback: Sequence[str] | None = None,
        pseudonymize: bool | None = None,
        no_external: bool = False,
        budget: Budget | None = None,
        retry: Retry | None = None,
        breaker: CircuitBreaker | None = None,
        timeout_s: float | None = None,
        knowledge: Knowledge | None = None,
    ) -> None:
        from homutune.settings import load_settings

        settings = settings or load_settings()
        if no_external and not settings.no_external:
            settings = settings.model_copy(update={"no_external": True})
        refuse_external(settings)
        self.settings = settings
        self.name = name
        self.options = options or Options()
        self.log = CallLog(settings.home)
        self._system = system
        self._knowledge = knowledge or Knowledge()
        self._pseudonymize = self._wants_placeholders(pseudonymize)
        self._timeout_s = timeout_s
        self._store = ConversationStore(settings.home)
        self._walker = Walker(settings)
        self._router = Router(
            name,
            settings,
            self._knowledge,
            settings.fallback_models if fallback is None else list(fallback),
            Purse(budget or Budget(), settings.monthly_budget_jpy, self.log),
            retry or Retry(),
            breaker or CircuitBreaker(),
        )
        self._reader = Reader(settings, self._knowledge, self._router, self.log)

    # --- Asking --------------------------------------------------------------------------------

    def ask(
        self,
        prompt: Askable,
        *,
        form: Form = "文章",
        schema: type[BaseModel] | dict[str, Any] | None = None,
        system: str | None = None,
        options: Options | None = None,
    ) -> Reply:
        """Ask and wait for the whole answer.

        Args:
            prompt: a question, messages, or what :func:`homutune.prompting.build` made.
            form: the layout; 箇条書き fills ``items``, 表 ``table``, JSON ``data``.
            schema: a pydantic model or a JSON Schema; implies JSON.
            system: system text where ``prompt`` brings none.
            options: instead of the model's own.

        Raises:
            ModelError: no answer; the subclass says why.
            BadReply: the answer is not in the form asked for, even when asked again.
        """
        question = self._question(prompt, form, schema, system, options)
        return self._walker.walk(self._answered(question))  # type: ignore[no-any-return]

    async def aask(
        self,
        prompt: Askable,
        *,
        form: Form = "文章",
        schema: type[BaseModel] | dict[str, Any] | None = None,
        system: str | None = None,
        options: Options | None = None,
    ) -> Reply:
        """:meth:`ask` for asyncio."""
        question = self._question(prompt, form, schema, system, options)
        return await self._walker.awalk(self._answered(question))  # type: ignore[no-any-return]

    def stream(
        self,
        prompt: Askable,
        *,
        form: Form = "文章",
        schema: type[BaseModel] | dict[str, Any] | None = None,
        system: str | None = None,
        options: Options | None = None,
    ) -> ReplyStream:
        """Ask and get the answer piece by piece; ``.reply`` is complete once all was read.

        The request is repeated only until the first piece has come.

        Raises:
            ModelError: as :meth:`ask`; also while reading.
        """
        question = self._question(prompt, form, schema, system, options)
        chunks = self._walker.walk(self._opened(question))
        ending = Ending(self._reader, question)
        return ReplyStream(chunks, StreamRestorer(question.key), ending)

    async def astream(
        self,
        prompt: Askable,
        *,
        form: Form = "文章",
        schema: type[BaseModel] | dict[str, Any] | None = None,
        system: str | None = None,
        options: Options | None = None,
    ) -> AsyncReplyStream:
        """:meth:`stream` for asyncio."""
        question = self._question(prompt, form, schema, system, options)
        chunks = await self._walker.awalk(self._opened(question))
        return AsyncReplyStream(
            chunks, StreamRestorer(question.key), Ending(self._reader, question)
        )

    def conversation(self, conversation_id: str | None = None, **options: Any) -> Conversation:
        """A new conversation, or a saved one reopened; see :class:`Conversation`.

        Raises:
            UserError: no such conversation.
        """
        return Conversation(self, self._store, conversation_id, **options)

    def resolve(self) -> str:
        """The model that would answer now.

        Raises:
            ModelError: the server could not be asked.
        """
        return self._walker.walk(self._router.resolved())  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the connections of the blocking client."""
        self._walker.close()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._walker.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- Building the request ------------------------------------------------------------------

    def _wants_placeholders(self, wanted: bool | None) -> bool:
        possible = self._knowledge.pseudonymize is not None
        if wanted and not possible:
            raise UserError(
                "仮名化の部品がないため、仮名化して送信できません。",
                remedy="from homutune import LegalModel の LegalModel を使ってください。",
            )
        return possible and not self.settings.stays_inside if wanted is None else wanted

    def _question(
        self,
        prompt: Askable,
        form: Form,
        schema: type[BaseModel] | dict[str, Any] | None,
        system: str | None,
        options: Options | None,
    ) -> Question:
        form = "JSON" if schema is not None else form
        messages = build_messages(prompt, system or self._system, INSTRUCTIONS[form])
        key: Mapping[str, str] = {}
        if self._pseudonymize and self._knowledge.pseudonymize is not None:
            messages, key = self._knowledge.pseudonymize(messages)
        return Question(
            messages=messages,
            key=key,
            form=form,
            schema=schema,
            options=options or self.options,
            requested=self.name,
            started=time.monotonic(),
            timeout_s=self._timeout_s,
        )

    def _answered(self, question: Question) -> Way:
        """To the whole answer; an answer out of form is sent back with what is wrong with it."""
        with self._reader.told(question):
            for repairs_left in range(REPAIRS, -1, -1):
                completion = yield from self._router.accepted(question, stream=False)
                choice = next(iter(getattr(completion, "choices", None) or ()), None)
                if choice is None:
                    raise BadReply("サーバーが空の応答を返しました。", remedy=TRY_AGAIN)
                question.raw = choice.message.content or ""
                self._router.settle(question, completion.usage)
                try:
                    return self._reader.reply(
                        question, choice.finish_reason, completion._request_id
                    )
                except NotInForm as error:
                    if not repairs_left or choice.finish_reason == "length":
                        raise bad_reply(question, error, choice.finish_reason) from None
                    question.notes.append(f"{error}もう一度答えさせました。")
                    question.messages = [
                        *question.messages,
                        {"role": "assistant", "content": question.raw},
                        {"role": "user", "content": f"{error}{INSTRUCTIONS[question.form]}"},
                    ]
        raise AssertionError("unreachable")

    def _opened(self, question: Question) -> Way:
        """To a stream whose first byte has come."""
        with self._reader.told(question):
            return (yield from self._router.accepted(question, stream=True))
