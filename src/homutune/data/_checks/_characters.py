"""Characters and words that do not belong in a text to learn from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from homutune.data._checks._report import Fault, excerpt
from homutune.data._types import Example

#: Text of only these has no odd character: most texts are done with here.
_ORDINARY = re.compile(
    r"[\n\t -~ぁ-ゖ゛-ゞァ-ー一-龥々〆、。・「」『』（）［］【】〔〕：；！？％＆／～〜…―—×→]*\Z"
)

#: What bytes look like when read in a wrong encoding. UTF-8 as CP932 (縺ゅ≧), UTF-8 as Latin-1
#: (ã‚), CP932 as Latin-1 (‚ ‚¢), EUC-JP as CP932 (､ｳ､ﾎ), and what a lossy conversion leaves (????).
_MOJIBAKE = re.compile(
    r"(?:[縺繧繝][^\sぁ-んァ-ヶ、。]){2}|[縺繧繝蜿荳譛莠邨螂蛟邱豕蜷隲][ｦ-ﾟ]"
    r"|(?:[Â-ï][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]{1,2}){2}|(?:[‚ƒ][\x80-\xff\w]){3}"
    r"|(?:[､･][｡-ﾟ][^\n]{0,4}){3}|\?{4,}"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
#: Zero-width, soft hyphen, byte order mark, direction marks, tags, variation selectors.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
)
#: NEC and IBM extensions of Shift_JIS, compatibility ideographs, private use (外字).
_VENDOR = re.compile(
    "[\u2116\u2121\u2160-\u217f\u2460-\u24ff\u2776-\u277f\u3220-\u33ff"
    "\ue000-\uf8ff\uf900-\ufa2d\U000f0000-\U0010ffff]"
)
_HALF_KANA = re.compile("[\uff61-\uff9f]+")
_DECOMPOSED = re.compile(
    "[かきくけこさしすせそたちつてとはひふへほうカキクケコサシスセソタチツテトハヒフヘホウ][\u3099\u309a]"
)
_WIDE = {"数字": re.compile("[０-９]"), "英字": re.compile("[Ａ-Ｚａ-ｚ]")}
_NARROW = {"数字": re.compile("[0-9]"), "英字": re.compile("[A-Za-z]")}
_HTML = re.compile(
    r"</?(?:br|p|div|span|b|i|u|a|li|ul|ol|td|tr|table|font|strong|em|h[1-6])(?:\s[^<>]*)?/?>"
    r"|&(?:nbsp|amp|lt|gt|quot|apos|#[0-9]{2,6}|#x[0-9a-f]{2,5});",
    re.I,
)
#: Insults, threats, and words that press codes and statutes have given up (e.g. 痴呆 → 認知症,
#: 精神分裂病 → 統合失調症). What may follow or precede keeps ordinary words out (バカンス).
_ABUSIVE = re.compile(
    r"馬鹿(?!力)|(?<![ァ-ー])(?:バカ|アホ|クズ(?![鉄糸物])|ゴミ野郎|ブス|デブ|ハゲ|キモ|オカマ)(?![ァ-ー])"
    r"|(?<![ァ-ー])(?:ニグロ|チョン)(?![ァ-ー])"
    r"|(?<![ぁ-ん])(?:ばか(?:者|野郎|げ)|あほう?らし|うざい|きもい|むかつく|くたばれ|ふざけるな)"
    r"|死ね(?![ばなる])|殺すぞ|殺してやる|消え失せろ|黙れ|間抜け|まぬけ|無能(?:な|め|だ)|能無し|役立たず|クソ|糞(?:野郎|食)"
    r"|気違い|気狂い|きちがい|キチガイ|知恵遅れ|白痴|めくら(?!まし)|盲(?:者|縞)|つんぼ|びっこ|ちんば|片手落ち|かたわ(?:者|もの)"
    r"|精神分裂病|痴呆|精神薄弱|土人|支那人|鮮人|部落民|穢多|非人(?![道間格称情])|浮浪者|(?<![内海国])外人(?![材員数])"
    r"|女のくせに|女だてらに|男のくせに|女子供|ババア|ジジイ|老いぼれ|売女"
)

_VENDOR_WORDS = {
    "㈱": "（株）", "㈲": "（有）", "㈹": "（代）", "㍾": "明治", "㍽": "大正", "㍼": "昭和",
    "㍻": "平成", "㋿": "令和", "№": "No.", "℡": "TEL",
}  # fmt: skip


class _Look(NamedTuple):
    id: str
    pattern: re.Pattern[str]
    message: str
    remedy: str
    #: How the hit is shown.
    show: Callable[[str], str]


def visible(text: str) -> str:
    """``text`` with what cannot be seen written out: ``<U+200B>``."""
    return "".join(
        f"<U+{ord(char):04X}>" if _CONTROL.match(char) or _INVISIBLE.match(char) else char
        for char in text
    )


_REREAD = "元のファイルを正しい文字コードで読み直してください。"
_REPLACE = "普通の文字に置き換えてください（丸数字や㈱などは --fix で直せます）。"
_REWORD = "言い換えるか、引用として必要なら残す理由を確かめてください。"
_LOOKS = (
    _Look("C001", _MOJIBAKE, "文字化けしています。", _REREAD, visible),
    _Look("C002", _CONTROL, "制御文字があります。", "--fix で取り除けます。", visible),
    _Look("C003", _INVISIBLE, "見えない文字があります。", "--fix で取り除けます。", visible),
    _Look("C004", _VENDOR, "機種依存文字か外字があります。", _REPLACE, str),
    _Look("C005", _HALF_KANA, "半角カナがあります。", "--fix で全角にできます。", str),
    _Look("C008", _DECOMPOSED, "濁点の分かれた文字があります。", "--fix で1文字にできます。", str),
)  # fmt: skip
_ALWAYS = (
    _Look("C007", _HTML, "HTML のタグか実体参照が残っています。", "文字だけにしてください。", str),
    _Look("C009", _ABUSIVE, "乱暴か差別的なおそれのある表現があります。", _REWORD, str),
)  # fmt: skip
_QUESTION_MARKS = "????"


def character_faults(example: Example) -> Iterator[Fault]:
    """Faults C001–C009 of all messages, each once for every message it is in."""
    for message in example.messages:
        content = message.get("content")
        if not isinstance(content, str):
            continue
        # The system text is the same in most lines.
        yield from (_cached if message.get("role") == "system" else _faults)(content)


def _faults(text: str) -> tuple[Fault, ...]:
    ordinary = _ORDINARY.match(text) and _QUESTION_MARKS not in text
    looks = _ALWAYS if ordinary else (*_LOOKS, *_ALWAYS)
    found = [
        Fault(look.id, look.message, look.remedy, excerpt(text, *hit.span(), look.show(hit[0])))
        for look in looks
        if (hit := look.pattern.search(text))
    ]
    if any(fault.id == "C001" for fault in found):  # its half-width kana are no typing habit
        found = [fault for fault in found if fault.id not in ("C002", "C005")]
    if not ordinary:
        found += _mixed_widths(text)
    return tuple(found)


_cached = lru_cache(maxsize=64)(_faults)


def _mixed_widths(text: str) -> Iterator[Fault]:
    for name, wide in _WIDE.items():
        if (hit := wide.search(text)) and _NARROW[name].search(text):
            yield Fault(
                "C006",
                f"{name}に全角と半角が混ざっています。",
                "--fix で半角にそろえられます。",
                excerpt(text, *hit.span()),
            )


def repair(text: str) -> str:
    """``text`` with the safe repairs of C002–C006 and C008: no word changes its meaning.

    Invisible and control characters go, line ends become LF, half-width kana and full-width
    letters and digits take their usual width, ①, Ⅳ, ㈱, ㍻ become ordinary characters, and
    decomposed kana are composed. Ideographs (髙, 﨑) stay: they may be part of a name. A text
    read in a wrong encoding stays as it is: a change would make it unrecoverable.
    """
    if _ORDINARY.match(text) or _MOJIBAKE.search(text):
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\u2028", "\n").replace("\u2029", "\n")
    text = _INVISIBLE.sub("", _CONTROL.sub("", text))
    text = _HALF_KANA.sub(lambda m: unicodedata.normalize("NFKC", m[0]), text)
    text = _DECOMPOSED.sub(lambda m: unicodedata.normalize("NFC", m[0]), text)
    text = _VENDOR.sub(lambda m: _plain(m[0]), text)
    return re.sub("[０-９Ａ-Ｚａ-ｚ]", lambda m: unicodedata.normalize("NFKC", m[0]), text)


def _plain(char: str) -> str:
    if char in _VENDOR_WORDS:
        return _VENDOR_WORDS[char]
    if "\u2460" <= char <= "\u2473":
        return f"({ord(char) - 0x245F})"
    if char >= "\ue000":  # private use, and ideographs that may be part of a name
        return char
    return unicodedata.normalize("NFKC", char)
