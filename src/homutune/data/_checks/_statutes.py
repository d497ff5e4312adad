"""L007: numbers of a sentence that cites an article and says another number than it.

Only numbers that can be compared count: those with a unit for which the article has a number of
its own. What the question says is a fact of the case, not a claim about the law.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache

from homutune.data._checks._report import Fault, excerpt
from homutune.law import NUMERAL, Citation, numeral_value

#: The text of a cited provision; ``homutune.law``'s ``Provisions`` is one.
Statutes = Callable[[Citation], str | None]
#: A number that can be compared: its class of units and its value in the smallest of them.
Figure = tuple[str, Fraction]

_DIGITS = "0-9〇一二三四五六七八九十百千"
_N = rf"(?:{NUMERAL}[千万億]{{0,2}}){{1,3}}"
#: Not inside a number, an article number, a date or the number of a law.
_START = rf"(?<![{_DIGITS}.,万億第月和成正治])"
_FIGURE = re.compile(
    rf"{_START}(?:(?P<whole>{_N})分の(?P<part>{_N})"
    rf"|(?P<count>{_N})(?P<unit>パーセント|%|割(?!引|り)|年(?!法律|政令|度|[{_DIGITS}]{{1,3}}月)"
    r"|(?:か|カ|ヵ|ヶ|ケ|箇)月|週間|(?:労働)?日(?!本)|時間|円|人(?!称)|名(?!義|称|前)|倍)"
    # Older statutes write 六月 for six months; 六月三十日 is a date.
    rf"|(?P<months>[一二三四五六七八九十]{{1,3}})月(?![{_DIGITS}曜末]|中))"
)
#: Unit -> class of units that can be compared, and how many of its smallest one makes.
_UNITS: dict[str, tuple[str, Fraction]] = {
    "パーセント": ("割合", Fraction(1, 100)),
    "%": ("割合", Fraction(1, 100)),
    "割": ("割合", Fraction(1, 10)),
    "年": ("月", Fraction(12)),
    "週間": ("日", Fraction(7)),
    "労働日": ("日", Fraction(1)),
    "名": ("人", Fraction(1)),
}
#: From here on a year is one of the calendar.
_CALENDAR = 1868 * 12
_SENTENCE = re.compile(r"[^。\n]+")


def statute_faults(
    question: str, answer: str, citations: Sequence[Citation], statutes: Statutes
) -> Iterator[Fault]:
    """What a sentence says otherwise than every provision it cites; nothing without their text."""
    if not citations:
        return
    given: frozenset[Figure] | None = None
    for sentence in _SENTENCE.finditer(answer):
        cited = [c for c in citations if sentence.start() <= c.start < sentence.end()]
        texts = [statutes(citation) for citation in cited]
        if not cited or None in texts:
            continue
        said = _figures(_without(answer, sentence, cited))
        if not said:
            continue
        law: dict[Figure, str] = {}
        for text in texts:
            law.update(_of_statute(text or ""))
        given = _of_question(question) if given is None else given
        known = {kind for kind, _ in law}
        for figure, written in said.items():
            if figure in law or figure in given or figure[0] not in known:
                continue
            there = "」「".join(w for (kind, _), w in law.items() if kind == figure[0])
            place = answer.find(written, sentence.start(), sentence.end())
            yield Fault(
                "L007",
                f"{'・'.join(c.text for c in cited)}の条文にある数字は「{there}」ですが、"
                f"回答は「{written}」です（要確認）。",
                "条文を見て（homutune law show）、数字か引用した条を確かめてください。",
                excerpt(answer, place, place + len(written)) if place >= 0 else None,
            )


def _without(answer: str, sentence: re.Match[str], cited: Sequence[Citation]) -> str:
    """The sentence without its citations, whose numbers count nothing."""
    text = answer[: sentence.end()]
    for citation in sorted(cited, key=lambda c: -c.start):
        text = f"{text[: citation.start]}◇{text[citation.end :]}"
    return text[sentence.start() :]


def _figures(text: str) -> dict[Figure, str]:
    """The numbers of ``text``, each as it is first written there."""
    found: dict[Figure, str] = {}
    for match in _FIGURE.finditer(unicodedata.normalize("NFKC", text)):
        figure = _value(match)
        if figure != ("月", figure[1]) or figure[1] < _CALENDAR:
            found.setdefault(figure, match[0])
    return found


@lru_cache(maxsize=4096)
def _of_statute(text: str) -> dict[Figure, str]:
    return _figures(text)


def _of_question(question: str) -> frozenset[Figure]:
    return frozenset(_figures(question))


def _value(match: re.Match[str]) -> Figure:
    if match["whole"]:
        return "割合", numeral_value(match["part"]) / (numeral_value(match["whole"]) or 1)
    if match["months"]:
        return "月", numeral_value(match["months"])
    unit = match["unit"]
    default = "月" if unit.endswith("月") else unit
    kind, factor = _UNITS.get(unit, (default, Fraction(1)))
    return kind, numeral_value(match["count"]) * factor
