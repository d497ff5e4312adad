"""Deterministic measures of a Japanese text; every function returns 0 (bad) to 1 (good)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TypeVar

from homutune.data import points_met
from homutune.law import normalize

T = TypeVar("T")

#: The lines of an answer in house style, in order.
HEADINGS = ("結論", "根拠", "留意点")
#: Accepted length of an answer in characters (Japanese characters, white space not counted).
SHORTEST, LONGEST = 100, 450

_POLITE = re.compile(
    r"(です|ます|ません|でした|ました|ませんでした|でしょう|ましょう|ください)(か|ね|よ|が)?$"
)
#: References and parentheses: a sentence may end in 「…です（民法566条）[1]。」.
_ASIDE = re.compile(r"[\[［]\s*[0-9０-９]+\s*[\]］]|[（(][^（()）]*[)）]")
_SENTENCE_END = re.compile(r"[。！？!?\n]+")


def rubric_share(text: str, must: Sequence[str], must_not: Sequence[str]) -> float | None:
    """``max(0, met must - violated must_not) / number of must``; None without ``must``.

    A wrong statement cancels a right one, so listing every number in sight does not pay.
    """
    if not must:
        return None
    met = sum(points_met(point, text) for point in must)
    violated = sum(points_met(point, text) for point in must_not)
    return max(0, met - violated) / len(must)


def precision_recall(found: Iterable[T], expected: Iterable[T]) -> tuple[float, float] | None:
    """Precision and recall of two sets; None when nothing is expected, precision 0 when empty."""
    found, expected = set(found), set(expected)
    if not expected:
        return None
    hits = len(found & expected)
    return (hits / len(found) if found else 0.0), hits / len(expected)


def f1(precision: float, recall: float) -> float:
    """Harmonic mean; 0 when both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def ngrams(text: str, n: int) -> list[str]:
    """Character n-grams of the normalised text."""
    letters = normalize(text)
    return [letters[i : i + n] for i in range(len(letters) - n + 1)]


def beyond_question(text: str, question: str) -> float:
    """Share of 6-grams that were not copied from the question, full marks from 70 % on.

    A model that only repeats the question is on topic and yet answers nothing.
    """
    grams = ngrams(text, 6)
    if not grams:
        return 0.0
    asked = set(ngrams(question, 6))
    return min(1.0, sum(gram not in asked for gram in grams) / len(grams) / 0.7)


def three_lines(text: str) -> float:
    """Share of the headings 結論 / 根拠 / 留意点 that open a line of their own, in this order.

    An extra line costs as much as a missing one: ``right lines / max(3, lines)``.
    """
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    expected = list(HEADINGS)
    right = 0
    for line in lines:
        if expected and re.match(rf"{expected[0]}\s*[：:]\s*\S", line):
            expected.pop(0)
            right += 1
    return right / max(len(HEADINGS), len(lines))


def polite_share(text: str) -> float:
    """Share of sentences that end in です・ます.

    Quotations 「…」 keep the style of their source and are skipped, as are sentences of less
    than four characters.
    """
    own = re.sub(r"「[^」]*」", "", text)
    without_headings = re.sub(rf"(?m)^\s*({'|'.join(HEADINGS)})\s*[：:]", "", own)
    cleaned = _ASIDE.sub("", without_headings)
    sentences = [part.strip(" 　」』）)、，,") for part in _SENTENCE_END.split(cleaned)]
    sentences = [sentence for sentence in sentences if len(sentence) >= 4]
    if not sentences:
        return 0.0
    return sum(bool(_POLITE.search(sentence)) for sentence in sentences) / len(sentences)


def length_fit(text: str) -> float:
    """1 between 100 and 450 characters, falling linearly to 0 at 0 and at 900."""
    length = len(normalize(text))
    if length < SHORTEST:
        return length / SHORTEST
    return max(0.0, 1 - max(0, length - LONGEST) / LONGEST)


def distinct_share(text: str) -> float:
    """Distinct 8-grams / all 8-grams, full marks from 90 % on; 0 for an empty text."""
    grams = ngrams(text, 8)
    if not grams:
        return 1.0 if normalize(text) else 0.0
    return min(1.0, len(set(grams)) / len(grams) / 0.9)


def japanese_share(text: str) -> float:
    """Share of kana and kanji among all letters (digits and punctuation are not letters)."""
    letters = [char for char in normalize(text) if unicodedata.category(char).startswith("L")]
    if not letters:
        return 0.0
    return sum(bool(re.match(r"[ぁ-ゖァ-ヺー一-鿿々〆]", char)) for char in letters) / len(letters)
