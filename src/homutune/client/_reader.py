"""What is done with an answer: read in its form, restored, checked, logged; and with a failure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from homutune.client._call_log import Call, CallLog, now
from homutune.client._errors import BadReply, friendly_errors
from homutune.client._formats import NotInForm, parse, validate
from homutune.client._placeholders import put_back
from homutune.client._question import Question
from homutune.client._router import Router
from homutune.client._types import Knowledge, Reply
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.settings import Settings

TRY_AGAIN = "もう一度実行し、続くときは別のモデルを指定してください。"


class Reader:
    """Turns what a model wrote into a :class:`Reply`, and logs what happened."""

    def __init__(
        self, settings: Settings, knowledge: Knowledge, router: Router, log: CallLog
    ) -> None:
        self._settings = settings
        self._knowledge = knowledge
        self._router = router
        self._log = log

    def reply(self, question: Question, finish: str | None, request_id: str | None) -> Reply:
        """The answer read, restored, checked and logged.

        Raises:
            NotInForm: it is not in the form asked for.
        """
        parsed = parse(question.raw, question.form)
        data = validate(put_back(parsed.data, question.key), question.schema)
        table = parsed.table and replace(
            parsed.table,
            header=tuple(put_back(list(parsed.table.header), question.key)),
            rows=tuple(tuple(put_back(list(row), question.key)) for row in parsed.table.rows),
        )
        text = put_back(question.raw, question.key)
        notes = [*question.notes, *parsed.notes]
        if finish == "length":
            notes.append("回答が長さの上限で途切れています。")
        if not question.raw.strip():
            notes.append("モデルの回答が空でした。")
        if problem := self.record(question, "ok", finish=finish, request_id=request_id):
            notes.append(problem)
        return Reply(
            text=text,
            model=question.model,
            requested=question.requested,
            finish_reason=finish,
            usage=question.usage,
            cost_jpy=question.cost_jpy,
            citations=tuple(self._knowledge.citations(text)),
            form=question.form,
            items=tuple(put_back(list(parsed.items), question.key)),
            table=table,
            data=data,
            notes=tuple(notes),
            attempts=question.attempts,
            latency_s=round(time.monotonic() - question.started, 3),
            request_id=request_id,
        )

    def settle(self, question: Question, counted: Any) -> None:
        """Book what the answer used."""
        self._router.settle(question, counted)

    @contextmanager
    def told(self, question: Question) -> Iterator[None]:
        """The block in which a question is on its way: errors are told in Japanese and logged."""
        try:
            with friendly_errors(self._settings):
                yield
        except Exception as error:
            # An answer that broke off has been worked for, and is paid for.
            if question.reserved is not None:
                self._router.settle(question, None)
            self.record(
                question,
                type(error).__name__,
                status=getattr(error, "status", None),
                request_id=getattr(error, "request_id", None),
            )
            raise

    def record(
        self,
        question: Question,
        outcome: str,
        *,
        status: int | None = 200,
        finish: str | None = None,
        request_id: str | None = None,
    ) -> str | None:
        """Log the question; a Japanese remark where that failed, which costs nobody an answer."""
        contents = self._settings.log_contents
        sent = json.dumps(question.messages, ensure_ascii=False) if contents else None
        call = Call(
            at=now(),
            requested=question.requested,
            model=question.model,
            server=_without_secrets(self._settings.base_url),
            outcome=outcome,
            status=status,
            prompt_tokens=question.usage.prompt_tokens,
            completion_tokens=question.usage.completion_tokens,
            cost_jpy=question.cost_jpy,
            latency_s=round(time.monotonic() - question.started, 3),
            attempts=question.attempts,
            finish_reason=finish,
            request_id=request_id,
            sent=sent,
            received=question.raw if contents else None,
        )
        try:
            self._log.add(call)
        except UserError as error:
            return f"呼び出しを記録できませんでした（{error.message}）。"
        return None


class Ending:
    """What a stream tells when a piece is read, and when it is over."""

    def __init__(self, reader: Reader, question: Question) -> None:
        self._reader = reader
        self._question = question

    @contextmanager
    def reading(self, raw: list[str]) -> Iterator[None]:
        """The block in which a piece is read; ``raw`` are those before it."""
        with self._reader.told(self._question):
            try:
                yield
            except Exception:
                self._question.raw = "".join(raw)
                raise

    def reply(self, raw: str, finish: str | None, usage: Any, request_id: str | None) -> Reply:
        """The whole answer, from the text as it was sent.

        Raises:
            BadReply: it is not in the form asked for.
        """
        self._question.raw = raw
        self._reader.settle(self._question, usage)
        with self._reader.told(self._question):
            try:
                return self._reader.reply(self._question, finish, request_id)
            except NotInForm as error:
                raise bad_reply(self._question, error, finish) from None

    def abandoned(self, raw: str) -> None:
        """The reader went away before the end."""
        self._question.raw = raw
        self._reader.settle(self._question, None)
        self._reader.record(self._question, "abandoned")


def bad_reply(question: Question, error: NotInForm, finish: str | None) -> BadReply:
    """The typed error for an answer that stayed out of form, with the answer."""
    if finish == "length":
        told = BadReply(
            "回答が長さの上限で途切れたため、指定の形で読めません。",
            remedy="max_tokens を大きくするか、質問を分けてください。",
        )
    else:
        told = BadReply(f"モデルの回答が指定の形になりませんでした（{error}）。", remedy=TRY_AGAIN)
    told.text = put_back(question.raw, question.key)
    return told


def _without_secrets(url: str) -> str:
    """``url`` without a user name and password, for the log."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
