"""Personal data and secrets in running text: where they stand, and of what kind.

Rules, no model: numbers are told by their form, their context and, where they have one, their
check digit; names by what stands around them (佐藤さん, 担当：佐藤, 代表取締役 佐藤一郎) or by a
frequent surname followed by a given name. A name that stands alone, without any of that, is not
found; nor is one in a text's own words (当社の木村は). Pseudonymisation must be read over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from homutune.data._person_names import find_names

#: Rule id → what a placeholder calls it.
KINDS_OF_DATA = {
    "P001": "氏名",
    "P002": "住所",
    "P003": "電話番号",
    "P004": "メールアドレス",
    "P005": "マイナンバー",
    "P006": "銀行口座",
    "P007": "カード番号",
    "P008": "法人番号",
    "P009": "取引先",
    "P010": "生年月日",
}


@dataclass(frozen=True, slots=True)
class Personal:
    """``text[start:end]`` is ``value``; ``id`` is the rule that found it."""

    id: str
    start: int
    end: int
    value: str

    @property
    def shown(self) -> str:
        """The value with its middle hidden: a report is read by more people than the data."""
        if len(self.value) <= 2:
            return self.value[0] + "＊" * (len(self.value) - 1)
        keep = 1 if len(self.value) < 8 else 2
        return self.value[:keep] + "＊" * (len(self.value) - 2 * keep) + self.value[-keep:]


#: Full-width ASCII and the many dashes in their usual form; every character keeps its offset.
_ONE_TO_ONE = str.maketrans(
    {**{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}, 0x3000: 0x20}
    | dict.fromkeys(map(ord, "‐‑‒–—―−－"), ord("-"))
)
_UNUSUAL = re.compile("[０-９Ａ-Ｚａ-ｚ＠．＋－‐‑‒–—−]|[0-9]ー")
_LONG_VOWEL_AS_DASH = re.compile("(?<=[0-9])ー(?=[0-9])")

# --- Numbers ---------------------------------------------------------------------------------

_DIGITS = re.compile(r"(?<![0-9A-Za-z.,-])[0-9](?:[ -]?[0-9]){11,15}(?![0-9]|[,.-][0-9])")


def is_my_number(digits: str) -> bool:
    """Whether 12 digits are a 個人番号 by their check digit.

    Source: 平成26年総務省令第85号5条: 11 − (ΣPn·Qn mod 11), 0 where the remainder is 0 or 1;
    Pn the n-th digit from the lowest, Qn = n + 1 up to 6 and n − 5 from 7.
    """
    if len(digits) != 12 or len(set(digits)) == 1:
        return False
    body = [int(digit) for digit in reversed(digits[:11])]
    total = sum(p * (n + 1 if n <= 6 else n - 5) for n, p in enumerate(body, 1))
    remainder = total % 11
    return int(digits[11]) == (0 if remainder <= 1 else 11 - remainder)


def is_corporate_number(digits: str) -> bool:
    """Whether 13 digits are a 法人番号 by their check digit, which comes first.

    Source: 平成26年財務省令第70号2条: 9 − (ΣPn·Qn mod 9); Pn the n-th digit from the lowest,
    Qn = 1 for odd and 2 for even n.
    """
    if len(digits) != 13 or len(set(digits)) == 1:
        return False
    body = [int(digit) for digit in reversed(digits[1:])]
    total = sum(p * (1 if n % 2 else 2) for n, p in enumerate(body, 1))
    return int(digits[0]) == 9 - total % 9


def is_card_number(digits: str) -> bool:
    """Whether the digits are a payment card's: a known issuer's prefix and the Luhn sum."""
    if not re.fullmatch(
        r"4[0-9]{12}(?:[0-9]{3})?|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}"
        r"|35[0-9]{14}|3(?:0[0-5]|[68][0-9])[0-9]{11}|6(?:011|5[0-9]{2})[0-9]{12}",
        digits,
    ):
        return False
    doubled = (int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits)))
    return len(set(digits)) > 1 and sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


_CHECKED = (
    ("P005", is_my_number),
    ("P008", is_corporate_number),
    ("P007", is_card_number),
)
_NAMED_NUMBER = (
    (
        "P005",
        re.compile(r"(?:マイナンバー|個人番号)[^0-9\n]{0,8}([0-9](?:[ -]?[0-9]){11})(?![0-9])"),
    ),
    ("P008", re.compile(r"法人番号[^0-9\n]{0,8}(T?[0-9](?:[ -]?[0-9]){12})(?![0-9])")),
    ("P008", re.compile(r"(?<![0-9A-Za-z])(T[0-9]{13})(?![0-9])")),
)
#: A bracket belongs to a number only with its partner: in 山田太郎（03-1234-5678） both are the
#: sentence's own.
_PHONE = re.compile(
    r"(?<![0-9.-])(?:\+81[ -]?(?:[(（]0?[)）])?[0-9]{1,4}|[(（]0[0-9]{1,4}[)）]|0[0-9]{1,4})"
    r"(?:[ -]?[0-9]{1,4}[ -]|[ -]?[(（][0-9]{1,4}[)）][ -]?)[0-9]{3,4}"
    r"(?![0-9]|-[0-9])|(?<![0-9.-])0[5789]0[0-9]{8}(?![0-9])"
)
_NAMED_PHONE = re.compile(
    r"(?:電話(?:番号)?|携帯(?:電話|番号)?|TEL|Tel|FAX|Fax|ファックス|ファクス)"
    r"[^0-9\n]{0,4}(\+?[0-9][0-9() -]{8,14}[0-9])"
)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_ACCOUNT = re.compile(
    r"(?:(?:普通|当座|貯蓄|定期)(?:預金)?(?:口座)?|口座(?:番号)?)(?:番号)?(?:は|が|の|[:：]|No\.?|No|第|「|[(（]|\s|、){0,6}"
    r"([0-9]{6,8}|[0-9]{3}[ -][0-9]{4})(?![0-9円])"
    r"|記号\s?[:：]?(1[0-9]{4})[^0-9\n]{0,6}番号\s?[:：]?([0-9]{6,8})"
)
_BIRTH = re.compile(
    r"(?:生年月日|誕生日|生まれ)[^0-9\n明大昭平令]{0,4}"
    r"((?:(?:明治|大正|昭和|平成|令和)(?:[0-9]{1,2}|元)|[12][0-9]{3})[年/.-]\s?[0-9]{1,2}[月/.-]\s?[0-9]{1,2}日?)"
    r"|((?:(?:明治|大正|昭和|平成|令和)(?:[0-9]{1,2}|元)|[12][0-9]{3})年\s?[0-9]{1,2}月\s?[0-9]{1,2}日)\s?生(?:まれ)?(?![産効計])"
)

# --- Addresses -------------------------------------------------------------------------------

_PREFECTURES = (
    "北海道|青森県|岩手県|宮城県|秋田県|山形県|福島県|茨城県|栃木県|群馬県|埼玉県|千葉県|東京都|神奈川県"
    "|新潟県|富山県|石川県|福井県|山梨県|長野県|岐阜県|静岡県|愛知県|三重県|滋賀県|京都府|大阪府|兵庫県"
    "|奈良県|和歌山県|鳥取県|島根県|岡山県|広島県|山口県|徳島県|香川県|愛媛県|高知県|福岡県|佐賀県|長崎県"
    "|熊本県|大分県|宮崎県|鹿児島県|沖縄県"
)
_N = "[0-9〇一二三四五六七八九十]{1,4}"
_BLOCK = rf"(?:{_N}(?:丁目|番地の?|番|号|条|-)\s?){{1,4}}(?:[0-9]{{1,4}}(?:号室?)?)?"
_ADDRESS = re.compile(
    rf"(?:〒\s?[0-9]{{3}}-?[0-9]{{4}}\s*)?(?:{_PREFECTURES})[一-龥々ヶケノぁ-んァ-ヴ]{{1,9}}?[市区町村郡]"
    rf"(?:[一-龥々ヶケノぁ-んァ-ヴ]{{0,14}}?{_BLOCK})"
    rf"|〒\s?[0-9]{{3}}-[0-9]{{4}}"
    rf"|(?:さいたま|いわき|つくば|ひたちなか|ふじみ野|うるま|[一-龥々ヶケノァ-ヴ]{{1,6}})[市区町村](?:[一-龥々ヶケノァ-ヴ]{{1,12}}?)"
    rf"(?:{_N}丁目\s?|[0-9]{{1,4}}-[0-9]{{1,4}}|[0-9]{{1,4}}番地)"
    rf"(?:-?{_N}(?:丁目|番地の?|番|号|-)\s?){{0,4}}(?:-?[0-9]{{1,4}}(?:号室?)?)?"
)


def client_pattern(names: Sequence[str]) -> re.Pattern[str] | None:
    """One pattern for a list of client names, with and without 株式会社 and the like."""
    forms: set[str] = set()
    for name in names:
        whole = name.strip().translate(_ONE_TO_ONE)
        core = re.sub(r"(?:株式|有限|合同|合名|合資)会社|\(株\)|\(有\)|[㈱㈲]", "", whole).strip()
        # A core of two characters (東西商事's 東西 is none) would be found in ordinary words.
        forms |= {form for form in (whole, core if len(core) >= 3 else "") if form}
    if not forms:
        return None
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))))


def find_personal(text: str, clients: re.Pattern[str] | None = None) -> list[Personal]:
    """Personal data and secrets in ``text``, in order and without overlap.

    Args:
        clients: from :func:`client_pattern`.
    """
    plain = text
    if _UNUSUAL.search(text):
        plain = _LONG_VOWEL_AS_DASH.sub("-", text.translate(_ONE_TO_ONE))
    # What is found first keeps its place: a client's number is no phone, a client no person.
    taken: list[Personal] = []
    for rule_id, start, end in _candidates(plain, clients):
        if all(end <= other.start or other.end <= start for other in taken):
            taken.append(Personal(rule_id, start, end, text[start:end]))
    return sorted(taken, key=lambda found: found.start)


def _candidates(plain: str, clients: re.Pattern[str] | None) -> Iterator[tuple[str, int, int]]:
    if clients is not None:
        yield from (("P009", *match.span()) for match in clients.finditer(plain))
    if "@" in plain:
        yield from (("P004", *match.span()) for match in _EMAIL.finditer(plain))
    if _ANY_DIGITS.search(plain):
        yield from _numbers(plain)
        yield from (("P002", *match.span()) for match in _ADDRESS.finditer(plain))
    elif _ANY_BLOCK.search(plain):
        yield from (("P002", *match.span()) for match in _ADDRESS.finditer(plain))
    yield from (("P001", start, end) for start, end in find_names(plain))


#: Five digits and separators, or an address: without them there is no number to look for.
_ANY_DIGITS = re.compile(
    r"[0-9][0-9()（） -]{3,}[0-9]|[0-9]-[0-9]|〒|[12][0-9]{3}[年/.]|(?:昭和|平成|令和|大正)[0-9元]"
)
_ANY_BLOCK = re.compile(rf"丁目|番地|(?:{_PREFECTURES})")


def _numbers(plain: str) -> Iterator[tuple[str, int, int]]:
    for rule_id, pattern in _NAMED_NUMBER:
        yield from ((rule_id, *match.span(1)) for match in pattern.finditer(plain))
    for match in _DIGITS.finditer(plain):
        digits = re.sub("[^0-9]", "", match[0])
        for rule_id, is_valid in _CHECKED:
            if is_valid(digits):
                yield rule_id, *match.span()
                break
    for match in _ACCOUNT.finditer(plain):
        group = 1 if match[1] else 3
        yield "P006", match.start(2 if group == 3 else 1), match.end(group)
    for match in _PHONE.finditer(plain):
        digits = re.sub("[^0-9]", "", match[0]).removeprefix("81")
        if len(digits) in (9, 10, 11):
            yield "P003", *match.span()
    for match in _NAMED_PHONE.finditer(plain):
        if len(re.sub("[^0-9]", "", match[1])) in (10, 11, 12):
            yield "P003", *match.span(1)
    for match in _BIRTH.finditer(plain):
        yield "P010", *match.span(1 if match[1] else 2)
