"""Conversations: sent along, trimmed with a summary, saved, reopened, deleted."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from client.upstream import Fail, Say, Upstream
from homutune.client import (
    Conversation,
    ConversationStore,
    LegalModel,
    ModelError,
    Retry,
    Turn,
    extract_summary,
)
from homutune.client._tokens import count_message_tokens
from homutune.errors import UserError
from homutune.settings import Settings

ANSWER = "参照：[1] 期間の計算\n結論：初日は数えません。例外もあります。\n根拠：「民法140条」"


@pytest.fixture
def model(settings: Settings) -> LegalModel:
    return LegalModel("m", settings=settings, system="簡潔に。", retry=Retry(attempts=1))


def talk(conversation: Conversation, upstream: Upstream, turns: int) -> None:
    for number in range(turns):
        upstream.script = [Say(f"結論：答え{number}です。" + "説明。" * 40)]
        conversation.ask(f"質問{number}")


def test_what_was_said_is_sent_along_in_order(model: LegalModel, upstream: Upstream) -> None:
    conversation = model.conversation()
    upstream.script = [Say("一の答え"), Say("二の答え")]
    conversation.ask("一の質問")
    conversation.ask("二の質問")
    contents = [m["content"] for m in upstream.bodies[-1]["messages"]]
    assert contents == ["簡潔に。", "一の質問", "一の答え", "二の質問"]


def test_an_old_conversation_is_trimmed_to_the_limit_with_a_summary_in_front(
    model: LegalModel, upstream: Upstream
) -> None:
    conversation = model.conversation(max_history_tokens=400)
    talk(conversation, upstream, 9)
    sent = conversation.messages("次の質問")
    assert count_message_tokens(sent[:-1]) <= 400 + 30  # the frame around the summary
    assert sent[-1]["content"] == "次の質問"
    assert sent[0]["content"].startswith("これまでのやり取りの要約")
    assert "質問" in sent[0]["content"] and "→ 答え" in sent[0]["content"]
    assert sent[-2]["content"].startswith("結論：答え8")
    roles = [message["role"] for message in sent]
    assert roles == ["user", "assistant"] * (len(sent) // 2) + ["user"]


def test_a_question_longer_than_the_limit_still_goes(model: LegalModel, upstream: Upstream) -> None:
    conversation = model.conversation(max_history_tokens=50)
    talk(conversation, upstream, 2)
    long = "長い質問" * 200
    assert conversation.messages(long)[-1]["content"] == long


def test_the_summary_says_nothing_that_was_not_said() -> None:
    turns = [
        Turn("期間の初日は\n数えますか。", ANSWER, {}, ""),
        Turn("では末日は。", "数えます。続き。", {}, ""),
    ]
    assert extract_summary(turns) == (
        "・期間の初日は 数えますか。 → 初日は数えません。\n・では末日は。 → 数えます。"
    )


def test_a_summary_of_ones_own_is_made_once_per_growth_and_saved(
    model: LegalModel, upstream: Upstream
) -> None:
    calls: list[int] = []

    def summarize(turns: Any) -> str:
        calls.append(len(turns))
        return f"{len(turns)}件の要約"

    conversation = model.conversation(max_history_tokens=400, summarize=summarize)
    talk(conversation, upstream, 6)
    conversation.messages("次")
    made = len(calls)
    conversation.messages("次")
    assert len(calls) == made
    again = model.conversation(conversation.id, max_history_tokens=400, summarize=summarize)
    assert "件の要約" in again.messages("次")[0]["content"]
    assert len(calls) == made


def test_a_conversation_is_saved_reopened_listed_and_deleted(
    model: LegalModel, upstream: Upstream, home: Path
) -> None:
    conversation = model.conversation()
    store = ConversationStore(home)
    assert store.recent() == []  # nothing said, nothing saved
    upstream.script = [Say("初日は数えません。")]
    conversation.ask("期間の初日は数えますか。" + "長" * 40)
    again = model.conversation(conversation.id)
    assert [(t.question[:5], t.answer) for t in again.turns] == [
        ("期間の初日", "初日は数えません。")
    ]
    assert again.turns[0].details["model"] == "m"
    again.ask("続き")
    (saved,) = store.recent()
    assert (saved.id, saved.turns, saved.model) == (conversation.id, 2, "m")
    assert len(saved.title) == 30
    store.delete(conversation.id)
    assert store.recent() == []
    with sqlite3.connect(home / "assistant.db") as database:
        assert database.execute("SELECT COUNT(*) FROM turns").fetchone() == (0,)
    with pytest.raises(UserError, match="ありません"):
        model.conversation(conversation.id)


def test_a_failed_question_leaves_no_trace(model: LegalModel, upstream: Upstream) -> None:
    conversation = model.conversation()
    upstream.script = [Fail(500)]
    with pytest.raises(ModelError):
        conversation.ask("質問")
    assert conversation.turns == []
    upstream.script = [Say("はい。", breaks_after=0)]
    with pytest.raises(ModelError):
        list(conversation.stream("質問"))
    assert conversation.turns == []


def test_a_stream_is_kept_once_read_and_asyncio_keeps_its_turns_too(
    model: LegalModel, upstream: Upstream
) -> None:
    upstream.script = [Say("はい、そうです。")]
    conversation = model.conversation()
    with conversation.stream("一") as stream:
        next(iter(stream))
    assert conversation.turns == []
    list(conversation.stream("二"))

    async def more() -> None:
        await conversation.aask("三")
        async for _ in await conversation.astream("四"):
            pass
        await model.aclose()

    asyncio.run(more())
    assert [turn.question for turn in conversation.turns] == ["二", "三", "四"]
    assert [t.question for t in model.conversation(conversation.id).turns] == ["二", "三", "四"]


def test_two_windows_on_one_conversation_lose_nothing(
    model: LegalModel, upstream: Upstream, home: Path
) -> None:
    conversation = model.conversation()
    conversation.ask("初め")
    windows = [model.conversation(conversation.id) for _ in range(4)]

    def ask(window: Conversation) -> None:
        for number in range(3):
            window.ask(f"質問{number}")

    threads = [threading.Thread(target=ask, args=(window,)) for window in windows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(model.conversation(conversation.id).turns) == 1 + 4 * 3


def test_a_database_of_a_newer_version_is_left_alone(
    model: LegalModel, upstream: Upstream, home: Path
) -> None:
    model.ask("質問")
    with sqlite3.connect(home / "assistant.db") as database:
        database.execute("PRAGMA user_version=99")
    with pytest.raises(UserError, match="新しい版"):
        ConversationStore(home).recent()
