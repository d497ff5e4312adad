"""Kinds of defects, and how each is planted in a contract without it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

#: Who 甲/first and 乙/second are in each contract, by the words it uses for them.
SIDES = {
    "nda": ("開示側", "受領側"),
    "gyomu-itaku": ("委託者", "受託者"),
    "baibai": ("買主", "売主"),
    "tatemono-chintai": ("貸主", "借主"),
    "license": ("ライセンサー", "ライセンシー"),
    "software-kaihatsu": ("委託者", "受託者"),
    "saas": ("提供者", "利用者"),
    "kyodo-kenkyu": ("事業側", "研究側"),
    "hanbai-dairiten": ("供給者", "代理店"),
    "koyo": ("使用者", "労働者"),
}
ROLES = {
    "gyomu-itaku-2": ("委託者", "受託者"),
    "baibai-3": ("買主", "売主"),
    "saas-1": ("当社", "利用者"),
    "license-2": ("許諾者", "被許諾者"),
    "hanbai-dairiten-2": ("メーカー", "特約店"),
    "keiyaku-css_lease_contract": ("乙", "甲"),
}
_BOTH = (
    r"(?:甲及び乙|甲又は乙|甲乙|各当事者|当事者の一方|当事者双方|委託者及び受託者|委託者又は受託者"
    r"|売主及び買主|売主又は買主|許諾者及び被許諾者|許諾者又は被許諾者|メーカー及び特約店|メーカー又は特約店)(?:は|ともに|とも)"
)
_HEAD = re.compile(
    r"^(?:第[^条\n]{1,6}条|（[^）\n]+）\n第[^条\n]{1,6}条"
    r"|#{2,3} (?!第[^条\n]{1,4}章)[^\n]+|[０-９]+．[^。\n]+$)",
    re.MULTILINE,
)
_CLOSING = re.compile(
    r"^(?:(?:本|この)(?:契約|合意)の(?:成立|締結|証)|本契約(?:締結の証|を証する)|以上|上記契約|この契約の締結の証).*",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Case:
    """One contract to plant in: its text and the words for both sides, as seen from ``side``."""

    name: str
    type: str
    text: str
    side: str
    us: str
    them: str
    suffix: str = ".txt"

    @property
    def index(self) -> int:
        """0 for the first side of the type, 1 for the second."""
        return SIDES[self.type].index(self.side)


Plant = Callable[[Case], str | None]


def clause_spans(text: str) -> list[tuple[int, int]]:
    """Where each article begins and ends."""
    closing = _CLOSING.search(text)
    end = closing.start() if closing else len(text)
    starts = [match.start() for match in _HEAD.finditer(text) if match.start() < end]
    return list(zip(starts, [*starts[1:], end], strict=True))


def find_clause(text: str, pattern: str) -> tuple[int, int] | None:
    """The article whose heading (its first two lines' brackets or words) matches."""
    for start, end in clause_spans(text):
        heading = text[start:end].split("\n", 1)[0].split("。", 1)[0]
        if len(heading) < 40 and re.search(pattern, heading):
            return start, end
    return None


def delete(pattern: str) -> Plant:
    """Take a whole article out."""

    def plant(case: Case) -> str | None:
        span = find_clause(case.text, pattern)
        return case.text[: span[0]] + case.text[span[1] :] if span else None

    return plant


def within(pattern: str, old: str, new: str | Callable[[Case], str]) -> Plant:
    """Rewrite words of one article; nothing is planted where they do not stand there."""

    def plant(case: Case) -> str | None:
        span = find_clause(case.text, pattern)
        if span is None:
            return None
        body = case.text[slice(*span)]
        put = new if isinstance(new, str) else new(case)
        changed = re.sub(old, lambda _: put, body)
        return None if changed == body else case.text[: span[0]] + changed + case.text[span[1] :]

    return plant


def add(sentence: str | Callable[[Case], str]) -> Plant:
    """Add an article in front of the closing words."""

    def plant(case: Case) -> str | None:
        end = clause_spans(case.text)[-1][1]
        words = sentence if isinstance(sentence, str) else sentence(case)
        number = len(clause_spans(case.text)) + 1
        title = f"第{number}条（補則）"
        if not re.search("(?m)^第[^条\n]{1,6}条", case.text):
            wide = str(number).translate(str.maketrans("0123456789", "０１２３４５６７８９"))
            title = "## 補則" if case.suffix == ".md" else f"{wide}．補則"
        return f"{case.text[:end]}{title}\n{words}\n{case.text[end:]}"

    return plant


def rewrite(pattern: str, sentence: str | Callable[[Case], str], *, keep: bool = False) -> Plant:
    """Give an article another text, or with ``keep`` one sentence more."""

    def plant(case: Case) -> str | None:
        span = find_clause(case.text, pattern)
        if span is None:
            return None
        words = sentence if isinstance(sentence, str) else sentence(case)
        heading, body = case.text[slice(*span)].split("\n", 1)
        old = body if keep else ""
        return f"{case.text[: span[0]]}{heading}\n{old}{words}\n{case.text[span[1] :]}"

    return plant


def either(*plants: Plant) -> Plant:
    """The first that can be planted."""

    def plant(case: Case) -> str | None:
        return next((text for plant in plants if (text := plant(case)) is not None), None)

    return plant


def unless(pattern: str, plant: Plant) -> Plant:
    """Nothing is planted where the pattern stands."""
    return lambda case: None if re.search(pattern, case.text) else plant(case)


def replace(old: str, new: str) -> Plant:
    """Rewrite the first occurrence anywhere."""

    def plant(case: Case) -> str | None:
        changed = re.sub(old, new, case.text, count=1)
        return None if changed == case.text else changed

    return plant


def court_of_the_other(case: Case) -> str:
    """The court of the other side's seat."""
    return f"{case.them}の本店所在地を管轄する地方裁判所"


@dataclass(frozen=True)
class Defect:
    """``rules`` are those that count as finding it; they must be in the playbook of a type.

    ``types`` and ``side`` (0: the first) limit where it is planted.
    """

    name: str
    plant: Plant
    rules: tuple[str, ...]
    types: tuple[str, ...] = ()
    side: int | None = None


_SECRET = "秘密保持|秘密の保持|守秘|受領者の義務"
_DAMAGE = "損害賠償|損害の賠償|賠償"
_MONEY = "委託料|報酬|代金"
_PAYDAY = "(?:翌月末日|翌月二十日|翌月[0-9０-９]+日|[0-9０-９]+日以内)(?:まで|に)"
_PERIOD = "(?:[0-9０-９]+年|[0-9０-９六]+か月)以内"
_COURT = r"(?:[^、。\n]{2,3}地方裁判所|被告の本店所在地を管轄する地方裁判所)"
#: The first of the clauses that a sentence at the beginning of a line lists.
_REFERRED = (
    r"(?<=\n)((?:第[^条\n]{1,6}条[^\n]{0,20}\n)?"
    r"(?:第[0-9０-９一二三四五六七八九十]+条|本契約の終了後においても、第[0-9０-９]+条))([、及])"
)
DEFECTS = (
    Defect("反社会的勢力の排除の削除", delete("反社会|暴力団"), ("hansha",)),
    Defect("合意管轄の削除", delete("管轄|裁判所"), ("kankatsu",)),
    Defect("損害賠償の削除", delete(_DAMAGE), ("songai", "saas-sekinin")),
    Defect(
        "解除の削除",
        delete("解除"),
        ("kaijo",),
    ),
    Defect("秘密保持の削除", delete(_SECRET), ("himitsu", "nda-gimu")),
    Defect("譲渡禁止の削除", delete("譲渡|移転の禁止"), ("joto",)),
    Defect("契約期間の削除", delete("期間"), ("kikan",)),
    Defect(
        "再委託の削除",
        delete("再委託"),
        ("itaku-saiitaku",),
    ),
    Defect(
        "知的財産権の帰属の削除",
        delete("知的財産|成果の権利"),
        ("itaku-chizai",),
    ),
    Defect(
        "契約不適合責任の削除",
        delete("不適合|業務の品質|品質保証"),
        ("itaku-futekigo", "baibai-futekigo"),
    ),
    Defect(
        "検査の削除",
        delete("検査|検収|検品"),
        ("itaku-kensa", "baibai-kensa"),
    ),
    Defect(
        "返還・廃棄の削除",
        delete("返還|返却"),
        ("nda-henkan",),
    ),
    Defect(
        "目的外使用の禁止の削除",
        delete("目的外|利用目的"),
        ("nda-mokutekigai",),
    ),
    Defect(
        "個人情報の削除",
        delete("個人情報|個人データ"),
        ("kojin",),
    ),
    Defect(
        "不可抗力の削除",
        delete("不可抗力|天災"),
        ("fukakoryoku",),
    ),
    Defect(
        "自社だけの賠償義務",
        within(_DAMAGE, _BOTH, lambda c: f"{c.us}は"),
        ("songai", "saas-sekinin"),
    ),
    Defect(
        "相手方だけの解除権",
        within("解除", _BOTH, lambda c: f"{c.them}は"),
        ("kaijo",),
    ),
    Defect(
        "自社だけの秘密保持", within(_SECRET, _BOTH, lambda c: f"{c.us}は"), ("himitsu", "nda-gimu")
    ),
    Defect(
        "支払期日が60日を超える",
        within(_MONEY, _PAYDAY, "納入の日から120日以内"),
        ("itaku-shiharai", "baibai-daikin"),
        side=1,
    ),
    Defect(
        "瑕疵担保責任（旧法）",
        add("目的物に隠れた瑕疵があるときは、引渡しから1年に限り瑕疵担保責任を負う。"),
        ("old-kashi",),
    ),
    Defect(
        "下請法（旧称）の引用",
        add("本契約が下請代金支払遅延等防止法の適用を受けるときは、同法による。"),
        ("old-shitauke",),
    ),
    Defect(
        "商事法定利率（旧法）",
        add("支払を遅滞したときは、商事法定利率による遅延損害金を支払う。"),
        ("old-riritsu",),
    ),
    Defect(
        "存在しない条の参照",
        unless(
            "第(?:48|４８|四十八)条",
            either(replace(_REFERRED, r"\1、第48条\2"), add("第48条の規定は、前各条に準用する。")),
        ),
        ("sanshou",),
    ),
    Defect("定義のない用語", add("乙は、本機材を善良な管理者の注意をもって保管する。"), ("teigi",)),
    Defect("定義のない当事者", add("丙は、甲の債務を保証する。"), ("tojisha",)),
    Defect("条番号の重複", replace(r"(?m)^第(?:3|３|三)条", "第2条"), ("joban",)),
    Defect("空欄の残り", add("甲は、保証金として金●●円を預け入れる。"), ("kuran",)),
    Defect(
        "終わりが始まりより前の期間",
        add("前各条は、2027年4月1日から2026年3月31日まで適用する。"),
        ("hizuke",),
    ),
    Defect(
        "相手方の所在地の管轄", within("管轄|裁判所", _COURT, court_of_the_other), ("kankatsu",)
    ),
    Defect(
        "外国法の準拠",
        add("本契約は、ニューヨーク州法に準拠し、これに従って解釈される。"),
        ("junkyoho",),
    ),
    Defect(
        "高い遅延損害金",
        add("支払を遅滞した当事者は、年20％の割合による遅延損害金を支払う。"),
        ("chien",),
    ),
    Defect(
        "長すぎる秘密保持期間",
        replace(r"(終了(?:した)?後(?:も)?、?)[0-9一二三]+年間", r"\g<1>10年間"),
        ("nda-kikan",),
        side=1,
    ),
    Defect(
        "27条・28条の特掲漏れ",
        replace(r"（著作権法第(?:27|２７)条[^）]*）", ""),
        ("itaku-chizai",),
        side=0,
    ),
    Defect(
        "賠償の上限なし",
        within(_DAMAGE, r"[^。\n]*(?:限度|上限)[^。]*。(?:ただし[^。]*。)?", ""),
        ("itaku-jogen",),
        side=1,
    ),
    Defect(
        "短い契約不適合の期間",
        within("不適合|業務の品質|品質保証", _PERIOD, "1か月以内"),
        ("itaku-futekigo", "baibai-futekigo"),
        side=0,
    ),
    Defect(
        "相手方だけの不可抗力免責",
        within("不可抗力|天災", _BOTH, lambda c: f"{c.them}は"),
        ("fukakoryoku",),
    ),
    Defect(
        "敷金の返還の削除",
        within("敷金", "2　甲は、本物件の明渡しを受けた後[^\n]*\n", ""),
        ("chintai-shikikin",),
    ),
    Defect(
        "通常損耗まで原状回復",
        within("原状回復", "を除き", "を含め"),
        ("chintai-genjo",),
        side=1,
    ),
    Defect(
        "極度額のない保証",
        within("保証人", "極度額金[0-9,]+円を限度として、", ""),
        ("chintai-hosho",),
    ),
    Defect(
        "貸主による一方的な賃料改定",
        within("賃料", "甲及び乙は、協議のうえ", "甲は、"),
        ("chintai-chinryo",),
        side=1,
    ),
    Defect(
        "催告のない解除",
        within("解除", "相当の期間を定めて催告したうえで、", "催告なく、"),
        ("chintai-kaijo",),
        side=1,
    ),
)
