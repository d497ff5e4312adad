"""Whether a sentence of an answer is borne by the sources shown beside it: by rule, no model.

A sentence is borne by a source that has its words: every quotation in it letter by letter, every
article and every number, and enough of its other wording. The rule sees words, not meaning: a
negation or two parties exchanged escape it (``bench/answer_support.py`` says how often).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from homutune.law import extract_citations, kanji_to_int, normalize

#: Share of a sentence's word pieces that the source must have, see ``bench/answer_support.py``.
THRESHOLD = 0.6
_HEADING = re.compile(r"^\s*(?P<heading>参照|結論|根拠|留意点)[:：]\s*")
_QUOTE = re.compile(r"「[^「」]{6,}」")
_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
#: Statutes write 三年 where answers write 3年; 十分 and 一方 are no numbers.
_KANJI_NUMBER = re.compile(r"[〇一二三四五六七八九十百千]+(?=[年月日週条項号円割箇か]|ヶ月)")
#: Word pieces are pairs of kanji, katakana, letters or digits; hiragana is mostly grammar.
_CONTENT = re.compile(r"[一-龥々ァ-ヴーA-Za-z0-9]+")
_REFERENCE = re.compile(r"[\[［][0-9０-９,、]+[\]］]")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an answer.

    Attributes:
        heading: 結論, 根拠 or 留意点; "" outside of them.
        text: the sentence itself.
        sources: numbers (from 1) of the sources that bear it; empty where none does.
    """

    heading: str
    text: str
    sources: tuple[int, ...]

    @property
    def borne(self) -> bool:
        """Whether a source bears it, or it says itself that nothing can be confirmed."""
        return bool(self.sources) or "確認できません" in self.text


def check_support(answer: str, sources: Sequence[str], question: str = "") -> list[Sentence]:
    """The sentences of ``answer`` but its 参照 line, each with the sources that bear it.

    Args:
        question: its words are the asker's own facts; an answer that repeats them asserts nothing.
    """
    prepared = [_Source(text, pieces(question)) for text in sources]
    return [
        Sentence(
            heading,
            sentence,
            tuple(n for n, source in enumerate(prepared, 1) if source.bears(sentence)),
        )
        for heading, sentence in split_sentences(answer)
    ]


def split_sentences(answer: str) -> list[tuple[str, str]]:
    """(heading, sentence) of each sentence; a 。 inside 「」 ends none."""
    found = []
    heading = ""
    for line in answer.split("\n"):
        if match := _HEADING.match(line):
            heading = match["heading"]
            line = line[match.end() :]
        if heading == "参照":
            heading = ""
            continue
        waiting = ""
        for sentence in re.findall(r"(?:「[^「」]*」|[^。])+。?", line):
            waiting += sentence
            if pieces(waiting):  # はい。 alone says nothing that could be looked up
                found.append((heading, waiting.strip()))
                waiting = ""
        if waiting.strip():
            found.append((heading, waiting.strip()))
    return found


def pieces(text: str) -> set[str]:
    """The word pieces of ``text``."""
    runs = _CONTENT.findall(_plain(text))
    return {run[i : i + 2] for run in runs for i in range(max(1, len(run) - 1))}


class _Source:
    def __init__(self, text: str, asked: set[str]) -> None:
        self._asked = asked
        self._text = _flat(text)
        self._pieces = pieces(text)
        self._articles = {citation.key for citation in extract_citations(text)}
        self._numbers = set(_NUMBER.findall(_plain(text)))

    def bears(self, sentence: str) -> bool:
        sentence = _REFERENCE.sub("", sentence)
        quotes = _QUOTE.findall(sentence)
        if not all(_flat(quote[1:-1]) in self._text for quote in quotes):
            return False
        if not {citation.key for citation in extract_citations(sentence)} <= self._articles:
            return False
        if not set(_NUMBER.findall(_plain(sentence))) <= self._numbers:
            return False
        rest = pieces(_QUOTE.sub("", sentence)) - self._asked
        if not rest:  # nothing but quotations and words of the question
            rest = pieces(_QUOTE.sub("", sentence))
        if not rest:
            return bool(quotes)
        return len(rest & self._pieces) / len(rest) >= THRESHOLD


def _plain(text: str) -> str:
    return _KANJI_NUMBER.sub(lambda match: str(kanji_to_int(match[0])), normalize(text))


def _flat(text: str) -> str:
    """For letter-by-letter comparison: quotation marks inside a quotation are written 『』."""
    return re.sub(r"\s", "", normalize(text)).translate(str.maketrans("『』", "「」"))
