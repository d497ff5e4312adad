"""Whether an answer commits itself, in steady words, and says a thing once."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator

from homutune.data._checks._report import Fault, excerpt
from homutune.data._types import Example
from homutune.law import normalize

_CONCLUSION = re.compile(r"結論\s*[：:は]")
#: Where at least this share of the answers states a 結論, the others lack one.
_USUAL = 0.6
#: Sets smaller than this have no habit yet.
_ENOUGH = 20
_ABSTAINS = re.compile(r"確認できません|お答えできません|回答できません")
#: Ways of not answering. 場合があります, おそれがあります and 可能性があります are the tools of
#: a careful lawyer and stay out.
_HEDGE = re.compile(
    r"かもしれ(?:ません|ない)|かと(?:思い|存じ)ます|と思(?:い|われ)ます|ような気がします|気がします"
    r"|(?:たぶん|多分|おそらく|恐らく|なんとなく|何となく)|ではないでしょうか|のではないかと"
    r"|一概に(?:は|言え|いえ)|ケースバイケース|ケース・バイ・ケース|何とも言え|なんとも言え|はっきりとは言え"
    r"|よく(?:わか|分か)りません|(?:わか|分か)りかねます|断言(?:は)?できません|(?:AI|人工知能|言語モデル)(?:である|として)"
    r"|はずです|と言えなくも(?:ありません|ない)|だろうと|っぽい"
)
_SENTENCE = re.compile(r"[^。\n]+")
_LABEL = re.compile(r"^(?:結論|根拠|留意点)[：:]")
_STUTTER = re.compile(r"(.{6,60}?)\1")

#: One person or thing, several words: two of a line in one answer confuse the reader.
_VARIANTS = (
    ("受託者", "受注者", "受任者"),
    ("委託者", "発注者", "注文者"),
    ("貸主", "賃貸人", "貸し主"),
    ("借主", "賃借人", "借り主"),
    ("売主", "売り主", "売渡人"),
    ("買主", "買い主", "買受人"),
    ("秘密情報", "機密情報"),
    ("使用者", "雇用主", "雇い主"),
    ("連帯保証人", "連帯保証者"),
    ("中小受託事業者", "下請事業者"),
    ("委託事業者", "親事業者"),
    ("ユーザー", "ユーザ"),
    ("サーバー", "サーバ"),
    ("ライセンサー", "ライセンサ"),
    ("または", "又は"),
    ("および", "及び"),
    ("もしくは", "若しくは"),
    ("ならびに", "並びに"),
    ("ただし", "但し"),
    ("すべて", "全て"),
    ("できる", "出来る"),
    ("わかり", "分かり"),
)
#: Inflections, and the longer words that hold a word without meaning it.
_OWN_WORDS = {
    "できる": r"でき(?:る|ます|ません)",
    "出来る": r"出来(?:る|ます|ません)",
    "ユーザ": r"ユーザ(?!ー)",
    "サーバ": r"サーバ(?!ー)",
    "ライセンサ": r"ライセンサ(?!ー)",
    "委託者": r"(?<![再受])委託者",
    "発注者": r"(?<![受])発注者",
    "使用者": r"(?<![利])使用者(?!責任)",
    "わかり": r"わか(?:り|る|ら)",
    "分かり": r"分か(?:り|る|ら)(?!れ)",
}


def _pattern() -> re.Pattern[str]:
    """All words, as groups g<line>_<word>; a longer word is tried before one it contains."""
    named = [
        (word, f"(?P<g{line}_{place}>{_OWN_WORDS.get(word, re.escape(word))})")
        for line, words in enumerate(_VARIANTS)
        for place, word in enumerate(words)
    ]
    named.sort(key=lambda item: -len(item[0]))
    # The lookahead lets the search skip what no word begins with: ten times as fast.
    begin = "".join(sorted({word[0] for word, _ in named}))
    return re.compile(f"(?=[{begin}])(?:{'|'.join(regex for _, regex in named)})")


_VARIANT = _pattern()
_QUOTED = re.compile(r"「[^」]*」|『[^』]*』")


def answer_faults(example: Example) -> Iterator[Fault]:
    """Q003 hedging, Q004 repetition, Q005 variants of a term, in the answer."""
    answer = example.answer
    if hedge := _HEDGE.search(answer):
        yield Fault(
            "Q003",
            f"「{hedge[0]}」と言い逃れています。",
            "言い切るか、どういう条件なら結論が変わるかを書いてください。",
            excerpt(answer, *hedge.span()),
        )
    yield from _repetition(answer)
    yield from _variant_faults(answer)


def _variant_faults(answer: str) -> Iterator[Fault]:
    # A quotation keeps the words of its source.
    own = _QUOTED.sub(lambda m: "＿" * len(m[0]), answer)
    found: dict[str, dict[str, re.Match[str]]] = {}
    for match in _VARIANT.finditer(own):
        line, _, place = str(match.lastgroup).partition("_")
        found.setdefault(line, {}).setdefault(place, match)
    for line, words in found.items():
        if len(words) > 1:
            last = max(words.values(), key=lambda m: m.start())
            shown = "」と「".join(match[0] for match in words.values())
            yield Fault(
                "Q005",
                f"一つの回答に「{shown}」があります。",
                f"どれか一つ（例: {_VARIANTS[int(line[1:])][0]}）にそろえてください。",
                excerpt(answer, *last.span()),
            )


def _repetition(answer: str) -> Iterator[Fault]:
    seen: set[str] = set()
    remedy = "繰り返しを消してください。"
    for match in _SENTENCE.finditer(answer):
        sentence = normalize(_LABEL.sub("", match[0]))
        if len(sentence) < 10:
            continue
        if sentence in seen:
            where = excerpt(answer, *match.span())
            yield Fault("Q004", "同じ文が2回以上あります。", remedy, where)
            return
        seen.add(sentence)
    pieces = [answer[i : i + 6] for i in range(len(answer) - 5)]
    if len(set(pieces)) == len(pieces):  # the search below is slow, and rarely needed
        return
    if stutter := _STUTTER.search(answer):
        where = excerpt(answer, *stutter.span())
        yield Fault("Q004", "同じ語句が続けて繰り返されています。", remedy, where)


class Conclusions:
    """Q002: the answers without a 結論, in a set whose answers mostly have one."""

    def __init__(self) -> None:
        self.with_conclusion = 0
        self._without = array("I")
        self._n = 0

    def add(self, number: int, example: Example) -> None:
        """Take an example in."""
        answer = example.answer
        if not answer.strip() or (len(answer) < 80 and _ABSTAINS.search(answer)):
            return
        self._n += 1
        if (match := _CONCLUSION.search(answer)) and answer[match.end() :].strip():
            empty = re.match(r"[\s　]*\n(?:根拠|留意点)", answer[match.end() :])
            if not empty:
                self.with_conclusion += 1
                return
        self._without.append(number)

    def finish(self) -> Iterator[tuple[int, Fault]]:
        """The faults, one for each example."""
        if self._n >= _ENOUGH and self.with_conclusion >= _USUAL * self._n:
            for number in self._without:
                message = "ほかの回答にある「結論：」が、この回答にはありません。"
                yield number, Fault("Q002", message, "結論から書いてください。")
