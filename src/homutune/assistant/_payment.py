"""Payment dates that may lie more than 60 days behind the day of receipt.

Source: 取適法3条1項 and フリーランス法4条1項: within 60 days, the day of receipt counted, whether
or not there is an inspection. Where payments close monthly the authorities take two months for it;
so closing at the month's end and paying at the end of the next month is fine, and closing on the
20th and paying at the end of the next month is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from homutune.assistant._contract import Contract, Hit, Sections
from homutune.assistant._playbook import Check
from homutune.assistant._terms import NUM
from homutune.law import kanji_to_int

_PAYMENT = re.compile("支払|払う|払い|振(?:り)?込")
_LAST = 31
_MONTHLY = re.compile(
    rf"(?P<offset>翌々?々?月)(?:の|分の)?(?:(?P<end>末日?)|(?P<day>{NUM})日|(?P<month>中|以内|以降))?"
)
_CLOSING = re.compile(
    rf"(?:月末日?|末日|(?P<day>{NUM})日)(?:[をでに]?締|まで(?:に|の)[^。]{{0,16}}(?:分|もの|代金|委託料))"
)
#: Receipt, or what comes behind it; never 支払期日から or 契約の締結の日から.
_BASE = (
    "(?:受領|受取|納品|納入|引渡し?|引き渡し|検収|検査|合格|提供|完了|完成|請求|請求書)"
    r"[^。、0-9一二三四五六七八九十]{0,12}?(?:から|より|後|以後)(?:起算して|数えて)?、?"
)
_AFTER = re.compile(rf"{_BASE}(?P<number>{NUM})(?P<unit>日|か月|週間)")
_DAYS = re.compile(rf"(?P<number>{NUM})日(?!付|時|常|曜|本|前|締|の?日割|とする日割)")
_LIMIT = {"日": 60, "週間": 8}


def late_payment(check: Check, contract: Contract, sections: Sections) -> Iterator[Hit]:
    """Sentences about payment whose date may be later than 60 days after receipt."""
    for section in sections:
        for start, end in section.sentences():
            sentence = section.text[start:end]
            if _PAYMENT.search(sentence) and (words := late_words(sentence)):
                yield Hit(section.start + start, section.start + end, words)


def late_words(sentence: str) -> str:
    """The words of ``sentence`` (without spaces, half-width) that may go beyond 60 days, or ""."""
    for match in _AFTER.finditer(sentence):
        limit = _LIMIT.get(match["unit"], 2)
        if kanji_to_int(match["number"]) > limit:
            return f"{match['number']}{match['unit']}"
    for match in _DAYS.finditer(sentence):
        if kanji_to_int(match["number"]) > _LIMIT["日"]:
            return f"{match['number']}日"
    for match in _MONTHLY.finditer(sentence):
        if "々" in match["offset"] or _day(match) > _closing(sentence[: match.start()]):
            return match[0]
    return ""


def _day(match: re.Match[str]) -> int:
    if match["day"]:
        return kanji_to_int(match["day"])
    return _LAST if match["end"] or match["month"] in ("中", "以内") else 0


def _closing(before: str) -> int:
    """The day of the month on which deliveries close; the last where none is named."""
    found = list(_CLOSING.finditer(before))
    return kanji_to_int(found[-1]["day"]) if found and found[-1]["day"] else _LAST
