"""The legal terms an expert answer to an item uses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from homutune.evaluation._text import HEADINGS
from homutune.law import normalize

#: General terms of Japanese contract, company and labour law. Short on purpose: the terms of a
#: field come from its cards.
# fmt: off
LEGAL_TERMS = frozenset(
    (
        "契約", "合意", "申込み", "承諾", "約款", "特約", "条項", "解除", "解約", "取消し", "無効",
        "有効", "撤回", "催告", "通知", "履行", "不履行", "遅滞", "不能", "追完", "減額", "賠償",
        "損害賠償", "違約金", "瑕疵", "契約不適合", "帰責事由", "過失", "重過失", "故意", "善意",
        "悪意", "債権", "債務", "債権者", "債務者", "連帯", "保証", "保証人", "担保", "抵当権",
        "質権", "相殺", "弁済", "時効", "消滅時効", "完成猶予", "更新", "譲渡", "承継", "代理",
        "委任", "請負", "売買", "賃貸借", "使用貸借", "消費貸借", "寄託", "検査", "検収", "引渡し",
        "危険", "所有権", "対抗要件", "登記", "登録", "公示", "推定", "みなす", "準用", "免責",
        "強行規定", "任意規定", "公序良俗", "信義則", "不当利得", "不法行為", "取締役", "取締役会",
        "監査役", "株主", "株主総会", "決議", "議事録", "定款", "利益相反", "競業", "善管注意義務",
        "忠実義務", "招集", "労働者", "使用者", "就業規則", "賃金", "解雇", "懲戒", "雇止め",
        "有期契約", "割増賃金", "休業", "労働条件", "派遣", "出向", "個人情報", "個人データ",
        "要配慮個人情報", "第三者提供", "委託", "安全管理措置", "漏えい", "開示", "仮名加工情報",
        "匿名加工情報", "営業秘密", "秘密管理性", "有用性", "非公知性", "著作権", "著作者人格権",
        "特許権", "商標権", "意匠権", "実施権", "使用許諾", "利用許諾", "優越的地位",
        "不公正な取引方法", "下請", "支払期日", "返品", "消費者", "事業者", "不利益", "差止め",
        "罰則", "過料", "課徴金", "公正取引委員会",
    )
)
# fmt: on

# A run of three or more kanji that is neither part of a number (「1年以内」) nor of the name of a
# law before its article (「会社法362条」).
_KANJI_RUN = re.compile(r"(?<![0-9一-鿿々])[一-鿿々]{3,}(?![0-9一-鿿々])")


def expected_terms(reference: str, question: str, card_texts: Iterable[str]) -> frozenset[str]:
    """Terms of ``reference`` that belong to the law and were not already in the question.

    They are the general terms of :data:`LEGAL_TERMS` and the runs of three or more kanji that
    the item's cards use as well. Terms of the question do not count: repeating it is no expertise.
    """
    wanted, asked = normalize(reference), normalize(question)
    from_cards = {run for text in card_texts for run in _KANJI_RUN.findall(normalize(text))}
    runs = set(_KANJI_RUN.findall(wanted)) & from_cards
    general = {term for term in LEGAL_TERMS if term in wanted}
    return frozenset(term for term in runs | general if term not in asked and term not in HEADINGS)


def term_recall(text: str, terms: frozenset[str]) -> float | None:
    """Share of ``terms`` that occur in ``text``; None when there are none."""
    if not terms:
        return None
    written = normalize(text)
    return sum(term in written for term in terms) / len(terms)
