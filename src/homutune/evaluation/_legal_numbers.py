"""Quantities with their units and bounds, and where periods begin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from homutune.evaluation._legal_text import LegalText, likeness
from homutune.law import NUMERAL, numeral_value

_N = rf"{NUMERAL}[千万億]?"
_MONTH = r"(?:か|カ|ヵ|ヶ|ケ|箇)月"
_QUANTITY = re.compile(
    rf"(?P<date>(?:[0-9]{{4}}|(?:令和|平成|昭和)(?:元|{_N}))年(?:{_N}月)?(?:{_N}日)?|{_N}月{_N}日)"
    rf"|(?P<whole>{_N})分の(?P<part>{_N})"
    rf"|(?P<tenths>{_N})割(?:(?P<hundredths>{_N})分)?"
    rf"|(?P<count>{_N})(?P<unit>パーセント|%|年|{_MONTH}|週間|日(?!目)|時間|時(?![点期])|円|人|名"
    rf"|個|歳|才|回|倍|社|通|件|つ|番目)"
    r"|(?P<word>過半数|半数|半額|半分|半年|倍額)"
)
_WORDS: dict[str, tuple[str, str, Fraction]] = {
    "過半数": ("ratio", "", Fraction(1, 2)),
    "半数": ("ratio", "", Fraction(1, 2)),
    "半額": ("ratio", "", Fraction(1, 2)),
    "半分": ("ratio", "", Fraction(1, 2)),
    "半年": ("duration", "月", Fraction(6)),
    "倍額": ("倍", "", Fraction(2)),
}
#: Unit -> kind, unit we compare in, factor.
_UNITS: dict[str, tuple[str, str, Fraction]] = {
    "パーセント": ("ratio", "", Fraction(1, 100)),
    "%": ("ratio", "", Fraction(1, 100)),
    "年": ("duration", "月", Fraction(12)),
    "週間": ("duration", "日", Fraction(7)),
    "日": ("duration", "日", Fraction(1)),
    "時間": ("duration", "時間", Fraction(1)),
    "時": ("時刻", "", Fraction(1)),
    "名": ("人", "", Fraction(1)),
    "才": ("歳", "", Fraction(1)),
}

_NOT = r"(?:ない|ません|ず)"
_FORBIDDEN = (
    rf"(?:てはな[らり]{_NOT}|てはいけ{_NOT}|ることは?が?でき{_NOT}|られ{_NOT}|{_NOT}|なければ)"
)
#: What follows a quantity -> its bound. The first that fits counts.
_AFTER = [
    (re.compile(pattern), bound)
    for pattern, bound in (
        (rf"を?(?:超え{_FORBIDDEN}|上回(?:ら|っ){_FORBIDDEN})", "<="),
        (rf"を?(?:下回(?:ら|っ|る){_FORBIDDEN})", ">="),
        (rf"に達し{_FORBIDDEN}|未満|に満た{_NOT}|を?下回", "<"),
        (r"以上|に達|前まで", ">="),
        (r"以下|以内|まで|[がを](?:上限|限度)", "<="),
        (r"を?超|を?上回|より(?:も)?(?:多|長|大|高)", ">"),
    )
]
_BEFORE = [
    (re.compile(r"(?:少なくとも|最低でも|最低|遅くとも)[^、]{0,4}$"), ">="),
    (re.compile(r"(?:多くとも|長くとも|長くても|最長|最大)[^、]{0,4}$"), "<="),
]
#: > and <= part the numbers at one place, >= and < at another: 「60日を超えたら」「60日までなら」.
_SIDE = {">": "超・以下", "<=": "超・以下", ">=": "以上・未満", "<": "以上・未満"}

#: What a period can begin with -> words for it.
_STARTS = {
    "知った": "知っ|知り",
    "受領": "受領|受け取|受取",
    "引渡し": "引渡|引き渡|納入|納品",
    "検査": "検査|検収|検品",
    "締結": "締結|契約を結",
    "通知": "通知",
    "登録": "登録",
    "出願": "出願",
    "請求": "請求",
    "行使": "行使",
    "終了": "終了|満了|終わ",
    "公開": "公開|発表|公表",
    "販売": "販売",
    "送達": "送達",
    "申立て": "申立|申し立て",
    "決議": "決議",
    "催告": "催告",
    "合意": "合意",
    "死亡": "死亡|死後",
    "開始": "開始",
    "支払": "支払",
    "請求書": "請求書",
    "行為": "行為",
}
_START = re.compile(r"(?:時|日|とき)(?:から|より|を起算|が起算|に始|に進)")
_START_NAMED = re.compile(r"起算[日点]は、?(?P<event>[^、。]{1,20}?)(?:時|日)")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit: ``kind`` (duration, ratio, 円 …) and a value to compare by."""

    kind: str
    value: tuple[str, Fraction]
    start: int
    end: int
    #: ``>``, ``>=``, ``<``, ``<=`` or None.
    bound: str | None

    @property
    def side(self) -> str | None:
        """On which side of the border number the rule changes."""
        return _SIDE[self.bound] if self.bound else None


def quantities(text: LegalText) -> list[Quantity]:
    """All quantities outside citations; a year counts 12 months, a week 7 days."""
    found = []
    for match in _QUANTITY.finditer(text.body):
        kind, value = _value(match)
        bound = None if kind in {"date", "時刻"} else _bound(text, match)
        found.append(Quantity(kind, value, match.start(), match.end(), bound))
    return found


def _value(match: re.Match[str]) -> tuple[str, tuple[str, Fraction]]:
    if match["date"]:
        return "date", (match["date"], Fraction(0))
    if match["whole"]:
        return "ratio", ("", numeral_value(match["part"]) / (numeral_value(match["whole"]) or 1))
    if match["tenths"]:
        more = numeral_value(match["hundredths"]) / 100 if match["hundredths"] else Fraction(0)
        return "ratio", ("", numeral_value(match["tenths"]) / 10 + more)
    if match["word"]:
        kind, unit, number = _WORDS[match["word"]]
        return kind, (unit, number)
    unit = match["unit"]
    default = ("duration", "月", Fraction(1)) if unit.endswith("月") else (unit, "", Fraction(1))
    kind, unit, factor = _UNITS.get(unit, default)
    return kind, (unit, numeral_value(match["count"]) * factor)


def _bound(text: LegalText, match: re.Match[str]) -> str | None:
    if match["word"] == "過半数":
        return ">"
    rest = re.sub(r"^[間分]", "", text.body[match.end() : match.end() + 16])
    for pattern, bound in _AFTER:
        if pattern.match(rest):
            return bound
    before = text.body[max(0, match.start() - 12) : match.start()]
    return next((bound for pattern, bound in _BEFORE if pattern.search(before)), None)


def changed_quantities(
    reference: LegalText, answer: LegalText
) -> Iterator[tuple[Quantity, Quantity]]:
    """Quantities of one kind that the answer replaces, or exchanges with each other.

    Leaving a number out or adding one is no contradiction.
    """
    old, new = quantities(reference), quantities(answer)
    for kind in dict.fromkeys(q.kind for q in old):
        ours = [q for q in old if q.kind == kind]
        theirs = [q for q in new if q.kind == kind]
        known, said = {q.value for q in ours}, {q.value for q in theirs}
        missing = [q for q in ours if q.value not in said]
        extra = [q for q in theirs if q.value not in known]
        if missing and extra:
            yield from zip(missing, extra, strict=False)
        else:
            yield from _exchanged(reference, answer, ours, theirs)


def _exchanged(
    reference: LegalText, answer: LegalText, ours: list[Quantity], theirs: list[Quantity]
) -> Iterator[tuple[Quantity, Quantity]]:
    """「知った時から5年、行使できる時から10年」 with 5 and 10 exchanged."""
    values = {q.value for q in ours}
    if len(ours) != len(theirs) or len(values) != len(ours) or {q.value for q in theirs} != values:
        return
    lead = {q: _lead(reference, q, ours) for q in ours} | {
        q: _lead(answer, q, theirs) for q in theirs
    }
    by_value = {q.value: q for q in theirs}
    for i, a in enumerate(ours):
        for b in ours[i + 1 :]:
            a2, b2 = by_value[a.value], by_value[b.value]
            kept = likeness(lead[a], lead[a2]) + likeness(lead[b], lead[b2])
            swapped = likeness(lead[a], lead[b2]) + likeness(lead[b], lead[a2])
            if swapped > kept + 0.3:
                yield a, b2
                return


def _lead(text: LegalText, quantity: Quantity, others: list[Quantity]) -> str:
    """What leads up to a quantity: from the one before it, at most a sentence."""
    begin = max([q.end for q in others if q.end <= quantity.start], default=0)
    return re.split(r"[。!?]", text.body[begin : quantity.start])[-1]


def changed_bounds(reference: LegalText, answer: LegalText) -> Iterator[tuple[Quantity, Quantity]]:
    """The same quantity with another bound (以上 for 超, 以下 for 未満)."""
    # Each wording once: a text that repeats itself would take quadratic time.
    old = _by_wording(reference)
    for here, quantity in _by_wording(answer):
        same = [(c, q) for c, q in old if q.value == quantity.value and q.kind == quantity.kind]
        if not same:
            continue
        around = {q: likeness(context, here) for context, q in same}
        near = max(around, key=lambda q: (around[q], q.side == quantity.side))
        if quantity.side not in {q.side for q in around} or (
            quantity.side != near.side and around[near] > 0.5
        ):
            yield near, quantity


def _by_wording(text: LegalText) -> list[tuple[str, Quantity]]:
    """Quantities with a bound, each with what stands around it; of equal ones the first."""
    first: dict[tuple[str, str, tuple[str, Fraction], str], tuple[str, Quantity]] = {}
    for quantity in quantities(text):
        if quantity.bound:
            context = text.context(quantity.start, quantity.end)
            key = (context, quantity.kind, quantity.value, quantity.bound)
            first.setdefault(key, (context, quantity))
    return list(first.values())


def changed_starts(
    reference: LegalText, answer: LegalText
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Begins of periods (知った時から) that the answer replaces by others, as spans."""
    old, new = _starts(reference), _starts(answer)
    missing = [span for event, span in old.items() if event not in new]
    extra = [span for event, span in new.items() if event not in old]
    yield from zip(missing, extra, strict=False)


def _starts(text: LegalText) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for match in _START.finditer(text.body):
        window = re.split(r"[、。!?]", text.body[max(0, match.start() - 12) : match.start()])[-1]
        _note_event(found, window, match.start() - len(window), match.end())
    for match in _START_NAMED.finditer(text.body):
        _note_event(found, match["event"], match.start("event"), match.end())
    return found


def _note_event(found: dict[str, tuple[int, int]], window: str, start: int, end: int) -> None:
    """Keep the event that stands last in ``window``, next to 時 or 日."""
    last: tuple[int, str] | None = None
    for event, words in _STARTS.items():
        for word in re.finditer(words, window):
            last = max(last or (-1, ""), (word.start(), event))
    if last:
        found.setdefault(last[1], (start, end))
