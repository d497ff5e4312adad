"""法令: whether figures rest on an article and on the notes, and whether citations hold.

Figures are compared with the question and with the reviewed cards an example names, and with the
statute where its text is at hand: where those are silent nothing is said. Citations are judged by
a function from outside (``verdict``), so that the index of articles stays behind one door.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Protocol

from homutune.data._checks._report import Fault, excerpt
from homutune.data._checks._statutes import Statutes, statute_faults
from homutune.data._types import Card, Example
from homutune.law import Citation, extract_citations, normalize

#: A number that a reader would act on: a period, rate, amount or head count.
FIGURE = re.compile(
    # Tried once in a run of digits: from each of its digits on it takes quadratic time.
    r"(?<![0-9])(?:[0-9]+(?:か月|ヶ月|カ月|箇月|週間|年|日|時間|%|割|円|万円|億円|人|倍)"
    r"|[0-9]+分の[0-9]+)"
)
#: What a judgement says → rule. 確認済み is no fault.
_RULE_OF = {"該当なし": "L004", "旧法": "L005", "要確認": "L006"}


class Judged(Protocol):
    """What is known of a citation."""

    @property
    def verdict(self) -> str:
        """確認済み, 要確認, 該当なし or 旧法."""

    @property
    def reason(self) -> str:
        """One Japanese sentence."""

    @property
    def remedy(self) -> str:
        """What to do next."""


#: Judges a citation; ``homutune.law``'s ``check_citation`` is one.
Verdict = Callable[[Citation], Judged]


class LawCheck:
    """L001–L007 of one example after the other.

    Args:
        cards: by id, for the figures; None: none are known.
        verdict: judges each citation of an answer.
        statutes: the texts of cited provisions.
    """

    def __init__(
        self,
        cards: Mapping[str, Card] | None = None,
        verdict: Verdict | None = None,
        statutes: Statutes | None = None,
    ) -> None:
        self._cards = cards or {}
        self._verdict = verdict
        self._statutes = statutes
        self._card_figures: dict[str, frozenset[str]] = {}

    def faults(self, example: Example) -> tuple[list[Fault], list[Citation], list[str]]:
        """The faults, and the citations and figures of the answer."""
        answer = example.answer
        citations = extract_citations(answer) if "条" in answer else []
        plain = normalize(answer)
        figures = list(dict.fromkeys(FIGURE.findall(plain)))
        found = [
            *self._figure_faults(example, citations, figures),
            *_article_faults(example, citations),
            *self._verdicts(answer, citations),
        ]
        if self._statutes is not None:
            found += statute_faults(example.question, answer, citations, self._statutes)
        return found, citations, figures

    def _figure_faults(
        self, example: Example, citations: list[Citation], figures: list[str]
    ) -> Iterator[Fault]:
        if figures and not citations:
            yield Fault(
                "L001",
                f"「{figures[0]}」の根拠となる条文が書かれていません。",
                "「民法566条」のように法令名と条を入れてください。",
            )
        known = [card for card in example.meta.cards if card in self._cards]
        if not figures or not known or len(known) < len(example.meta.cards):
            return
        allowed = frozenset(FIGURE.findall(normalize(example.question))).union(
            *map(self._figures_of, known)
        )
        missing = [
            figure
            for figure in figures
            if _same_form(figure) not in allowed and figure not in allowed
        ]
        if missing:
            yield Fault(
                "L003",
                f"「{'」「'.join(missing)}」が、質問にも根拠のカードにもありません。",
                "カードと条文を見て、数字を確かめてください。",
                _where(example.answer, missing[0]),
            )

    def _figures_of(self, card_id: str) -> frozenset[str]:
        if card_id not in self._card_figures:
            found = FIGURE.findall(normalize(self._cards[card_id].text))
            self._card_figures[card_id] = frozenset(found) | {_same_form(f) for f in found}
        return self._card_figures[card_id]

    def _verdicts(self, answer: str, citations: list[Citation]) -> Iterator[Fault]:
        if self._verdict is None:
            return
        for citation in citations:
            judged = self._verdict(citation)
            if rule_id := _RULE_OF.get(str(judged.verdict)):
                where = excerpt(answer, citation.start, citation.end)
                message = f"{citation.text}：{judged.reason}"
                yield Fault(rule_id, message, judged.remedy, where)


def _same_form(figure: str) -> str:
    """ヶ月, カ月 and 箇月 are か月."""
    return re.sub("[ヶカ箇]月", "か月", figure)


def _where(answer: str, figure: str) -> tuple[str, str, str] | None:
    found = re.search(r"\s*".join(map(re.escape, figure)), answer)
    return excerpt(answer, *found.span()) if found else None


def _article_faults(example: Example, citations: list[Citation]) -> Iterator[Fault]:
    cited = {citation.key for citation in citations}
    for article in example.meta.articles:
        keys = _keys(article)
        if not keys or not keys <= cited:
            reason = "回答に見当たりません" if keys else "条文として読めません"
            yield Fault(
                "L002",
                f"articles の「{article}」が{reason}。",
                "回答か articles を直してください（例: 民法566条1項）。",
            )


@lru_cache(maxsize=4096)
def _keys(article: str) -> frozenset[tuple[str, str]]:
    return frozenset(citation.key for citation in extract_citations(article))
