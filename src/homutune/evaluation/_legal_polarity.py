"""What a text affirms and denies: predicates with the sign of their endings.

A predicate is a run of kanji or katakana (its stem, 解除) and the hiragana that follows (することは
できない). Negations in the ending are counted: 認められない is one, なければならない two, 禁止 one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from homutune.evaluation._legal_text import LegalText, likeness

# Words of the ending that are written with kanji, as letters of a private area: P stands for a
# word that leaves the sign alone (必要, 認める), N for one that turns it (禁止, 不要).
_P, _N = "\ue000", "\ue001"
_ENDING_WORDS = [
    (re.compile(pattern), letter)
    for pattern, letter in (
        (r"対象外|適用外|不可能|不可|不要|禁止|禁じ|妨げ|除(?=かれ|外され)", _N),
        (r"必要|義務|認め|許さ|許容|可能|求め(?=られ)|要(?=[しすせさり])|対象|余地", _P),
    )
]
#: Negative in form only, or parts of words: taken out before negations are counted.
_IDIOMS = re.compile(
    r"少なくとも|遅滞なく|まもなく|間もなく|速やかに|やむを得ない|やむをえない|かもしれ(?:ない|ません)"
    r"|に過ぎ(?:ない|ません)|にすぎ(?:ない|ません)|にほかなら(?:ない|ません)|正当な理由(?:が)?(?:なく|なしに|ない)"
    r"|責めに帰すること(?:の|が)でき(?:ない|ません)|問わず|かかわらず|別段の(?:定め|契約|特約)が(?:ない限り|なければ)"
    r"|特段の事情が(?:ない限り|なければ)|特約が(?:ない限り|なければ)|にとどまる|とは別に|まだ|もう"
)
#: 「なくてもよい」: one denial.
_NEED_NOT = re.compile(
    r"な(?:くて|い)も?(?:、)?(?:よ[いく]|良い|いい|構(?:わない|いません)|かま(?:わない|いません)|足り(?:る|ます)|差し支え(?:ない|ありません)|済[むみ])"
)
_STEM = re.compile(r"[一-龥々ァ-ヺー]+")
_ENDING = re.compile(rf"[ぁ-ん{_P}{_N}\ue002]+")
_NEGATION = re.compile(rf"ない|ませ?ん|なかっ|なく|なけれ|なし(?!う)|な(?:り|ら)な|[ぁ-ん]ず(?=[、にと]|$)|ざる|{_N}")
#: Without any of these an ending is only particles (の, について) and asserts nothing.
PARTICLES = re.compile(
    r"(?:の|は|が|を|に|へ|と|も|や|で|から|まで|より|など|および|または|かつ|か|において|について|につき|による|により"
    r"|によって|によれば|によらない|として|とともに|に対し|に対して|に関し|に関する|に基づき|に基づいて|であって|ごとに"
    r"|のうち|その|この|これ|それ|ため|とき|ときは|たび)+"
)
_CONDITION = re.compile(r"(?:なければ|ないと|ない限り|ないかぎり|なしに|なしで|なく)(?:は)?$")
_REQUIRED = re.compile(r"なければ(?:な[らり]|いけ)|ないと(?:いけ|な[らり])|ないわけに")
_ALTHOUGH = re.compile(r"(?:て|で)(?:い|あっ)?(?:て)?も$|(?:ても|でも|であっても|あっても|としても)$")
_NO_CLAIM = re.compile(r"(?:には|ために|ためには|かどうか|か|までの|ようとする|ようと)$")
#: 「書面でしなければ」: what follows belongs to another word.
_MEANS = re.compile(r"で(?!き|あ|す|し[たょ]|な|は?な)")
_EXCEPT = re.compile(r"(?:場合|時)(?:など)?を除")

#: Stems that say the same; 無効 is the denial of 有効.
_SAME = {"有効": "効力", "無効": "効力", "効力": "効力", "証明": "立証", "帰責": "責"}
_DENYING_STEMS = {"無効"}
#: No claims of their own: headings, fillers, and comparisons, which the bounds look after.
_IDLE = {
    "結論", "根拠", "留意点", "原則", "場合", "者", "時", "日", "上", "他", "旨", "等", "後", "前", "間", "額",
    "超", "満", "上回", "下回", "達",
}


@dataclass(frozen=True, slots=True)
class Predicate:
    """A stem and what is said of it."""

    stem: str
    #: ``+`` affirmed, ``-`` denied, ``only if`` denied unless a condition is met,
    #: ``unless`` affirmed unless something is done.
    sign: str
    start: int
    end: int


_CONFLICTS = {
    frozenset(("+", "-")),
    frozenset(("only if", "unless")),
    frozenset(("unless", "-")),
}


def denied(reference: LegalText, answer: LegalText) -> Iterator[tuple[Predicate, Predicate]]:
    """Predicates that one text affirms and the other denies."""
    old, new = _predicates(reference), _predicates(answer)
    for predicate in new:
        same = [p for p in old if p.stem == predicate.stem]
        if not same:
            continue
        here = answer.context(predicate.start, predicate.start, 18)
        near = max(same, key=lambda p: likeness(reference.context(p.start, p.start, 18), here))
        signs = {p.sign for p in same}
        others = {p.sign for p in new if p.stem == predicate.stem}
        against = {sign for sign in signs if frozenset((sign, predicate.sign)) in _CONFLICTS}
        alike = likeness(reference.context(near.start, near.start, 18), here)
        if (against == signs and len(others) == 1) or (near.sign in against and alike > 0.75):
            yield near, predicate


def _predicates(text: LegalText) -> list[Predicate]:
    return [p for begin, end in text.sentences() for p in _of_sentence(text.body, begin, end)]


def _of_sentence(body: str, begin: int, end: int) -> Iterator[Predicate]:
    plain = _IDIOMS.sub(lambda m: "、" * len(m[0]), body[begin:end])
    plain = _NEED_NOT.sub(lambda m: _N + "\ue002" * (len(m[0]) - 1), plain)
    # 「しなくてもよい」 leaves no other negation behind; the letters keep their places.
    plain = plain.replace("ない限り", "なければ")
    for pattern, letter in _ENDING_WORDS:
        plain = pattern.sub(lambda m, to=letter: to + "\ue002" * (len(m[0]) - 1), plain)  # type: ignore[misc]
    pieces: list[tuple[str, str, int, int]] = []
    for stem in _STEM.finditer(plain):
        ending = _ENDING.match(plain, stem.end())
        pieces.append(
            (stem[0], ending[0] if ending else "", stem.start(), ending.end() if ending else stem.end())
        )
    judged = [_judge(stem, ending) for stem, ending, _, _ in pieces]
    for place, (_, ending, _, stop) in enumerate(pieces):
        if judged[place] == "+" and _EXCEPT.match(plain, stop):
            judged[place] = "if not"
        elif ending.endswith("ない") and plain.startswith("間", stop):
            judged[place] = None  # until it is done
    main = next((sign for sign in reversed(judged) if sign in {"+", "-"}), None)
    conditional = False
    for (stem, _ending, start, stop), sign in zip(pieces, judged, strict=True):
        name = _SAME.get(stem, stem)
        if sign is None or stem in _IDLE:
            continue
        if sign == "if not":
            # 同意がなければできない: needed. 別の定めがなければできる: a mere exception.
            conditional = True
            if main == "-":
                yield Predicate(name, "+", begin + start, begin + stop)
            continue
        if sign == "without":
            conditional = conditional or main == "-"
            if main:
                needed = "+" if main == "-" else "-"
                yield Predicate(name, needed, begin + start, begin + stop)
            continue
        if sign == "although":
            if main == "-" and len(stem) > 1:
                yield Predicate(name, "-", begin + start, begin + stop)
            continue
        if sign == "although not":
            yield Predicate(name, "-", begin + start, begin + stop)
            continue
        if conditional:
            sign = "only if" if sign == "-" else "unless"
        yield Predicate(name, sign, begin + start, begin + stop)


def _judge(stem: str, ending: str) -> str | None:
    """The sign of an ending; None where nothing is asserted."""
    ending = ending.replace("\ue002", "")
    if not ending or _MEANS.match(ending) or PARTICLES.fullmatch(ending) or _NO_CLAIM.search(ending):
        return None
    denials = len(_NEGATION.findall(ending.replace("なければな", "なけれな")))
    if stem in _DENYING_STEMS:
        denials += 1
    if _ALTHOUGH.search(ending):
        return "although not" if denials % 2 else "although"
    if not _REQUIRED.search(ending) and (found := _CONDITION.search(ending)):
        return "without" if "なし" in found[0] or found[0].startswith("なく") else "if not"
    return "-" if denials % 2 else "+"
