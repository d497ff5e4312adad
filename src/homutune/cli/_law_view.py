"""What ``homutune law`` prints, for readers and as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from homutune.cli._console import out, tell

if TYPE_CHECKING:
    from homutune.law import (
        ArticleText,
        Citation,
        Difference,
        Finding,
        Law,
        LawStore,
        LawText,
        Located,
    )

_STYLES = {"確認済み": "green", "要確認": "yellow", "該当なし": "bold red", "旧法": "magenta"}
_SOURCE = "出典: e-Gov法令検索"


def row(finding: Finding) -> dict[str, Any]:
    """A finding as JSON."""
    citation, law = finding.citation, finding.law
    return {
        "text": citation.text,
        "label": citation.label,
        "law": citation.law,
        "article": citation.article,
        "paragraph": citation.paragraph,
        "item": citation.item,
        "subitem": citation.subitem,
        "suffix": citation.suffix,
        "verdict": str(finding.verdict),
        "reason": finding.reason,
        "remedy": finding.remedy,
        "now": finding.now,
        "data_date": finding.data_date,
        "caption": finding.caption,
        "law_id": law.law_id if law else None,
        "title": law.title if law else None,
        "url": law.url if law else None,
    }


def shown_row(finding: Finding, store: LawStore) -> dict[str, Any]:
    """A finding with the stored text of its article, None where there is none."""
    text = _stored(finding, store)
    article = text and text[1]
    return {
        **row(finding),
        "statute": _article_lines(article, finding.citation) if article else None,
    }


def print_finding(finding: Finding, store: LawStore) -> None:
    """The verdict on one citation, and the text of the article where it is stored."""
    caption = f"（{finding.caption}）" if finding.caption and not finding.now else ""
    out.print(Text(f"{finding.citation.label}{caption}", "bold"), soft_wrap=True)
    out.print(_verdict(finding), Text(finding.reason), soft_wrap=True)
    if finding.remedy:
        tell(f"対処: {finding.remedy}")
    law = finding.law
    if law is None:
        return
    tell(f"法令: {law.title}（{law.law_num}）")
    tell(f"e-Gov: {law.url}")
    if finding.now:
        return
    text = _stored(finding, store)
    if text:
        tell("")
        for line in _article_lines(text[1], finding.citation):
            tell(line)
        tell(f"（{_version(text[0])}、{_SOURCE}）", style="dim")
    elif finding.ok:
        tell(
            f"条文は未取得です（homutune law update {finding.citation.law} で取得）。", style="dim"
        )


def law_row(law: Law) -> dict[str, Any]:
    """A law as JSON."""
    from homutune.law import law_index, law_names

    return {
        "law_id": law.law_id,
        "title": law.title,
        "law_num": law.law_num,
        "names": law_names().names_of(law),
        "articles": sum(not article.deleted for article in law.articles.values()),
        "last_number": law.last_number,
        "url": law.url,
        "data_date": law_index().date,
        "amendment": law_names().amendments.get(law_names().short(law.title) or ""),
    }


def print_law(law: Law) -> None:
    """What the index knows about a law."""
    facts = law_row(law)
    out.print(Text(law.title, "bold"), soft_wrap=True)
    tell(f"法令番号: {law.law_num}  法令ID: {law.law_id}")
    others = [name for name in facts["names"] if name != law.title]
    if others:
        tell(f"略称・通称: {'、'.join(others)}")
    tell(
        f"条数: {facts['articles']}（第{law.last_number}条まで。データ基準日 {facts['data_date']}）"
    )
    if facts["amendment"]:
        tell(f"改正: {facts['amendment']}")
    tell(f"e-Gov: {law.url}")


def verified_rows(results: dict[str, list[Located]], *, problems: bool) -> dict[str, Any]:
    """The findings of all files as JSON."""
    from homutune.law import law_index

    everything = [one for located in results.values() for one in located]
    return {
        "data_date": law_index().date,
        "counts": _counts(everything),
        "citations": [
            {"file": name, "line": one.line, **row(one.finding)}
            for name, located in results.items()
            for one in located
            if not (problems and one.finding.ok)
        ],
    }


def print_verified(name: str, located: list[Located], *, problems: bool) -> None:
    """One line per citation: where, what, the verdict and what to do."""
    from homutune.law import law_index

    counts = "、".join(f"{verdict} {count}" for verdict, count in _counts(located).items())
    date = law_index().date
    out.print(
        Text(f"{name}：引用 {len(located)} 件（{counts}。データ基準日 {date}）", "bold"),
        soft_wrap=True,
    )
    for one in located:
        finding = one.finding
        if problems and finding.ok:
            continue
        line = Text(f"  {one.line}行目  {finding.citation.label}  ")
        line.append_text(_verdict(finding))
        if not finding.ok:
            line.append(f"  {finding.reason}{finding.remedy}")
        out.print(line, soft_wrap=True)


def stored_row(law: LawText, difference: Difference | None) -> dict[str, Any]:
    """What was stored, as JSON; ``changes`` is None for a law stored for the first time."""
    return {
        "law_id": law.law_id,
        "title": law.title,
        "articles": len(law.articles),
        "revision_id": law.revision_id,
        "in_force_since": law.in_force_since,
        "as_of": law.as_of,
        "changes": None if difference is None else asdict(difference),
    }


def stored_line(stored: dict[str, Any]) -> str:
    """A line for a reader; an amendment since the last time is told."""
    since = f"、{stored['in_force_since']} 施行の版" if stored["in_force_since"] else ""
    line = f"{stored['title']}：{stored['articles']} 条{since}"
    changes = stored["changes"]
    if changes is None:
        return line
    counts = {"追加": "added", "削除": "removed", "変更": "changed"}
    told = [f"{name} {len(changes[key])} 条" for name, key in counts.items() if changes[key]]
    return f"{line}（前回から{'、'.join(told)}）" if told else f"{line}（前回から変更なし）"


def _verdict(finding: Finding) -> Text:
    return Text(f"［{finding.verdict}］", _STYLES[finding.verdict])


def _counts(located: list[Located]) -> dict[str, int]:
    found = Counter(str(one.finding.verdict) for one in located)
    return {verdict: found[verdict] for verdict in _STYLES}


def _stored(finding: Finding, store: LawStore) -> tuple[LawText, ArticleText] | None:
    if finding.law is None or finding.now:
        return None
    text = store.get(finding.law.law_id)
    article = text.articles.get(finding.citation.article) if text else None
    return (text, article) if text and article else None


def _version(text: LawText) -> str:
    since = f"{text.in_force_since} 施行の版" if text.in_force_since else "版の日付は不明"
    return f"{since}、{text.as_of} に確認" if text.as_of else since


def _article_lines(article: ArticleText, citation: Citation) -> list[str]:
    """The article, or as much of it as is cited."""
    lines = [f"（{article.caption}）"] if article.caption else []
    for paragraph in article.paragraphs:
        if citation.paragraph not in (None, paragraph.number):
            continue
        mark = f"{paragraph.number}　" if len(article.paragraphs) > 1 else ""
        lines.append(f"{mark}{paragraph.text}")
        lines += [
            f"　{number.replace('_', 'の')}　{text}"
            for number, text in paragraph.items.items()
            if citation.item in (None, number)
        ]
    return lines
