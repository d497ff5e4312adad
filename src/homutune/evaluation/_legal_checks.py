"""Where an answer contradicts a reference in law: rules, no model, the same result every time.

Similarity prefers the wrong text when one word decides (facts: 20 of 20 minimal contrasts), so
正確性 needs checks that look at that word. Each check compares one kind of statement and speaks up
only where both texts make it and differ; what an answer leaves out or adds is no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from homutune.evaluation._legal_connectives import changed_connectives
from homutune.evaluation._legal_numbers import changed_bounds, changed_quantities, changed_starts
from homutune.evaluation._legal_parties import exchanged
from homutune.evaluation._legal_polarity import denied
from homutune.evaluation._legal_text import LegalText
from homutune.law import Citation

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LegalDifference:
    """One contradiction: what each text says, with offsets in the texts as given."""

    #: A key of :data:`homutune.data.CONTRAST_TYPES`.
    type: str
    reference: str
    answer: str
    reference_span: Span
    answer_span: Span


def compare(reference: str, answer: str) -> list[LegalDifference]:
    """The legal contradictions between ``reference``, which is right, and ``answer``.

    Compared are negation, parties, numbers, periods, articles, bounds (以上/超/以下/未満),
    又は/及び, 推定/みなす and names of old law. No difference does not prove an answer right.
    """
    ours, theirs = LegalText.of(reference), LegalText.of(answer)
    found: dict[LegalDifference, None] = {}
    for kind, a, b in _differences(ours, theirs):
        left, right = ours.span(*a), theirs.span(*b)
        texts = reference[slice(*left)], answer[slice(*right)]
        found[LegalDifference(kind, *texts, left, right)] = None
    return list(found)


def _differences(ours: LegalText, theirs: LegalText) -> Iterator[tuple[str, Span, Span]]:
    for a, b in denied(ours, theirs):
        yield "negation", (a.start, a.end), (b.start, b.end)
    for part, other in exchanged(ours, theirs):
        yield "party", (part.start, part.end), (other.start, other.end)
    for old, new in changed_quantities(ours, theirs):
        kind = "period" if old.kind in {"duration", "date", "時刻"} else "number"
        yield kind, (old.start, old.end), (new.start, new.end)
    for begin, start in changed_starts(ours, theirs):
        yield "period", begin, start
    for old, new in changed_bounds(ours, theirs):
        yield "bound", (old.start, old.end), (new.start, new.end)
    for kind, a1, b1 in _articles(ours, theirs):
        yield kind, a1, b1
    for a2, b2 in changed_connectives(ours, theirs):
        yield "connective", a2, b2
    for a3, b3 in _presumptions(ours, theirs):
        yield "presumption", a3, b3
    for a4, b4 in _old_terms(ours, theirs):
        yield "old_law", a4, b4


def _articles(ours: LegalText, theirs: LegalText) -> Iterator[tuple[str, Span, Span]]:
    """Articles the answer names instead of the reference's, and other paragraphs of the same."""
    known, named = {c.key for c in ours.citations}, {c.key for c in theirs.citations}
    missing = [c for c in ours.citations if c.key not in named]
    extra = [c for c in theirs.citations if c.key not in known]
    for a, b in zip(missing, extra, strict=False):
        yield "old_law" if _is_old(b) else "article", (a.start, a.end), (b.start, b.end)
    for key in dict.fromkeys(c.key for c in ours.citations):
        old = [c for c in ours.citations if c.key == key and c.paragraph is not None]
        new = [c for c in theirs.citations if c.key == key and c.paragraph is not None]
        if old and new and {c.paragraph for c in old}.isdisjoint(c.paragraph for c in new):
            yield "article", (old[0].start, old[0].end), (new[0].start, new[0].end)


def _is_old(citation: Citation) -> bool:
    return citation.law.startswith("旧") or citation.law in _OLD_LAWS


#: Laws that are no longer called so (下請法 is 取適法 since 2026-01-01).
_OLD_LAWS = {"下請法"}
#: Terms of repealed law -> the terms in use, as patterns. An answer may name them as history.
_OLD_TERMS = {
    r"親事業者": r"委託事業者",
    r"下請事業者": r"中小受託事業者",
    r"下請代金": r"製造委託等代金|代金",
    r"下請法": r"取適法|中小受託取引適正化法",
    r"瑕疵": r"不適合",
    r"時効(?:の|が|は|を)?中断|中断(?:の効力|事由)": r"更新|完成猶予|完成が猶予|完成し",
    r"時効(?:の|が|は|を)?停止": r"完成猶予|完成が猶予|完成し",
    r"懲役|禁[錮固こ]": r"拘禁刑",
    r"商事法定利率": r"法定利率",
    r"商事(?:消滅)?時効": r"消滅時効",
    r"要素の錯誤": r"錯誤",
}
_HISTORY = re.compile(r"(?:旧|改正前の?|かつての?|以前の?|従来の?|当時の?)[^。]{0,12}$")


def _old_terms(ours: LegalText, theirs: LegalText) -> Iterator[tuple[Span, Span]]:
    for old, new in _OLD_TERMS.items():
        term, current = re.search(old, theirs.plain), re.search(new, ours.plain)
        if term is None or current is None or re.search(old, ours.plain):
            continue
        if not _HISTORY.search(theirs.plain[: term.start()]):
            yield current.span(), term.span()


_PRESUMED = re.compile(r"推定(?!相続)|反証(?:がない限り|を許)")
_DEEMED = re.compile(r"(?:とみな|看做)(?:す|さ|し|せ)(?!れるわけでは|れません|れない|ません|ない)")


def _presumptions(ours: LegalText, theirs: LegalText) -> Iterator[tuple[Span, Span]]:
    """A presumption can be rebutted, a fiction (みなす) cannot; both in one text are let pass."""
    presumed, deemed = _PRESUMED.search(ours.plain), _DEEMED.search(ours.plain)
    presumed2, deemed2 = _PRESUMED.search(theirs.plain), _DEEMED.search(theirs.plain)
    if presumed and not deemed and deemed2 and not presumed2:
        yield presumed.span(), deemed2.span()
    if deemed and not presumed and presumed2 and not deemed2:
        yield deemed.span(), presumed2.span()
