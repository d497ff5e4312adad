"""The checks a playbook can ask for: small functions from a contract to places in it.

Each yields :class:`Hit` objects with stretches of the whole shadow; a hit without a stretch is
about something that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from homutune.assistant._contract import AND, MUTUAL, Contract, Hit, Section, Sections
from homutune.assistant._payment import late_payment
from homutune.assistant._playbook import Check
from homutune.assistant._structure import (
    annexes,
    dates,
    numbering,
    parties,
    references,
    undefined_terms,
)
from homutune.assistant._terms import NUM
from homutune.law import kanji_to_int


def run_check(check: Check, contract: Contract, sections: Sections) -> list[Hit]:
    """What ``check`` finds in ``sections`` (or the contract); at most one hit for one place."""
    if check.unless:
        excluded = contract.regex(check.unless)
        sections = [section for section in sections if not excluded.search(section.text)]
    hits = list(_CHECKS[check.kind](check, contract, sections))
    seen: set[tuple[int | None, int | None]] = set()
    return [h for h in hits if not ((h.start, h.end) in seen or seen.add((h.start, h.end)))]  # type: ignore[func-returns-value]


def _lacks(check: Check, contract: Contract, sections: Sections) -> Iterator[Hit]:
    pattern = contract.regex(check.pattern or "")
    if sections and not any(pattern.search(section.text) for section in sections):
        first = sections[0]
        # The whole contract has no place to point to; a clause has its first sentence.
        yield _sentence(first, 0) if first.clause else Hit(None, None)


def _contains(check: Check, contract: Contract, sections: Sections) -> Iterator[Hit]:
    pattern = contract.regex(check.pattern or "")
    for section in sections:
        for match in pattern.finditer(section.text):
            # A short word says what was met; a long match is in the quote anyway.
            yield _sentence(section, match.start(), match[0] if len(match[0]) <= 12 else "")


def _sentence(section: Section, at: int, detail: str = "") -> Hit:
    """The sentence around ``at``."""
    for start, end in section.sentences():
        if at < end:
            return Hit(section.start + start, section.start + end, detail)
    return Hit(section.start, section.start + len(section.text), detail)


_UNITS = {
    "日": (r"日(?!付|時|常|曜|本)", 1.0),
    "か月": (r"(?:か月|ヶ月|カ月|ヵ月|月(?=間))", 1.0),
    "年": (r"(?:年間|か年|年(?!法律|度|[0-9一二三四五六七八九十]+月))", 1.0),
    "%": (r"(?:%|パーセント)", 1.0),
}


def _limit(check: Check, contract: Contract, sections: Sections) -> Iterator[Hit]:
    """Numbers beyond the limit; a period in another unit is not converted but for 年 and か月."""
    near = contract.regex(check.near or "")
    unit = str(check.unit)
    for section in sections:
        for start, end in section.sentences():
            sentence = section.text[start:end]
            if not near.search(sentence):
                continue
            for value in _values(sentence, unit):
                too_much = check.max is not None and value > check.max
                too_little = check.min is not None and value < check.min
                if too_much or too_little:
                    yield Hit(section.start + start, section.start + end, f"{value:g}{unit}")


def _values(sentence: str, unit: str) -> list[float]:
    found = [
        _to_number(m[1])
        for m in re.finditer(rf"([0-9]+\.[0-9]+|{NUM})(?:{_UNITS[unit][0]})", sentence)
    ]
    if unit == "か月":
        found += [12 * v for v in _values(sentence, "年")]
    elif unit == "年":
        months = _values_of_months(sentence)
        found += [value / 12 for value in months]
    # A date is no period: 2026年4月1日.
    return [value for value in found if not (unit in ("年", "か月") and value >= 1000)]


def _values_of_months(sentence: str) -> list[float]:
    return [_to_number(m[1]) for m in re.finditer(rf"({NUM}){_UNITS['か月'][0]}", sentence)]


def _to_number(text: str) -> float:
    return float(text) if re.fullmatch(r"[0-9.]+", text) else float(kanji_to_int(text))


def _one_sided(check: Check, contract: Contract, sections: Sections) -> Iterator[Hit]:
    """The first sentence matching the pattern in a clause that speaks of ``actor`` alone.

    Nothing is one-sided where another clause gives the same to the other side alone.
    """
    pattern = contract.regex(check.pattern or "")
    subject = contract.regex(
        rf"(?P<both>(?:{{us}}{AND}{{them}}|{{them}}{AND}{{us}}|{MUTUAL})(?:は|が|も|とも|のいずれ)"
        "|{us}も、?{them}も|{them}も、?{us}も)"
        "|(?P<us>{us})(?:は|が|も)|(?P<them>{them})(?:は|が|も)"
    )
    hits: list[Hit] = []
    for section in sections:
        actors: set[str] = set()
        first: Hit | None = None
        for start, end in section.sentences():
            sentence = section.text[start:end]
            if not pattern.search(sentence):
                continue
            if re.search("互いに|相互に", sentence):
                actors.add("both")
                break
            # は marks who must or may; が, mostly, of whom a condition speaks.
            subjects = list(subject.finditer(sentence))
            topics = [m for m in subjects if m[0].endswith("は")] or subjects
            # Without a subject the sentence says nothing about who is bound.
            if not topics:
                continue
            actor = topics[0]
            actors.add("both" if actor["both"] else "us" if actor["us"] else "them")
            first = first or Hit(section.start + start, section.start + end)
        if actors == {check.actor} and first:
            hits.append(first)
        elif len(actors) == 1 and "both" not in actors:
            return
    yield from hits[:1]


_CHECKS: dict[str, Callable[[Check, Contract, Sections], Iterator[Hit]]] = {
    "lacks": _lacks,
    "contains": _contains,
    "limit": _limit,
    "one_sided": _one_sided,
    "late_payment": late_payment,
    "references": references,
    "undefined_terms": undefined_terms,
    "numbering": numbering,
    "annexes": annexes,
    "parties": parties,
    "dates": dates,
}
