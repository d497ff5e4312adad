"""Whether a cited article exists: 確認済み, 要確認, 該当なし or 旧法, with the reason and a remedy.

The index knows articles as of one day, paragraphs of many laws as of an earlier month, and no
items. So a provision it does not hold may have been added since: that is 要確認, not 該当なし,
unless the number is out of all reach (:func:`_reachable`). A text fetched with ``homutune law
update`` is newer than the index and decides down to the item.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from homutune.law._citations import Citation
from homutune.law._index import Law, law_index
from homutune.law._names import Change, law_names
from homutune.law._standard_xml import LawText
from homutune.law._store import LawStore

_UPDATE = "homutune law update {law} で最新の条文を取得するか、e-Gov法令検索で確認してください。"
_LOOK = "e-Gov法令検索（{url}）で確認してください。"
_FOREIGN = re.compile(
    r"^(?:韓国|大韓民国|中国|中華|台湾|香港|米国|合衆国|英国|独|仏|EU|欧州|ドイツ|フランス|イギリス|アメリカ|スイス"
    r"|オーストリア|イタリア|スペイン|オランダ|ベルギー|カナダ|オーストラリア|シンガポール|インド|ベトナム|タイ"
    r"|マレーシア|フィリピン|ブラジル|メキシコ|ロシア|[ァ-ヺー]{3,}州)"
)


class Verdict(StrEnum):
    """What can be said of a citation; the values are what users read."""

    CONFIRMED = "確認済み"
    UNSURE = "要確認"
    MISSING = "該当なし"
    OUTDATED = "旧法"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one citation."""

    citation: Citation
    verdict: Verdict
    #: One Japanese sentence.
    reason: str
    #: What to do next, one Japanese sentence; "" where nothing is to be done.
    remedy: str
    #: ISO date of the data the verdict rests on.
    data_date: str
    #: The law of the verdict (for 旧法 the one that took its place); None where none is known.
    law: Law | None = None
    caption: str | None = None
    #: For 旧法: where the provision is now, e.g. 取適法4条; None where we cannot say.
    now: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the citation is 確認済み."""
        return self.verdict is Verdict.CONFIRMED


def check_citation(citation: Citation, store: LawStore | None = None) -> Finding:
    """Look a citation up in the index, in the list of changed laws and in stored texts.

    Args:
        citation: from :func:`extract_citations`.
        store: statute texts of the user; only texts newer than the index count here.
    """
    names = law_names()
    # A few titles begin with 旧 themselves.
    old = citation.law.startswith("旧") and not names.laws(citation.law)
    name = citation.law.removeprefix("旧") if old else citation.law
    laws = names.laws(name)
    if change := names.changes.get(name):
        return _changed(citation, change)
    if laws and not laws[0].in_force:
        return _finding(
            citation,
            Verdict.OUTDATED,
            f"{laws[0].title}は、{law_index().date} 時点の現行法令にありません（廃止・失効など）。",
            "現在の法令を引用しているか確認してください。",
        )
    if old and laws:
        return _finding(
            citation,
            Verdict.OUTDATED,
            f"改正前の{name}の引用です。",
            f"現行の{name}の条番号は自動では分かりません。引用の時点を確認してください。",
            law=laws[0],
        )
    if not laws:
        return _unknown(citation, name)
    findings = [_in_law(citation, law, store) for law in laws if law.in_force]
    # A title may belong to several laws: one that has the article is enough.
    return next((finding for finding in findings if finding.ok), findings[0])


def _in_law(citation: Citation, law: Law, store: LawStore | None) -> Finding:
    text = store.get(law.law_id) if store else None
    if text and text.as_of >= law_index().date:
        return _in_text(citation, law, text)
    finding = _in_index(citation, law)
    later = law_names().amendments.get(citation.law, "")
    return replace(finding, reason=finding.reason + later)


def _in_index(citation: Citation, law: Law) -> Finding:
    date = law_index().date
    if citation.article.startswith("附則"):
        return _finding(
            citation,
            Verdict.UNSURE,
            f"附則は索引の対象外です（データ基準日 {date}）。",
            _UPDATE.format(law=citation.law),
            law=law,
        )
    if not law.articles:
        return _finding(
            citation,
            Verdict.UNSURE,
            f"{citation.law}は、データ基準日 {date} のデータでは条に分かれていません。",
            _LOOK.format(url=law.url),
            law=law,
        )
    number = _article_name(citation.article)
    article = law.articles.get(citation.article)
    if article is None:
        moved = _moved_here(citation)
        if moved or _reachable(citation.article, law):
            return _finding(
                citation,
                Verdict.UNSURE,
                f"{number}は、データ基準日 {date} の{citation.law}にありません。"
                + (moved or "その後の改正で加わった可能性はあります。"),
                _UPDATE.format(law=citation.law),
                law=law,
            )
        return _finding(
            citation,
            Verdict.MISSING,
            f"{citation.law}に{number}はありません"
            f"（データ基準日 {date}、最後は第{law.last_number}条）。",
            _LOOK.format(url=law.url),
            law=law,
        )
    if article.deleted:
        return _finding(
            citation,
            Verdict.MISSING,
            f"{citation.law}{number}は削除されています（データ基準日 {date}）。",
            _LOOK.format(url=law.url),
            law=law,
        )
    known = article.paragraphs
    if citation.paragraph is not None and known is not None and citation.paragraph > known:
        return _finding(
            citation,
            Verdict.UNSURE,
            f"{number}は {law_index().captions_date} 時点で{known}項までです。",
            _UPDATE.format(law=citation.law),
            law=law,
            caption=article.caption,
        )
    cited = ["条", *(["項"] if citation.paragraph else []), *(["号"] if citation.item else [])]
    checked = [part for part in cited if part == "条" or (part == "項" and known)]
    unchecked = [part for part in cited if part not in checked]
    return _finding(
        citation,
        Verdict.CONFIRMED,
        f"{'と'.join(checked)}があります（データ基準日 {date}"
        + (f"、{'と'.join(unchecked)}は未照合）。" if unchecked else "）。"),
        "",
        law=law,
        caption=article.caption,
    )


def _in_text(citation: Citation, law: Law, text: LawText) -> Finding:
    """Decide by a statute text that is newer than the index."""
    article = text.articles.get(citation.article)
    missing = None
    if article is None:
        missing = f"{_article_name(citation.article)}はありません"
    elif article.deleted:
        missing = f"{_article_name(citation.article)}は削除されています"
    elif citation.paragraph is not None or citation.item:
        wanted = citation.paragraph or 1
        paragraph = next((p for p in article.paragraphs if p.number == wanted), None)
        if paragraph is None:
            missing = f"第{wanted}項はありません（全{len(article.paragraphs)}項）"
        elif citation.item and citation.item not in paragraph.items:
            missing = f"第{wanted}項に第{citation.item.replace('_', '号の')}号はありません"
    caption = article.caption if article else None
    if missing:
        return _finding(
            citation,
            Verdict.MISSING,
            f"取得済みの条文（{text.as_of}）に{missing}。",
            _LOOK.format(url=law.url),
            date=text.as_of,
            law=law,
            caption=caption,
        )
    return _finding(
        citation,
        Verdict.CONFIRMED,
        f"取得済みの条文（{text.as_of}）にあります。",
        "",
        date=text.as_of,
        law=law,
        caption=caption,
    )


def _changed(citation: Citation, change: Change) -> Finding:
    laws = law_names().laws(change.now)
    since = f"{change.since} から" if change.since else "現在は"
    reason = f"{change.old}は、{since}「{change.now}」です。{change.note}"
    label = citation.label.removeprefix(citation.law)
    new = change.articles.get(citation.article)
    if change.complete and new is None and not citation.article.startswith("附則"):
        return _finding(
            citation,
            Verdict.MISSING,
            f"{change.old}に{_article_name(citation.article)}はありませんでした。{reason}",
            f"{change.now}の条文を確認してください。",
            law=laws[0] if laws else None,
        )
    exact = next((to for old, to in change.provisions.items() if label.startswith(old)), None)
    now = change.now + (exact or _short(new)) if exact or new else None
    remedy = (
        f"現在は{now}です。項・号と内容は新しい条文で確認してください。"
        if now
        else f"{change.now}の条番号は自動では分かりません。新しい条文で確認してください。"
    )
    caption = laws[0].articles[new].caption if laws and new in laws[0].articles else None
    return _finding(
        citation,
        Verdict.OUTDATED,
        reason,
        remedy,
        law=laws[0] if laws else None,
        caption=caption,
        now=now,
    )


def _unknown(citation: Citation, name: str) -> Finding:
    date, names = law_index().date, law_names()
    if name.endswith("条例"):
        reason = "自治体の条例は索引の対象外です。"
        remedy = "自治体の例規集で確認してください。"
    elif "一部を改正する法律" in name:
        reason = "改正法は索引の対象外です（改正後の法令だけを収録しています）。"
        remedy = "官報または e-Gov法令検索の改正履歴で確認してください。"
    elif names.short(name) is not None:
        reason = f"{name}は索引に収録されていません（データ基準日 {date}）。"
        remedy = "e-Gov法令検索または公式の規則集・条約集で確認してください。"
    elif _FOREIGN.search(name):
        reason = "外国の法令は索引の対象外です。"
        remedy = "その国の公式の法令集で確認してください。"
    elif parent := next((old for old in names.changes if name.startswith(f"{old}施行")), None):
        now = names.changes[parent].now
        reason = f"{parent}は現在「{now}」のため、政令・規則の題名も変わっています。"
        return _finding(
            citation,
            Verdict.OUTDATED,
            reason,
            f"e-Gov法令検索で「{now}」の政令・規則を確認してください。",
        )
    else:
        return _finding(
            citation,
            Verdict.MISSING,
            f"「{name}」という法令は、{date} 時点の現行法令 {len(law_index()):,} 件にありません。",
            "法令名を確認してください（略称なら正式名称で、新法なら e-Gov法令検索で）。",
        )
    return _finding(citation, Verdict.UNSURE, reason, remedy)


def _moved_here(citation: Citation) -> str:
    """取適法2条の2: an article number of the old law under the new name."""
    for change in law_names().changes.values():
        if change.now == citation.law and (new := change.articles.get(citation.article)):
            return (
                f"{change.old}の{_article_name(citation.article)}は、"
                f"{change.now}では{_article_name(new)}です。"
            )
    return ""


def _reachable(number: str, law: Law) -> bool:
    """Whether an amendment since the data date could have made this article.

    A branch of an article that exists can always be added. As for the end of a law, the greatest
    jump we know of is 個人情報保護法, which grew from 88 to 185 articles in 2021 to 2023.
    """
    main = number.split("_")[0]
    if "_" in number:
        return main in law.articles
    return int(main) <= 2 * law.last_number + 10


def _article_name(number: str) -> str:
    """``"548_2"`` → 第548条の2."""
    supplement = "附則" if number.startswith("附則") else ""
    main, *branches = number.removeprefix("附則").split("_")
    return supplement + (f"第{main}条" if main else "") + "".join(f"の{b}" for b in branches)


def _short(number: str | None) -> str:
    main, *branches = (number or "").split("_")
    return f"{main}条" + "".join(f"の{branch}" for branch in branches)


def _finding(
    citation: Citation,
    verdict: Verdict,
    reason: str,
    remedy: str,
    *,
    date: str | None = None,
    law: Law | None = None,
    caption: str | None = None,
    now: str | None = None,
) -> Finding:
    return Finding(citation, verdict, reason, remedy, date or law_index().date, law, caption, now)
