"""The form of 内容証明郵便: at most 20 characters in a line and 26 lines on a sheet.

The rules (内国郵便約款, as the post office explains them): every character counts one, 句読点
and half-width characters too, a unit such as ㎡ counts two; a pair of brackets counts one, in the
line where it opens; ① or (1) counts one where it orders a text, otherwise what is in the frame
and the frame. We count every bracket and the larger figure for a frame, so that a sheet that is
right by our count is right by any reading. Empty lines are no lines. Latin letters are allowed
in proper names only.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from homutune.errors import UserError

WIDTH, HEIGHT = 20, 26
#: Not at the beginning of a line: it takes the character before it along.
_NOT_FIRST = "、。，．・：；？！）」』】〕〉》ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
_NOT_LAST = "（「『【〔〈《"
_FRAMED = re.compile("[①-⑳⓪㉑-㉟⑴-⒇]")
_ALLOWED = re.compile(
    r"[ぁ-ゖァ-ヺー一-龥〇々〆ヶ仝0-9０-９、。，．・：；？！（）()「」『』【】〔〕〈〉《》％%＋+－\-＝=×÷〒～〜／/,."
    r"　 ￥¥＆&＃#＊*※○●◎△▲□■☆★①-⑳⓪㉑-㉟⑴-⒇㎡㎏㎝㎞℃\U00020000-\U0003134F]"
)
_LATIN = re.compile("[A-Za-zＡ-Ｚａ-ｚⅠ-Ⅻ]+")


@dataclass(frozen=True, slots=True)
class CertifiedLetter:
    """``sheets`` are lists of lines; ``warnings`` are what only a person can decide."""

    sheets: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...]


def count_characters(line: str) -> int:
    """Characters of ``line`` as the post office counts them, at the most."""
    total = 0
    for char in line:
        if _FRAMED.match(char):
            total += len(re.sub(r"\D", "", unicodedata.normalize("NFKC", char))) + 1
        elif char in "㎡㎏㎝㎞℃":
            total += 2
        else:
            total += 1
    return total


def certified_letter(text: str) -> CertifiedLetter:
    """Break ``text`` into lines of 20 characters and sheets of 26 lines.

    Raises:
        UserError: it holds characters that the post office does not accept.
    """
    odd = sorted({c for c in text if not (_ALLOWED.match(c) or _LATIN.match(c) or c == "\n")})
    if odd:
        raise UserError(
            f"内容証明に使えない文字があります: {' '.join(odd)}",
            remedy="かな・漢字・数字・括弧・句読点と一般的な記号に直してください。",
        )
    lines = [
        line for paragraph in text.splitlines() if paragraph.strip() for line in _fold(paragraph)
    ]
    sheets = tuple(tuple(lines[at : at + HEIGHT]) for at in range(0, len(lines), HEIGHT))
    warnings = [
        f"英字・ローマ数字「{word}」は、氏名・会社名・地名・商品名などの固有名詞に限り使えます。"
        for word in dict.fromkeys(_LATIN.findall(text))
    ]
    if len(sheets) > 1:
        warnings.append(f"{len(sheets)} 枚になります。つなぎ目に差出人の契印が要ります。")
    return CertifiedLetter(sheets, tuple(warnings))


def check_certified(text: str) -> list[str]:
    """What is wrong with a letter already set in lines (a blank page mark ends a sheet)."""
    problems = []
    for sheet_number, sheet in enumerate(text.split("\f"), start=1):
        lines = [line for line in sheet.splitlines() if line.strip()]
        if len(lines) > HEIGHT:
            problems.append(f"{sheet_number} 枚目が {len(lines)} 行です（{HEIGHT} 行まで）")
        for number, line in enumerate(lines, start=1):
            if (size := count_characters(line)) > WIDTH:
                problems.append(
                    f"{sheet_number} 枚目 {number} 行目が {size} 字です（{WIDTH} 字まで）"
                )
    return problems


def _fold(paragraph: str) -> list[str]:
    lines = []
    rest = paragraph.rstrip()
    while rest:
        end, size = 0, 0
        while end < len(rest) and size + count_characters(rest[end]) <= WIDTH:
            size += count_characters(rest[end])
            end += 1
        cut = end
        # Characters move down together; never so many that nothing is left in the line.
        while 1 < cut < len(rest) and (rest[cut] in _NOT_FIRST or rest[cut - 1] in _NOT_LAST):
            cut -= 1
        cut = cut if cut > 1 else end
        lines.append(rest[:cut])
        rest = rest[cut:]
    return lines
