"""Who has to do what by when: obligations and deadlines read from a contract by rule."""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass

from homutune.assistant._contract import AND, MUTUAL, Contract, Section
from homutune.assistant._terms import NUM, Date, find_dates
from homutune.law import kanji_to_int

#: How a sentence that binds somebody ends, in the shadow.
_DUTY = re.compile(
    r"(?:なければならない|てはならない|義務を負う|(?<!ことができ)(?<!でき)(?:支払|負|行|従|補|償|伴)う"
    r"|(?:支払|通知|報告|提出|納入|納品|返還|返却|廃棄|消去|交付|引き渡|明け渡|預け入れ|差し入れ|保存|保管|協議"
    r"|検査|修補|負担|賠償|解決|措置|実施|提供|協力|選任|確約|取得|知らせ|振り込み?|出願|移転|努め|停止|中止)"
    r"(?:する|す|る|せず|しない)?(?:もの|こと)?(?:と?する)?)。?$"
)
_NO_DUTY = re.compile("できる(?:もの)?(?:とする)?。?$|とみなす|をいう。?$|(?<!もの)とする。?$")
_UNITS = {"日": 1, "営業日": 1, "週間": 7}
_AFTER = re.compile(
    rf"(?P<anchor>[^、。]{{0,24}}?)(?:から|の翌日から|後)(?P<number>{NUM})(?P<unit>日|営業日|週間|か月|年)"
    r"(?:間)?(?P<kind>以内|間|を経過|前)?"
)
_BEFORE_END = re.compile(rf"期間(?:の)?満了の(?P<number>{NUM})(?P<unit>日|か月|年)前まで")
_AFTER_END = re.compile(
    rf"(?:本契約|契約)?の?終了(?:した)?(?:の日から|後)(?:も|においても)?、?(?P<number>{NUM})"
    r"(?P<unit>日|か月|年)間?"
)
_MONTHLY = re.compile(
    rf"(?P<which>毎月|翌月)(?:の)?(?:(?P<last>末日?)|(?P<day>{NUM})日)(?=[^。]{{0,40}}(?:支払|払|振|提出|報告))"
)
_SOON = re.compile("直ちに|速やかに|遅滞なく|その都度|事前に|あらかじめ")
_FROM_SIGNING = re.compile(rf"締結(?:の)?日から(?P<number>{NUM})(?P<unit>か月|年)間?")


@dataclass(frozen=True, slots=True)
class Obligation:
    """One duty or deadline; ``document.text[start:end] == quote``.

    ``who`` is 自社, 相手方, 双方 or "". ``when`` are the words of the contract. ``date`` is known
    where the contract lets it be computed; ``monthly`` is the day of the month (0: the last) of
    what comes back every month until ``until``.
    """

    kind: str
    who: str
    what: str
    when: str
    clause: str
    quote: str
    start: int
    end: int
    date: str | None = None
    monthly: int | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """The term of the contract, as far as it can be known."""

    signed: datetime.date | None = None
    begin: datetime.date | None = None
    end: datetime.date | None = None


def find_obligations(
    contract: Contract, *, signed: datetime.date | None = None
) -> tuple[Obligation, ...]:
    """Duties and deadlines of ``contract`` in the order of its text.

    Args:
        signed: the day of signature, where the contract has none or a draft is read.
    """
    term = contract_period(contract, signed)
    found: list[Obligation] = []
    for section in contract.sections():
        title = section.clause.title if section.clause else ""
        if re.search("反社会|暴力団", title):
            continue
        who = ""
        for start, end in section.sentences():
            # A sentence without a subject goes on speaking of the one before it.
            who = _subject(contract, section.text[start:end]) or who
            found += _sentence(contract, section, start, end, term, who)
    return tuple(found)


def contract_period(contract: Contract, signed: datetime.date | None = None) -> Period:
    """Begin and end from the clause on the period, the day of signature from the last page."""
    dates = find_dates(contract.shadow)
    if signed is None:
        for clause in contract.clauses:
            if clause.kind == "署名欄":
                inside = [d for d in dates if clause.start <= d.start < clause.end]
                signed = datetime.date.fromisoformat(inside[0].iso) if inside else None
                break
    begin = end = None
    for section in contract.sections():
        title = section.clause.title if section.clause else ""
        if not re.search("期間|雇用", title):
            continue
        inside = _dates(contract, dates, section, 0, len(section.text))
        if len(inside) >= 2 and re.search("から[^。]{0,20}まで", section.text):
            begin, end = (datetime.date.fromisoformat(d.iso) for d in inside[:2])
            break
        if signed and (match := _FROM_SIGNING.search(section.text)):
            begin = signed
            end = shift(signed, kanji_to_int(match["number"]), match["unit"])
            end -= datetime.timedelta(days=1)
            break
        if len(inside) == 1:
            begin = datetime.date.fromisoformat(inside[0].iso)
    return Period(signed, begin, end)


def shift(day: datetime.date, number: int, unit: str) -> datetime.date:
    """``day`` moved by 日, 週間, か月 or 年; the last day of a month that is too short."""
    if unit in _UNITS:
        return day + datetime.timedelta(days=number * _UNITS[unit])
    months = number * (12 if unit == "年" else 1)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return datetime.date(year, month + 1, min(day.day, last))


def _dates(
    contract: Contract, dates: list[Date], section: Section, start: int, end: int
) -> list[Date]:
    low, _ = contract.shadow.span(section.start + start, section.start + start + 1)
    _, high = contract.shadow.span(section.start + end - 1, section.start + end)
    return [d for d in dates if low <= d.start < high]


def _sentence(
    contract: Contract, section: Section, start: int, end: int, term: Period, who: str
) -> Iterator[Obligation]:
    text = section.text[start:end]
    low, high = contract.shadow.span(section.start + start, section.start + end)
    quote = contract.document.text[low:high]
    clause = section.clause
    place = clause.place(low) if clause else ""
    title = clause.title if clause else ""

    def make(kind: str, when: str, **known: object) -> Obligation:
        return Obligation(
            kind,
            who,
            title or quote[:30],
            when,
            place,
            quote,
            low,
            high,
            **known,  # type: ignore[arg-type]
        )

    dated = False
    for day in _dates(contract, find_dates(contract.shadow), section, start, end):
        words = contract.document.text[day.start : day.end]
        behind = contract.shadow.slice(day.end, high)
        kind = "開始日" if re.match("(?:から|より|に?就労|を)", behind) else "期限"
        if kind == "期限" and re.search("期間", title) and behind.startswith("まで"):
            kind = "満了日"
        dated = True
        yield make(kind, words, date=day.iso)
    if match := _BEFORE_END.search(text):
        day_before = term.end and shift(term.end, -kanji_to_int(match["number"]), match["unit"])
        dated = True
        yield make("更新・終了の申出の期限", match[0], date=day_before and day_before.isoformat())
    elif match := _AFTER_END.search(text):
        after = term.end and shift(term.end, kanji_to_int(match["number"]), match["unit"])
        dated = True
        yield make("終了後の期間の末日", match[0], date=after and after.isoformat())
    if match := _MONTHLY.search(text):
        dated = True
        day_of_month = 0 if match["last"] else kanji_to_int(match["day"])
        first = term.begin and _first_month(term.begin, match["which"] == "翌月", day_of_month)
        yield make(
            "毎月の期限",
            match[0],
            date=first and first.isoformat(),
            monthly=day_of_month,
            until=term.end and term.end.isoformat(),
        )
    if dated:
        return
    if _DUTY.search(text) and not _NO_DUTY.search(text):
        after_event, soon = _AFTER.search(text), _SOON.search(text)
        when = after_event[0] if after_event else soon[0] if soon else ""
        # Without a subject and without a time the sentence is hardly a task for anybody.
        if who or when:
            yield make("義務", when)


def _first_month(begin: datetime.date, following: bool, day: int) -> datetime.date:
    month = shift(begin.replace(day=1), 1 if following else 0, "か月")
    last = calendar.monthrange(month.year, month.month)[1]
    first = month.replace(day=min(day or last, last))
    return first if first >= begin else _first_month(shift(month, 1, "か月"), False, day)


def _subject(contract: Contract, text: str) -> str:
    if not contract.us:
        return ""
    match = contract.regex(
        rf"(?P<both>{{us}}{AND}{{them}}|{{them}}{AND}{{us}}|{MUTUAL})(?:は|も)"
        "|(?P<us>{us})は|(?P<them>{them})は"
    ).search(text)
    if match is None:
        return ""
    return "双方" if match["both"] else "自社" if match["us"] else "相手方"
