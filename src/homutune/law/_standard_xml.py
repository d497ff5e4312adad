"""法令標準XML, the form in which e-Gov publishes statutes, read into articles.

Source of the form: 法令標準XMLスキーマ (e-Gov). Only what is needed to show an article and to see
whether a provision exists is kept: articles, paragraphs, items and captions of the main provisions
and of the original 附則; tables and figures are named, not shown.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from homutune.errors import UserError
from homutune.law._index import law_index

_REVISION = re.compile(r"(?P<law_id>[0-9]{3}[0-9A-Z]{6,14})_(?P<date>[0-9]{8})_[0-9A-Z]{15}")
_NOT_XML = "法令標準XMLとして読めません"
_REMEDY = "e-Gov法令検索でダウンロードした XML ファイルを指定してください。"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """項: its number from 1, its text, and its 号 by number (``"2"``, ``"6_2"``)."""

    number: int
    text: str
    items: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArticleText:
    """条: number (``"548_2"``, ``"附則2"``), caption without parentheses, paragraphs."""

    number: str
    caption: str | None
    paragraphs: tuple[Paragraph, ...]

    @property
    def deleted(self) -> bool:
        """Whether the article is a mere 「削除」."""
        return [p.text.strip() for p in self.paragraphs] == ["削除"]


@dataclass(frozen=True, slots=True)
class LawText:
    """The text of one law in one version."""

    law_id: str
    title: str
    law_num: str
    #: e-Gov's id of the version, "" where the file does not tell.
    revision_id: str
    #: ISO date from which this version is in force, "" where the file does not tell.
    in_force_since: str
    #: ISO date on which this was seen to be the text in force, "" where nobody can say.
    as_of: str
    articles: dict[str, ArticleText]


def parse_law(data: bytes, *, name: str, as_of: str = "") -> LawText:
    """Read a law from a file of e-Gov or an answer of its API.

    Args:
        data: 法令標準XML (``Law``), or ``law_data_response`` around it.
        name: the file name; e-Gov's names hold law_id, date and revision.
        as_of: ISO date on which the text was seen to be in force. A file alone does not tell:
            the law may have been amended since it was made.

    Raises:
        UserError: no such XML, or of a law nobody can name.
    """
    root = _root(data, name)
    law = root if root.tag == "Law" else root.find("law_full_text/Law")
    body = law.find("LawBody") if law is not None else None
    if law is None or body is None:
        raise UserError(f"{_NOT_XML}（Law 要素がありません）。", file=name, remedy=_REMEDY)
    law_num = _text(law.find("LawNum"))
    revision_id = root.findtext("revision_info/law_revision_id") or ""
    named = _REVISION.search(revision_id) or _REVISION.search(name)
    law_id = (
        root.findtext("law_info/law_id")
        or law.get("LawId")
        or (named and named["law_id"])
        or next((found.law_id for found in law_index().find(law_num)), None)
    )
    if not law_id:
        raise UserError(
            f"どの法令か分かりません（法令番号「{law_num[:40]}」）。",
            file=name,
            remedy="ファイル名を e-Gov がダウンロード時に付けた名前に戻してください。",
        )
    since = root.findtext("revision_info/amendment_enforcement_date") or ""
    if not since and named:
        since = _iso(named["date"])
    return LawText(
        law_id=law_id,
        title=_text(body.find("LawTitle")),
        law_num=law_num,
        revision_id=revision_id or (named[0] if named else ""),
        in_force_since=since,
        as_of=as_of,
        articles={article.number: article for article in _articles(body)},
    )


def _root(data: bytes, name: str) -> ET.Element:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        message = f"{_NOT_XML}（UTF-8 ではありません）。"
        raise UserError(message, file=name, remedy=_REMEDY) from None
    # 法令標準XML has no DTD; one in a file can only be there to make the parser blow up.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UserError(f"{_NOT_XML}（DTD を含んでいます）。", file=name, remedy=_REMEDY)
    try:
        return ET.fromstring(text)
    except ET.ParseError as error:
        line = error.position[0]
        raise UserError(f"{_NOT_XML}。", file=name, line=line, remedy=_REMEDY) from None


def _articles(body: ET.Element) -> Iterator[ArticleText]:
    main = body.find("MainProvision")
    if main is not None:
        yield from _provision(main, "")
    for supplement in body.findall("SupplProvision"):
        if not supplement.get("AmendLawNum"):
            yield from _provision(supplement, "附則")


def _provision(provision: ET.Element, prefix: str) -> Iterator[ArticleText]:
    loose = provision.findall("Paragraph")
    if loose:  # a law, or 附則, that has no articles
        yield ArticleText(prefix, None, tuple(_paragraphs(loose)))
    for article in provision.iter("Article"):
        caption = _text(article.find("ArticleCaption")).strip("（）() 　") or None
        paragraphs = tuple(_paragraphs(article.findall("Paragraph")))
        for number in _numbers(article.get("Num", "")):
            yield ArticleText(prefix + number, caption, paragraphs)


def _numbers(number: str) -> Iterator[str]:
    """``"38:84"``, a deleted range, is every article in it."""
    first, _, last = number.partition(":")
    stem, mark, start = first.rpartition("_")
    end = last.rpartition("_")[2] or start
    if not (start.isdigit() and end.isdigit()):
        return
    for single in range(int(start), min(int(end), int(start) + 999) + 1):
        yield f"{stem}{mark}{single}"


def _paragraphs(elements: list[ET.Element]) -> Iterator[Paragraph]:
    for position, element in enumerate(elements, 1):
        number = element.get("Num", "")
        items = {
            item.get("Num", ""): _text(item.find("ItemSentence")) + _below(item)
            for item in element.findall("Item")
        }
        yield Paragraph(
            number=int(number) if number.isdigit() else position,
            text=_text(element.find("ParagraphSentence")) + _below(element),
            items=items,
        )


def _below(element: ET.Element) -> str:
    """イ, ロ … of an item as lines; that there is a table or figure."""
    lines = ""
    for child in element:
        if re.fullmatch(r"Subitem\d+", child.tag):
            title = _text(child.find(f"{child.tag}Title"))
            lines += f"\n{title}　{_text(child.find(f'{child.tag}Sentence'))}" + _below(child)
        elif child.tag in {"TableStruct", "FigStruct", "StyleStruct", "List"}:
            lines += "\n［表・図などは e-Gov法令検索で確認してください］"
    return lines


def _text(element: ET.Element | None) -> str:
    """The text without line breaks of the XML and without ruby."""
    if element is None:
        return ""
    parts = [element.text or ""]
    for child in element:
        if child.tag == "Column" and "".join(parts).strip():
            parts.append("　")
        parts += ["" if child.tag == "Rt" else _text(child), child.tail or ""]
    return re.sub(r"[ \t\r\n]+", "", "".join(parts))


def _iso(digits: str) -> str:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).isoformat()
    except ValueError:
        return ""
