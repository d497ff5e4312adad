"""Who does what to whom: opposing parties (甲/乙, 買主/売主) and the predicates they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from homutune.evaluation._legal_polarity import is_particles
from homutune.evaluation._legal_text import LegalText, likeness

#: Parties that can be taken for each other. Alternatives of one name are separated by ``|``.
_GROUPS = (
    ("甲", "乙", "丙"),
    ("買主|購入者|買受人", "売主|販売業者|売渡人"),
    ("賃貸人|貸主|貸し手", "賃借人|借主|借り手", "転借人"),
    ("注文者", "請負人"),
    ("委任者", "受任者"),
    ("委託者|委託元", "受託者|委託先"),
    ("委託事業者|親事業者", "中小受託事業者|下請事業者"),
    ("特定業務委託事業者|業務委託事業者", "フリーランス|特定受託事業者"),
    (
        "主たる債務者|主債務者",
        "債権者",
        "債務者",
        "保証人",
        "第三債務者",
        "譲渡人|譲渡した者|譲渡する者",
        "譲受人|譲り受けた者",
    ),
    ("使用者|事業主", "労働者|従業員|従業者"),
    ("事業者", "消費者"),
    ("発注者|発注側", "受注者|受注側"),
    ("開示者|開示当事者", "受領者|受領当事者"),
    ("許諾者|ライセンサー", "被許諾者|ライセンシー|利用者"),
    ("寄託者", "受寄者"),
    ("会社", "取締役", "株主", "監査役"),
    ("抵当権者|根抵当権者|質権者", "設定者|設定した者"),
    ("原告", "被告"),
    ("提供元", "提供先"),
    ("専用実施権者", "特許権者", "通常実施権者"),
)
_NAMES = {
    name: (group, names.split("|")[0])
    for group, members in enumerate(_GROUPS)
    for names in members
    for name in names.split("|")
}
# Not inside another word: 取締役会, 消費者契約法, 連帯保証人.
_PARTY = re.compile(
    rf"(?<![一-龥])(?:{'|'.join(sorted(_NAMES, key=len, reverse=True))})(?=側|[^一-龥]|$)"
)
_STEM = re.compile(r"[一-龥々ァ-ヺー]+")
#: Particles behind a party: it acts, or it is acted on.
_ACTS = re.compile(r"(?:(?:の?側)?(?:には|にも|では|は|が|も|なら)|の?側から)(?![らり])")
_FROM = re.compile(r"(?:から|によって|による)")
#: 買主や売主: which of them acts is left open.
_TOGETHER = re.compile(r"(?:や|と|か|・|、|または|又は|および|及び)$")
_OWNS = re.compile(r"の(?:側の)?")
#: What may stand between a party and the noun it owns: 甲の書面による承諾.
_NEAR = re.compile(r"(?:書面|電磁的記録|事前)?(?:による|での|の|で)?")
#: 「使用者に作成の義務がある」: the one who meets a duty acts.
_DUTY = re.compile(r"(?:義務|権利)[がはをも]")
#: A subject of its own ends what an actor before it does: 使用者は…、契約が成立する.
_SUBJECT = re.compile(r"[一-龥ァ-ヺー]が(?!でき|あ|な|必要|認)")
_CLAUSE_END = re.compile(r"(?:ば|と|たら|とき[はに]?|場合[はに]?|限り|ので|ため|し)、")
_ENDING = re.compile(r"[ぁ-ん]+")
_MEETS = re.compile(r"(?:の側)?(?:に対して|に対し|に対する|に|へ)(?!よ)")
#: 「解除できるのは買主である」: the predicate stands before its party.
_CLEFT = re.compile(r"(?P<stem>[一-龥々ァ-ヺー]+)(?:を)?[ぁ-ん]{0,12}のは、?$")
_IS = re.compile(r"で(?:す|あ|、)|だ|だけ|[、。]|$")
_PASSIVE = re.compile(r"(?:さ|わ|か|た|ま|ら|な)れ")
#: Too general to tell who does something.
_GENERAL = {
    "場合",
    "時",
    "日",
    "者",
    "必要",
    "義務",
    "権利",
    "契約",
    "以内",
    "以上",
    "月",
    "年",
    "間",
    "旨",
    "前",
    "後",
    "側",
    "書面",
    "額",
    "直",
    "個人",
    "第三者",
    "原則",
    "債権",
    "債務",
    "責任",
    "内容",
    "限",
    "求",
    "定",
    "認",
    "有",
    "無",
    "方法",
    "自分",
    "自己",
    "場所",
    "事務",
    "費用",
    "言",
    "足",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A party's part in what a predicate says."""

    stem: str
    role: str
    group: int
    party: str
    start: int
    end: int
    #: Where the stem stands.
    place: int


def exchanged(reference: LegalText, answer: LegalText) -> Iterator[tuple[Part, Part]]:
    """Parts that an opposing party takes in the answer.

    A part counts where each text gives it to one party of a group only.
    """
    old, new = _parts(reference), _parts(answer)
    for part in new:
        where = (part.stem, part.role, part.group)
        theirs = {p.party for p in new if (p.stem, p.role, p.group) == where}
        ours = [p for p in old if (p.stem, p.role, p.group) == where]
        if not ours or len(theirs) > 1 or not theirs.isdisjoint(p.party for p in ours):
            continue
        # One kanji (知, 受) is too little to know that both speak of the same act.
        around = likeness(_around(reference, ours[0]), _around(answer, part))
        if len(part.stem) > 1 or around > 0.6:
            yield ours[0], part


def _around(text: LegalText, part: Part) -> str:
    return _PARTY.sub("", text.context(part.place, part.place))


def _parts(text: LegalText) -> list[Part]:
    return [part for begin, end in text.sentences() for part in _of_sentence(text.body, begin, end)]


def _of_sentence(body: str, begin: int, end: int) -> Iterator[Part]:
    parties = list(_PARTY.finditer(body, begin, end))
    covered = {i for match in parties for i in range(match.start(), match.end())}
    stems = [
        match
        for match in _STEM.finditer(body, begin, end)
        if match.start() not in covered and match[0] not in _GENERAL
    ]
    owned: set[int] = set()
    actors: list[tuple[re.Match[str], bool]] = []
    ends = {match.end() for match in parties}
    for match in parties:
        link = _TOGETHER.search(body[begin : match.start()])
        if link and begin + link.start() in ends:
            continue
        cleft = _CLEFT.search(body[begin : match.start()])
        if cleft and _IS.match(body, match.end()):
            yield _part(match, cleft["stem"], "acts", begin + cleft.start("stem"))
            continue
        after = [s for s in stems if s.start() >= match.end()]
        if acts := _ACTS.match(body, match.end()):
            actors.append((match, acts[0].endswith("は")))
        elif source := _FROM.match(body, match.end()):
            if after and _NEAR.fullmatch(body, source.end(), after[0].start()):
                owned.add(after[0].start())
                yield _part(match, after[0][0], "acts", after[0].start())
        elif owns := _OWNS.match(body, match.end()):
            if after and _NEAR.fullmatch(body, owns.end(), after[0].start()):
                owned.add(after[0].start())
                yield _part(match, after[0][0], "acts", after[0].start())
        elif _MEETS.match(body, match.end()):
            duty = _DUTY.search(body, match.end(), end)
            if duty and not actors and not _PARTY.search(body, match.end(), duty.start()):
                actors.append((match, True))
            elif after:
                yield _part(match, after[0][0], "meets", after[0].start())
    for stem in stems:
        ending = _ENDING.match(body, stem.end())
        asserts = ending and not is_particles(ending[0]) and not _PASSIVE.match(ending[0])
        whole = not body.startswith("者", ending.end() if ending else 0)
        if (
            asserts
            and whole
            and stem.start() not in owned
            and (actor := _actor(body, stem.start(), actors))
        ):
            yield _part(actor, stem[0], "acts", stem.start())


def _part(match: re.Match[str], stem: str, role: str, place: int) -> Part:
    group, party = _NAMES[match[0]]
    return Part(stem, role, group, party, match.start(), match.end(), place)


def _actor(body: str, place: int, actors: list[tuple[re.Match[str], bool]]) -> re.Match[str] | None:
    """Who acts at ``place``: は reaches to the end of its sentence, が to that of its clause."""
    for match, is_topic in reversed(actors):
        if match.end() > place:
            continue
        if _SUBJECT.search(body, match.end() + 1, place):
            return None
        if is_topic or not _CLAUSE_END.search(body, match.end(), place):
            return match
    return None
