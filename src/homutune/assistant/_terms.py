"""Parties, defined terms, dates, amounts and clause references of a contract."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

from homutune.assistant._clauses import Clause
from homutune.assistant._shadow import Shadow
from homutune.law import kanji_to_int

NUM = "(?:[0-9]+|[〇一二三四五六七八九十百千]+)"
#: 以下「甲」という。 and its kin, in the shadow (no spaces).
_ALIAS = re.compile(
    r"(?:以下、?(?:単に|それぞれ|総称して|併せて|あわせて|これらを(?:総称して)?)?[、]?)"
    r"(?P<names>「[^」]{1,30}」(?:(?:又は|または|もしくは|、|及び|および|と)「[^」]{1,30}」)*)"
    r"と(?:い|総称|呼|称|す)"
)
_MEANING = re.compile(r"「(?P<name>[^」]{1,30})」(?:とは|という用語は)、?")
_PARTY = re.compile(
    r"[甲乙丙丁戊]|委託者|受託者|買主|売主|開示者|受領者|貸主|借主|賃貸人|賃借人|当社|会社"
    "|許諾者|被許諾者|ライセンサー|ライセンシー|ユーザー?|ベンダー?|発注者|受注者|提供者|利用者|契約者|お客様"
    "|供給者|代理店|販売店|使用者|労働者|大学"
)
_DATE = re.compile(
    rf"(?:(?P<era>令和|平成|昭和)(?P<year_in_era>元|{NUM})|(?P<year>(?:19|20)[0-9]{{2}}))年"
    rf"(?P<month>{NUM})月(?P<day>{NUM})日"
)
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925}
_AMOUNT = re.compile(
    r"(?:金|¥|\\)?(?P<number>[0-9][0-9,]*(?:\.[0-9]+)?[兆億万千]?(?:[0-9][0-9,]*[万千]?)*"
    r"|[〇一二三四五六七八九十百千万億壱弐参拾]+)円"
)
_CAPITALS = str.maketrans("壱弐参拾", "一二三十")
_REFERENCE = re.compile(
    # 補則 is a heading; any other 則 in front is another paper's name.
    rf"(?<![法令例定程領])(?<!(?<!補)則)(?:(?P<previous>前|次|本|同)条|第(?P<article>{NUM})条"
    rf"(?P<branch>(?:の(?:[0-9]+|[一二三四五六七八九十]+)(?![つ一-龥]))*))"
    rf"(?:第(?P<paragraph>{NUM})項)?(?:第(?P<item>{NUM})号)?"
)


@dataclass(frozen=True, slots=True)
class Party:
    """``alias`` (甲) stands for ``name`` (株式会社…; "" where a blank is left for it)."""

    alias: str
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Term:
    """A term the contract defines; the offsets are those of the term where it is defined."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Date:
    """A calendar day, as ISO 8601."""

    iso: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of money in yen."""

    yen: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A clause of this contract named in its text; numbers like :attr:`Clause.number`."""

    article: str
    paragraph: str
    item: str
    relative: str
    start: int
    end: int


def find_terms(shadow: Shadow) -> list[Term]:
    """Every term defined by （以下「…」という。） or 「…」とは, the parties' names included."""
    found = []
    for match in _ALIAS.finditer(shadow.text):
        for name in re.finditer("「([^」]+)」", match["names"]):
            at = match.start("names") + name.start(1)
            found.append(Term(name[1], *shadow.span(at, at + len(name[1]))))
    for match in _MEANING.finditer(shadow.text):
        found.append(Term(match["name"], *shadow.span(*match.span("name"))))
    return sorted(found, key=lambda term: term.start)


def find_parties(shadow: Shadow, clauses: Sequence[Clause]) -> list[Party]:
    """The parties, from the definitions in the text between the title and the first clause."""
    parties: dict[str, Party] = {}
    start, end = _opening(clauses)
    for match in _ALIAS.finditer(shadow.text, shadow.index(start), shadow.index(end)):
        for name in re.finditer("「([^」]+)」", match["names"]):
            if not _PARTY.fullmatch(name[1]) or name[1] in parties:
                continue
            before = re.split(
                r"[()、。」]|と(?=[^」]{0,30}$)",
                shadow.text[shadow.index(start) : match.start()].rstrip("("),
            )
            who = before[-1] if before else ""
            blank = re.search(r"[●○◯〇_＿＊*■□]{2,}|^$|^[●○◯]+$", who)
            at = match.start("names") + name.start(1)
            parties[name[1]] = Party(
                name[1], "" if blank else who[-60:], *shadow.span(at, at + len(name[1]))
            )
    return list(parties.values())


def find_dates(shadow: Shadow) -> list[Date]:
    """Complete dates; a day that the calendar lacks is left out."""
    found = []
    for match in _DATE.finditer(shadow.text):
        if match["era"]:
            in_era = 1 if match["year_in_era"] == "元" else kanji_to_int(match["year_in_era"])
            year = _ERAS[match["era"]] + in_era
        else:
            year = int(match["year"])
        try:
            day = datetime.date(year, kanji_to_int(match["month"]), kanji_to_int(match["day"]))
        except ValueError:
            continue
        found.append(Date(day.isoformat(), *shadow.span(*match.span())))
    return found


def find_amounts(shadow: Shadow) -> list[Amount]:
    """Amounts in yen: 金1,000,000円, 1億2,000万円, 金参百万円."""
    return [
        Amount(yen, *shadow.span(*match.span()))
        for match in _AMOUNT.finditer(shadow.text)
        if (yen := parse_amount(match["number"])) is not None
    ]


def parse_amount(text: str) -> int | None:
    """``1億2,000万`` → 120000000; None where it is no number."""
    text = text.replace(",", "").translate(_CAPITALS)
    total, rest = 0.0, text
    for name, unit in (("兆", 10**12), ("億", 10**8), ("万", 10**4), ("", 1)):
        head, mark, tail = rest.partition(name) if name else (rest, "x", "")
        if not mark:
            continue
        rest = tail
        if not head:
            continue
        try:
            if re.fullmatch(r"[0-9.]+", head):
                value = float(head)
            elif re.fullmatch(r"[0-9.]+千", head):
                value = float(head[:-1]) * 1000
            else:
                value = kanji_to_int(head)
        except ValueError:
            return None
        total += value * unit
    return int(total) or None


def find_references(text: str) -> list[Reference]:
    """Clauses named in a stretch of shadow text; offsets are those of ``text``.

    第5条 behind the name of a law is that law's article; callers leave those out.
    """
    found = []
    for match in _REFERENCE.finditer(text):
        article = ""
        if match["article"]:
            parts = [match["article"], *re.findall(NUM, match["branch"] or "")]
            article = "_".join(str(kanji_to_int(part)) for part in parts)
        paragraph = str(kanji_to_int(match["paragraph"])) if match["paragraph"] else ""
        item = str(kanji_to_int(match["item"])) if match["item"] else ""
        found.append(Reference(article, paragraph, item, match["previous"] or "", *match.span()))
    return found


def _opening(clauses: Sequence[Clause]) -> tuple[int, int]:
    start = 0
    for clause in clauses:
        if clause.kind == "表題":
            start = clause.end
        if clause.kind in ("条", "見出し"):
            return start, clause.start
    return start, clauses[-1].end if clauses else 0
