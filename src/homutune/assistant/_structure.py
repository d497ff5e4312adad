"""Checks of a contract as a whole: references, terms, numbers, annexes, parties, dates."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from homutune.assistant._contract import Contract, Hit, Section, Sections
from homutune.assistant._playbook import Check
from homutune.assistant._terms import find_dates, find_references, find_terms


def references(check: Check, contract: Contract, sections: Sections) -> Iterator[Hit]:
    """References to clauses, paragraphs or titles that this contract does not have.

    Where the clauses have headings and no numbers, there is none that 第5条 could mean.
    """
    articles = {c.number: c for c in contract.clauses if c.kind == "条"}
    sections_in_order = contract.sections()
    # Behind the last clause comes no next one, though 附則 may follow.
    clauses = [s.clause for s in sections_in_order]
    last = max((n for n, c in enumerate(clauses) if c and c.kind != "附則"), default=0)
    for at, section in enumerate(sections_in_order):
        clause = section.clause
        assert clause is not None
        body = section.body
        for reference in find_references(section.text[body:]):
            start, end = (
                section.start + body + reference.start,
                section.start + body + reference.end,
            )
            before = section.text[body : body + reference.start]
            if contract.is_statute(start, end) or _elsewhere(before):
                continue
            number, words = reference.article, contract.shadow.text[start:end]
            nowhere = (reference.relative == "前" and at == 0) or (
                reference.relative == "次" and at >= last
            )
            if nowhere or (number and number not in articles):
                yield Hit(start, end, f"「{words}」に当たる条がありません")
            elif number and reference.paragraph:
                paragraphs = {p.number for p in articles[number].parts if p.kind == "項"} or {"1"}
                if reference.paragraph not in paragraphs:
                    yield Hit(start, end, f"「{words}」に当たる項がありません")
            elif number and (title := re.match(r"\(([^()]{2,20})\)", contract.shadow.text[end:])):
                actual = articles[number].title
                if actual and title[1] not in actual and actual not in title[1]:
                    yield Hit(start, end, f"第{number}条の見出しは「{actual}」です")
        if clause.kind == "条":
            yield from _previous_paragraph(section)


def _previous_paragraph(section: Section) -> Iterator[Hit]:
    """前項 in the first 項 of a clause with several."""
    clause = section.clause
    assert clause is not None
    paragraphs = [p for p in clause.parts if p.kind == "項"]
    if not paragraphs or paragraphs[0].number != "1":
        return
    length = paragraphs[0].end - paragraphs[0].start
    body = section.body
    match = re.search("前項", section.text[body : body + length])
    if match and len(paragraphs) == 1:
        start = section.start + body + match.start()
        yield Hit(start, start + 2, "「前項」に当たる項がありません")


def _elsewhere(before: str) -> bool:
    """Whether the words before a reference name another paper: 基本契約第5条, 同法第3条."""
    before = before[-14:]
    return bool(
        re.search(
            r"(?:[法令]|(?<!補)則|(?:原|基本|個別|別途|締結した)[^。、]{0,6}契約(?:書)?|約款|規約|規程|覚書|協定)(?:」|の|附則)?$",
            before,
        )
        and not re.search(r"本(?:契約|規約|約款|規程|規則|覚書)(?:の)?$", before)
    )


def undefined_terms(check: Check, contract: Contract, sections: Sections) -> Iterator[Hit]:
    """Words of art used and nowhere defined: 本〇〇, and the terms the rule lists."""
    text = contract.whole().text
    # Anything in 「」 counts as introduced: contracts define in many ways.
    defined = {t.name for t in find_terms(contract.shadow)} | set(
        re.findall("「([^」]{1,30})」", text)
    )
    defined |= {re.sub(r"\(.*", "", name) for name in defined}
    used = [(m.start(), m[0]) for m in re.finditer(r"本[一-龥ァ-ヺー]{2,8}", text)]
    used += [(m.start(), m[0]) for term in check.terms for m in re.finditer(re.escape(term), text)]
    told: set[str] = set()
    titles = [contract.section(clause) for clause in contract.clauses]
    heads = [(s.start, s.start + s.body) for s in titles]
    for at, word in sorted(used):
        if any(start <= at < end for start, end in heads):
            continue
        if re.match(_PLAIN, word) or any(
            word.startswith(name) for name in defined if len(name) > 1
        ):
            continue
        if at and text[at - 1] in "0123456789一二三四五六七八九十日基根":  # 日本, 基本, 3本
            continue
        word = (
            re.sub(
                r"(?:及|又|並|若|等|以|以下|上記|各|所定|完了|終了|開始|遂行|成立|締結)[一-龥]*$",
                "",
                word,
            )
            or word
        )
        if (
            re.search(rf"{re.escape(word)}」?(?:とは|をいう|\(以下|\([^()]*をいう)", text)
            or word in told
            or word in defined
        ):
            continue
        told.add(word)
        yield Hit(at, at + len(word), f"「{word}」の定義が見当たりません")


_PLAIN = re.compile(
    "本(?:契約|書|覚書|規約|規程|規則|約款|条|項|号|店|社|人|文|来|質|邦|日|旨|籍|体|籍|案|証|状|業(?!務)|会|年|月|紙|別紙|合意"
    "|当事者|利用規約|件(?:契約|規約)|人確認)"
)


def numbering(check: Check, contract: Contract, sections: Sections) -> Iterator[Hit]:
    """Numbers of clauses that come twice or are left out."""
    previous, seen = 0, set()
    for clause in contract.clauses:
        if clause.kind != "条" or clause.number.startswith("附則"):
            continue
        section = contract.section(clause)
        start, end = section.start, section.start + (section.body or 8)
        main = int(clause.number.split("_")[0])
        if clause.number in seen:
            yield Hit(start, end, f"第{main}条が重複しています")
        elif main > previous + 1:
            yield Hit(start, end, f"第{previous + 1}条がありません")
        seen.add(clause.number)
        previous = main


def annexes(check: Check, contract: Contract, sections: Sections) -> Iterator[Hit]:
    """Annexes named and not attached."""
    if any(clause.kind == "別紙" for clause in contract.clauses):
        return
    match = re.search(
        r"(?:別紙|別表)[0-9一二三四五A-Z]?(?=[^。]{0,12}(?:定め|とおり|記載|掲げ|に示|の))",
        contract.whole().text,
    )
    if match:
        yield Hit(*match.span(), f"「{match[0]}」が付いていません")


def parties(check: Check, contract: Contract, sections: Sections) -> Iterator[Hit]:
    """甲, 乙, 丙 or 丁 acting without having been introduced."""
    known, text = {party.alias for party in contract.parties}, contract.whole().text
    # 甲 and 乙 of whom no definition was read say more about the reading than about the contract.
    if not known and re.search("[甲乙](?=[はが])", text):
        return
    for letter in "甲乙丙丁":
        if letter in known:
            continue
        for match in re.finditer(rf"(?<!「){letter}(?=[はがにのをと])", text):
            at, _ = contract.shadow.span(*match.span())
            # 甲乙丙 are parts of words, too; the shadow has no line ends.
            if at and re.match("[一-龥]", contract.document.text[at - 1]):
                continue
            yield Hit(*match.span(), f"「{letter}」が誰かを定めた箇所がありません")
            break


def dates(check: Check, contract: Contract, sections: Sections) -> Iterator[Hit]:
    """A period whose end lies before its beginning."""
    found = find_dates(contract.shadow)
    for first, second in itertools.pairwise(found):
        low, high = contract.shadow.index(first.end), contract.shadow.index(second.start)
        between = contract.shadow.text[low:high]
        if re.fullmatch("(?:から|より|~|、から)(?:の?)", between) and second.iso < first.iso:
            start, end = contract.shadow.index(first.start), contract.shadow.index(second.end)
            yield Hit(start, end, f"{first.iso} から {second.iso} まで")
