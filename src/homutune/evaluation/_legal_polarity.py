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
# word that leaves the sign alone (認める), N for one that turns it (禁止), R for a need (必要), and
# a filler keeps the places of the letters they had more.
_P, _N, _R, _FILL = "\ue000", "\ue001", "\ue003", "\ue002"
_ENDING_WORDS = [
    (re.compile(pattern), letter)
    for pattern, letter in (
        (r"不要", _R + _N),
        (r"対象外|適用外|不可能|不可|禁止|禁じ|妨げ|除(?=かれ|外され)", _N),
        (r"必要|義務|求め(?=られ)|要(?=[しすせさりら])", _R),
        (r"認め|許さ|許容|可能|対象|余地", _P),
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
_ENDING = re.compile(rf"[ぁ-ん{_P}{_N}{_R}{_FILL}]+")
_NEGATION = re.compile(
    rf"ない|ませ?ん|なかっ|なく|なけれ|(?<!み)なし|な(?:り|ら)な|[ぁ-ん]ず(?=[、にと]|$)|ざる|{_N}"
)
#: Without any of these an ending is only particles (の, について) and asserts nothing.
_PARTICLES = re.compile(
    r"[いきしちにみりぎびえけせてねめれげべ]?(?:の|は|が|を|に|へ|と|も|や|で|から|まで|より|など|および|または|かつ|か|において|について|につき|による|により"
    r"|によって|によれば|によらない|として|とともに|に対し|に対して|に関し|に関する|に基づき|に基づいて|であって|ごとに"
    r"|のうち|その|この|これ|それ|では|ため|とき|ときは|たび)+"
)
_CONDITION = re.compile(r"(?:なければ|ないと|ない限り|ないかぎり|なしに|なしで)(?:は)?$")
_REQUIRED = re.compile(r"なければ(?:な[らり]|いけ)|ないと(?:いけ|な[らり])|ないわけに")
#: Not the claim of its sentence but part of one: 請求しないとき, 認められないおそれ.
_ASIDE = re.compile(
    r"(?:とき(?:[はにもと]|など)?|おそれ[^。]*|まま|こと|もの|のに|ので|ず|なく|たり|が|し|て|など)$"
)
_ALTHOUGH = re.compile(
    r"(?:て|で)(?:い|あっ)?(?:て)?も$|(?:ても|でも|であっても|あっても|としても)$"
)
_NO_CLAIM = re.compile(
    r"(?:には|ために|ためには|かどうか|か[をはがもに]?|こと[をがはもに]|までの|ようとする|ようと)$"
)
#: 「書面でしなければ」: what follows belongs to another word.
_MEANS = re.compile(r"で(?!き|あ|す|し[たょ]|な|は?な)")
#: What stands behind a condition belongs to another predicate.
_UNTIL_CONDITION = re.compile(r".*?(?:とき|もの(?=[はがをも])|[えけげせてねべめれ]ば(?!な))")
_EXCEPT = re.compile(r"(?:場合|時)(?:など)?を除")

_NOUN = re.compile(r"[をにがはも]|まで|にも|には|への")
_VERDICT = re.compile(rf"[はも]?[{_P}{_N}]")
#: Verbs that say nothing without their noun: 同意を得る, 通知を受ける.
_LIGHT = {"得", "受", "行", "負", "有", "持"}

#: Stems that say the same; 無効 is the denial of 有効.
_SAME = {"有効": "効力", "無効": "効力", "証明": "立証"}
_DENYING_STEMS = {"無効"}
#: No claims of their own: headings, fillers, and comparisons, which the bounds look after.
_IDLE = {
    "結論",
    "根拠",
    "留意点",
    "原則",
    "場合",
    "者",
    "時",
    "日",
    "上",
    "他",
    "旨",
    "等",
    "後",
    "前",
    "間",
    "額",
    "超",
    "満",
    "上回",
    "下回",
    "達",
}


@dataclass(frozen=True, slots=True)
class Predicate:
    """A stem and what is said of it."""

    stem: str
    #: ``+`` affirmed, ``-`` denied, ``needed`` or ``needless``, ``only if`` denied unless a
    #: condition is met, ``unless`` affirmed unless something is done.
    sign: str
    #: Whether it is the claim of its sentence, not a condition or a part of one.
    main: bool
    #: The noun it is said of, as far as it stands right before: 議決 in 議決に加わる.
    object: str
    start: int
    end: int


_CONFLICTS = {
    frozenset(pair)
    for pair in (
        ("+", "-"),
        ("needed", "needless"),
        ("+", "needless"),
        ("only if", "unless"),
        ("unless", "-"),
    )
}


def denied(reference: LegalText, answer: LegalText) -> Iterator[tuple[Predicate, Predicate]]:
    """Predicates that one text affirms and the other denies.

    Two claims with one stem are taken to speak of the same thing; where one is only part of a
    claim, or the stem a single kanji, what stands around them must be alike as well.
    """
    old, new = _predicates(reference), _predicates(answer)
    for predicate in new:
        same = [p for p in old if p.stem == predicate.stem]
        if not same:
            continue
        here = answer.context(predicate.start, predicate.start, 18)
        around = {p: likeness(reference.context(p.start, p.start, 18), here) for p in same}
        near = max(same, key=lambda p: (around[p], p.sign == predicate.sign))
        against = {p.sign for p in same if frozenset((p.sign, predicate.sign)) in _CONFLICTS}
        others = {p.sign for p in new if p.stem == predicate.stem}
        only = against == {p.sign for p in same} and len(others) == 1
        known = len(near.stem) > 1 or (near.object and near.object == predicate.object)
        enough = 0.0 if near.main and predicate.main and known else 0.45
        if near.sign in against and around[near] >= (enough if only else 0.75):
            yield near, predicate


def _predicates(text: LegalText) -> list[Predicate]:
    return [p for begin, end in text.sentences() for p in _of_sentence(text.body, begin, end)]


def _of_sentence(body: str, begin: int, end: int) -> Iterator[Predicate]:
    plain = _with_letters(body[begin:end])
    pieces: list[tuple[str, str, int, int]] = []
    for found in _STEM.finditer(plain):
        tail = _ENDING.match(plain, found.end())
        stop = tail.end() if tail else found.end()
        written = plain[found.end() : stop].replace(_FILL, "")
        pieces.append((found[0], written, found.start(), stop))
    judged = [_judge(stem, ending) for stem, ending, _, _ in pieces]
    for place, (_, ending, _, stop) in enumerate(pieces):
        if judged[place] == "+" and _EXCEPT.match(plain, stop):
            judged[place] = "if not"
        elif ending.endswith("ない") and plain.startswith("間", stop):
            judged[place] = None  # until it is done
    denies = next((s == "-" for s in reversed(judged) if s in {"+", "-"}), False)
    conditional = False
    topic = noun = ""
    for (stem, ending, start, stop), judgement in zip(pieces, judged, strict=True):
        sign, before = judgement, noun
        noun = stem if _NOUN.fullmatch(ending) else ""
        topic = stem if ending == "は" and len(stem) > 1 else topic
        if judgement in {"if not", "without"}:
            # 同意がなければできない: needed. 定めがなければできる: an exception, no need.
            conditional = conditional or judgement == "if not" or denies
            sign = "needed" if denies else "needless" if judgement == "without" else None
        elif judgement == "although":
            sign = "-" if denies and len(stem) > 1 else None
        elif judgement == "although not":
            sign = "needless"
        elif conditional and judgement in {"+", "-"}:
            sign = "only if" if judgement == "-" else "unless"
        if sign and stem in _IDLE and _VERDICT.match(ending):
            stem = topic  # 解除は、…の後は認められない
        elif stem in _LIGHT and before:
            stem = before  # 同意を得る
        if sign and stem and stem not in _IDLE:
            follows = plain[stop : stop + 1]
            main = sign != judgement or not (_STEM.match(follows) or _ASIDE.search(ending))
            name = _SAME.get(stem, stem)
            yield Predicate(name, sign, main, before, begin + start, begin + stop)


def _with_letters(sentence: str) -> str:
    """``sentence`` with the words of endings as single letters, every place kept."""
    plain = _IDIOMS.sub(lambda m: "、" * len(m[0]), sentence)
    # 「なくてもよい」 must leave no other negation behind.
    plain = _NEED_NOT.sub(lambda m: (_R + _N).ljust(len(m[0]), _FILL), plain)
    plain = plain.replace("ない限り", "なければ")
    for pattern, letters in _ENDING_WORDS:
        for match in list(pattern.finditer(plain)):
            word = letters.ljust(len(match[0]), _FILL)
            plain = plain[: match.start()] + word + plain[match.end() :]
    return plain


def is_particles(ending: str) -> bool:
    """Whether an ending is only particles, such as a noun takes.

    Nothing longer is one; the limit also keeps a model's endless ではでは from costing 2**n steps.
    """
    return len(ending) <= 16 and bool(_PARTICLES.fullmatch(ending))


def _judge(stem: str, ending: str) -> str | None:
    """What an ending says of its stem; None where nothing is asserted."""
    if condition := _UNTIL_CONDITION.match(ending):
        ending = condition[0]
    if not ending or _MEANS.match(ending) or is_particles(ending) or _NO_CLAIM.search(ending):
        return None
    denials = len(_NEGATION.findall(ending)) + (stem in _DENYING_STEMS)
    must = bool(_REQUIRED.search(ending))
    if _ALTHOUGH.search(ending):
        return "although not" if denials % 2 else "although"
    if not must and (found := _CONDITION.search(ending)):
        return "without" if "なし" in found[0] else "if not"
    if must or _R in ending:
        return "needless" if denials % 2 else "needed"
    return "-" if denials % 2 else "+"
