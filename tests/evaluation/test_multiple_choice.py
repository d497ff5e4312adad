"""Multiple choice over a real port: rotations, the majority row, replies that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest

from evaluation.legal_models import chat
from homutune.errors import UserError
from homutune.evaluation import answer_choices
from homutune.evaluation._multiple_choice import read_letter
from scripted import Reply, Request, ScriptedServer, openai_error


@dataclass(frozen=True)
class Item:
    id: str
    question: str
    options: tuple[str, ...]
    answer: int
    context: str | None = None


#: The right option says so; c is right in half of them.
ITEMS = [
    Item(
        f"q{n}",
        f"第{n}問",
        tuple(f"肢{n}-{k}{'（正）' if k == gold else ''}" for k in range(4)),
        gold,
        f"文章{n}" if n < 4 else None,
    )
    for n, gold in enumerate((2, 0, 2, 1, 2, 3))
]


class Server:
    def __init__(self, server: ScriptedServer) -> None:
        self.sent: list[str] = []
        self.answer: Callable[[str], Reply] = self.knowing
        server.routes[("POST", "/chat/completions")] = self

    def __call__(self, request: Request) -> Reply:
        self.sent.append(json.loads(request.body)["messages"][-1]["content"])
        return self.answer(self.sent[-1])

    @staticmethod
    def knowing(text: str) -> Reply:
        return chat(next(line for line in text.splitlines() if "（正）" in line)[0])


@pytest.fixture
def server(scripted_server: ScriptedServer) -> Server:
    return Server(scripted_server)


def test_who_knows_is_right_in_every_order(
    server: Server, client: openai.OpenAI, tmp_path: Path
) -> None:
    found = answer_choices(client, ITEMS, tmp_path / "c.jsonl", model="m")
    assert len(server.sent) == 24 and len(set(server.sent)) == 24
    assert (found.accuracy, found.given_order, found.always_right) == (1.0, 6, 6)
    assert found.letters == {"a": 6, "b": 6, "c": 6, "d": 6}
    assert found.chance == 0.25 and "参考" not in server.sent[0]


def test_who_likes_c_gains_nothing_from_it(
    server: Server, client: openai.OpenAI, tmp_path: Path
) -> None:
    server.answer = lambda text: chat("c")
    found = answer_choices(client, ITEMS, tmp_path / "c.jsonl", model="m")
    assert found.majority == ("c", 3) and found.majority_share == 0.5
    assert found.given_order == 3  # what the fixed order alone would have shown
    assert found.accuracy == 0.25 and found.always_right == 0


def test_with_the_text_only_questions_that_have_one_are_asked(
    server: Server, client: openai.OpenAI, tmp_path: Path
) -> None:
    found = answer_choices(client, ITEMS, tmp_path / "c.jsonl", model="m", with_text=True)
    assert found.n == 4 and found.with_text
    assert all(text.startswith("参考：\n文章") for text in server.sent)
    with pytest.raises(UserError, match="参考の文章"):
        answer_choices(client, ITEMS[4:], tmp_path / "d.jsonl", model="m", with_text=True)


def test_replies_without_a_letter_and_failed_requests_are_counted_apart(
    server: Server, client: openai.OpenAI, tmp_path: Path
) -> None:
    def answer(text: str) -> Reply:
        if "第0問" in text:
            return chat("どれも正しいと思います。")
        return openai_error(400, "too long") if "第1問" in text else Server.knowing(text)

    server.answer = answer
    log = tmp_path / "c.jsonl"
    found = answer_choices(client, ITEMS, log, model="m")
    assert (found.unread, found.failed) == (4, 4)
    assert found.accuracy == pytest.approx(4 / 6)
    server.answer, asked = Server.knowing, len(server.sent)
    again = answer_choices(client, ITEMS, log, model="m")
    assert len(server.sent) - asked == 4 and (again.unread, again.failed) == (4, 0)


def test_a_model_that_disappears_midway_keeps_the_replies(
    server: Server, client: openai.OpenAI, tmp_path: Path
) -> None:
    gone = openai_error(404, "The model m does not exist", "model_not_found", param="model")
    server.answer = lambda text: Server.knowing(text) if len(server.sent) <= 7 else gone
    with pytest.raises(openai.NotFoundError):
        answer_choices(client, ITEMS, tmp_path / "c.jsonl", model="m", concurrency=1)
    server.answer, asked = Server.knowing, len(server.sent)
    assert answer_choices(client, ITEMS, tmp_path / "c.jsonl", model="m").accuracy == 1.0
    assert len(server.sent) - asked == 24 - 7


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("b", 1),
        ("答え：（Ｂ）", 1),
        ("b. 取締役会の決議 b", 1),
        ("正解はcです。", 2),
        ("aかbです。", None),
        ("e", None),
        ("because", None),
        ("", None),
    ],
)
def test_letters_are_read_as_people_write_them(reply: str, letter: int | None) -> None:
    assert read_letter(reply, 4) == letter
