"""Conversations: kept in SQLite, trimmed by tokens when sent, reopened by id."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homutune.client._call_log import now
from homutune.client._database import open_database
from homutune.client._tokens import count_message_tokens, count_tokens
from homutune.client._types import ChatMessage, Reply
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.client._legal_model import LegalModel
    from homutune.client._streams import AsyncReplyStream, ReplyStream

#: Tokens of earlier turns that are sent along.
HISTORY_TOKENS = 2000
_TITLE = 30
_SUMMARY_LINE = 120


@dataclass(frozen=True, slots=True)
class Turn:
    """A question, its answer, and what was known about the answer (``Reply.as_dict``)."""

    question: str
    answer: str
    details: dict[str, Any]
    created_at: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A line of the list of conversations."""

    id: str
    title: str
    model: str
    turns: int
    updated_at: str


def extract_summary(turns: Sequence[Turn]) -> str:
    """The turns in a line each: the question, and the conclusion or first sentence of the answer.

    Taken from the text itself, so that a summary can say nothing that was not said.
    """
    return "\n".join(f"・{_short(turn.question)} → {_conclusion(turn.answer)}" for turn in turns)


def _conclusion(answer: str) -> str:
    marked = re.search(r"結論[:：]\s*(\S[^\n]*)", answer)
    first = marked[1] if marked else re.sub(r"\A\s*参照[:：][^\n]*\n", "", answer).strip()
    return _short(re.split(r"(?<=。)", first, maxsplit=1)[0])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SUMMARY_LINE else line[: _SUMMARY_LINE - 1] + "…"


class ConversationStore:
    """The conversations of a home."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def recent(self, limit: int = 50) -> list[Saved]:
        """The latest conversations, the one last used first."""
        with open_database(self._home) as database:
            rows = database.execute(
                "SELECT id, title, model, (SELECT COUNT(*) FROM turns WHERE conversation = id), "
                "updated_at FROM conversations ORDER BY updated_at DESC, rowid DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [Saved(*row) for row in rows]

    def load(self, conversation_id: str) -> tuple[list[Turn], str, int]:
        """All turns, the summary, and how many turns it covers.

        Raises:
            UserError: no such conversation.
        """
        with open_database(self._home) as database:
            head = database.execute(
                "SELECT summary, summarized FROM conversations WHERE id = ?", (conversation_id,)
            ).fetchone()
            rows = database.execute(
                "SELECT question, answer, details, created_at FROM turns "
                "WHERE conversation = ? ORDER BY number",
                (conversation_id,),
            ).fetchall()
        if head is None:
            raise UserError(
                f"会話「{conversation_id}」はありません。",
                remedy="会話の一覧は homutune chat --list で確認できます。",
            )
        turns = [Turn(q, a, json.loads(details), at) for q, a, details, at in rows]
        return turns, head["summary"], head["summarized"]

    def append(self, conversation_id: str, model: str, turn: Turn) -> None:
        """Save a turn; the first one makes the conversation and gives it its title."""
        with open_database(self._home) as database:
            database.execute(
                "INSERT INTO conversations (id, title, model, created_at, updated_at) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT(id) "
                "DO UPDATE SET updated_at = excluded.updated_at, model = excluded.model",
                (conversation_id, _title(turn.question), model, turn.created_at, turn.created_at),
            )
            # Two windows on one conversation: each turn gets a number of its own.
            database.execute(
                "INSERT INTO turns SELECT ?, COALESCE(MAX(number), 0) + 1, ?, ?, ?, ? "
                "FROM turns WHERE conversation = ?",
                (
                    conversation_id,
                    turn.question,
                    turn.answer,
                    json.dumps(turn.details, ensure_ascii=False, default=str),
                    turn.created_at,
                    conversation_id,
                ),
            )

    def save_summary(self, conversation_id: str, summary: str, covered: int) -> None:
        """Keep the summary of the first ``covered`` turns."""
        with open_database(self._home) as database:
            database.execute(
                "UPDATE conversations SET summary = ?, summarized = ? WHERE id = ?",
                (summary, covered, conversation_id),
            )

    def delete(self, conversation_id: str) -> None:
        """Delete a conversation with all its turns.

        Raises:
            UserError: no such conversation.
        """
        self.load(conversation_id)
        with open_database(self._home) as database:
            database.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))


def _title(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= _TITLE else line[: _TITLE - 1] + "…"


class Conversation:
    """A conversation with a model: what was said before is sent along, as far as it fits.

    Args:
        model: who answers.
        store: where it is kept.
        conversation_id: a saved one; None begins a new one, saved with its first answer.
        max_history_tokens: of earlier turns sent along; older ones are sent as a summary.
        summarize: makes the summary of the turns that no longer fit.

    Raises:
        UserError: no such conversation.
    """

    def __init__(
        self,
        model: LegalModel,
        store: ConversationStore,
        conversation_id: str | None = None,
        *,
        max_history_tokens: int = HISTORY_TOKENS,
        summarize: Callable[[Sequence[Turn]], str] = extract_summary,
    ) -> None:
        self.id = conversation_id or f"c-{secrets.token_hex(4)}"
        self.turns: list[Turn] = []
        self._summary, self._summarized = "", 0
        if conversation_id is not None:
            self.turns, self._summary, self._summarized = store.load(conversation_id)
        self._model = model
        self._store = store
        self._limit = max_history_tokens
        self._summarize = summarize

    def ask(self, question: str, **options: Any) -> Reply:
        """Ask; ``options`` as for :meth:`LegalModel.ask`. A failed question is not kept."""
        reply = self._model.ask(self.messages(question), **options)
        self.add(question, reply)
        return reply

    async def aask(self, question: str, **options: Any) -> Reply:
        """:meth:`ask` for asyncio."""
        reply = await self._model.aask(self.messages(question), **options)
        self.add(question, reply)
        return reply

    def stream(self, question: str, **options: Any) -> ReplyStream:
        """Ask and get the answer piece by piece; kept once it was read to its end."""
        stream = self._model.stream(self.messages(question), **options)
        stream.on_reply = lambda reply: self.add(question, reply)
        return stream

    async def astream(self, question: str, **options: Any) -> AsyncReplyStream:
        """:meth:`stream` for asyncio."""
        stream = await self._model.astream(self.messages(question), **options)
        stream.on_reply = lambda reply: self.add(question, reply)
        return stream

    def messages(self, question: str) -> list[ChatMessage]:
        """What is sent for ``question``: a summary, the latest turns and the question.

        The limit holds for summary and turns together; the question always goes.
        """
        kept = self._kept()
        if (covered := len(self.turns) - len(kept)) > self._summarized:
            self._summary = self._summarize(self.turns[:covered])
            self._summarized = covered
            self._store.save_summary(self.id, self._summary, covered)
        messages: list[ChatMessage] = []
        if covered and self._summary:
            room = self._limit - count_message_tokens(_as_messages(kept))
            if summary := _latest_lines(self._summary, max(room, self._limit // 4)):
                told = f"これまでのやり取りの要約\n{summary}"
                messages += [
                    {"role": "user", "content": told},
                    {"role": "assistant", "content": "承知しました。"},
                ]
        messages += _as_messages(kept)
        return [*messages, {"role": "user", "content": question}]

    def add(self, question: str, reply: Reply, **details: Any) -> None:
        """Keep a question and its answer.

        Raises:
            UserError: the database cannot be written.
        """
        turn = Turn(question, reply.text, {**reply.as_dict(), **details}, now())
        self._store.append(self.id, reply.model, turn)
        self.turns.append(turn)

    def _kept(self) -> list[Turn]:
        """The latest turns that fit into three quarters of the limit (all of it, if all fit)."""
        if count_message_tokens(_as_messages(self.turns)) <= self._limit:
            return self.turns
        left = self._limit - self._limit // 4
        kept: list[Turn] = []
        for turn in reversed(self.turns):
            left -= count_message_tokens(_as_messages([turn]))
            if left < 0:
                break
            kept.insert(0, turn)
        return kept


def _as_messages(turns: Sequence[Turn]) -> list[ChatMessage]:
    messages: list[ChatMessage] = []
    for turn in turns:
        messages.append({"role": "user", "content": turn.question})
        messages.append({"role": "assistant", "content": turn.answer})
    return messages


def _latest_lines(summary: str, room: int) -> str:
    """The last lines of ``summary`` that fit into ``room`` tokens."""
    kept: list[str] = []
    for line in reversed(summary.split("\n")):
        room -= count_tokens(line) + 1
        if room < 0:
            break
        kept.insert(0, line)
    return "\n".join(kept)
