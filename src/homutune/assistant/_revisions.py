"""``w:ins`` and ``w:del`` in the XML of one paragraph.

Offsets are those of :class:`~homutune.assistant.Piece`: characters of the runs that are not
deleted. Words inserted by somebody else are deleted inside that ``w:ins``, as Word does it
(ECMA-376 part 1, 17.13.5); new words never stand inside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from homutune.assistant._docx import run_text

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_DELETED = (f"{_W}del", f"{_W}moveFrom")
_INSERTED = (f"{_W}ins", f"{_W}moveTo")
_TEXT = tuple(f"{_W}{tag}" for tag in ("t", "tab", "br", "cr", "noBreakHyphen"))
#: What may stand between two paragraphs that follow each other.
_MARKS = tuple(
    f"{_W}{tag}"
    for tag in ("bookmarkStart", "bookmarkEnd", "proofErr", "commentRangeStart", "commentRangeEnd")
)
#: Order of the first children of w:rPr in a paragraph mark.
_CHANGE_TAGS = (*_INSERTED[:1], *_DELETED[:1], *_DELETED[1:], *_INSERTED[1:])


class CannotMark(Exception):
    """Why an edit cannot be a tracked change at its place, Japanese."""


class Marker:
    """Writes the changes of one author; every change has an id of its own."""

    def __init__(self, author: str, date: str, first_id: int) -> None:
        self._author, self._date, self._next = author, date, first_id

    def delete(self, paragraph: Any, start: int, end: int) -> None:
        """Mark the characters ``start`` to ``end`` of ``paragraph`` as deleted."""
        for run in self._cut(paragraph, start, end):
            for text in run.findall(f"{_W}t"):
                text.tag = f"{_W}delText"
            before = run.getprevious()
            if before is not None and before.tag == f"{_W}del" and self._is_ours(before):
                before.append(run)
                continue
            mark = self._change("del")
            run.getparent().replace(run, mark)
            mark.append(run)

    def insert(self, paragraph: Any, at: int, after: bool, text: str) -> None:
        """Insert ``text`` at ``at``, in the look of the character before (``after``) or behind."""
        low, high = (at - 1, at) if after else (at, at + 1)
        (model,) = self._cut(paragraph, low, high)
        mark = self._change("ins")
        mark.append(_run(text, model))
        place = self._outside(model, after)
        if after:
            place.addnext(mark)
        else:
            place.addprevious(mark)

    def add_before(self, paragraph: Any, at: int, lines: list[str], numbered: bool) -> None:
        """Add paragraphs before ``paragraph`` that look like it, but carry no number."""
        (model,) = self._cut(paragraph, at, at + 1)
        for line in lines:
            added = self._paragraph_like(paragraph, line, model, numbered)
            self._mark_paragraph(added, "ins")
            paragraph.addprevious(added)

    def add_after(self, paragraph: Any, at: int, lines: list[str], numbered: bool) -> None:
        """Add paragraphs behind ``paragraph``, whose last character stands before ``at``.

        An inserted paragraph mark joins its paragraph with the following one when it is
        rejected. Where no paragraph follows, the mark that stays must be the one that was there.
        """
        (model,) = self._cut(paragraph, at - 1, at)
        following = paragraph.getnext()
        while following is not None and following.tag in _MARKS:
            following = following.getnext()
        last = following is None or following.tag != f"{_W}p"
        if last and numbered:
            raise CannotMark("表や文書の末尾にある自動番号の段落には、段落を足せません")
        if paragraph.find(f"{_W}pPr/{_W}sectPr") is not None:
            raise CannotMark("節の境には段落を足せません")
        properties = paragraph.find(f"{_W}pPr")
        before = deepcopy(properties) if properties is not None else None
        if last:
            self._mark_paragraph(paragraph, "ins")
        place = paragraph
        for index, line in enumerate(lines):
            added = self._paragraph_like(paragraph, line, model, numbered)
            if not last or index < len(lines) - 1:
                self._mark_paragraph(added, "ins")
            elif before is not None:
                added.replace(added.find(f"{_W}pPr"), _without(before, "pPrChange"))
            place.addnext(added)
            place = added

    def _paragraph_like(self, paragraph: Any, line: str, model: Any, numbered: bool) -> Any:
        added = _element(f"{_W}p")
        properties = paragraph.find(f"{_W}pPr")
        if properties is not None:
            # The look, no section, no history.
            names = ("sectPr", "pPrChange", "rPr", "pageBreakBefore")
            added.append(_without(deepcopy(properties), *names))
        if numbered:
            _unnumber(added)
        if line:
            mark = self._change("ins")
            mark.append(_run(line, model))
            added.append(mark)
        return added

    def join(self, paragraph: Any, following: Any) -> bool:
        """Mark the paragraph marks between two paragraphs as deleted; False where it cannot be."""
        between = [paragraph]
        step = paragraph.getnext()
        while step is not None and step is not following:
            if step.tag == f"{_W}p" and not any(run_text(run) for run in step.iter(f"{_W}r")):
                between.append(step)
            elif step.tag not in _MARKS:
                return False
            step = step.getnext()
        if step is None or any(p.find(f"{_W}pPr/{_W}sectPr") is not None for p in between):
            return False
        for one in between:
            self._mark_paragraph(one, "del")
        return True

    def _change(self, kind: str) -> Any:
        mark = _element(f"{_W}{kind}")
        mark.set(f"{_W}id", str(self._next))
        mark.set(f"{_W}author", self._author)
        mark.set(f"{_W}date", self._date)
        self._next += 1
        return mark

    def _is_ours(self, mark: Any) -> bool:
        return (mark.get(f"{_W}author"), mark.get(f"{_W}date")) == (self._author, self._date)

    def _mark_paragraph(self, paragraph: Any, kind: str) -> None:
        properties = paragraph.find(f"{_W}pPr")
        if properties is None:
            properties = _element(f"{_W}pPr")
            paragraph.insert(0, properties)
        look = properties.find(f"{_W}rPr")
        if look is None:
            look = _element(f"{_W}rPr")
            late = next((c for c in properties if c.tag in (f"{_W}sectPr", f"{_W}pPrChange")), None)
            if late is None:
                properties.append(look)
            else:
                late.addprevious(look)
        if look.find(f"{_W}{kind}") is not None:
            if kind == "ins":
                raise CannotMark("ほかの人が挿入した段落の末尾です")
            return  # somebody has deleted the mark already
        ahead = _CHANGE_TAGS[: _CHANGE_TAGS.index(f"{_W}{kind}")]
        position = sum(child.tag in ahead for child in look)
        look.insert(position, self._change(kind))

    def _cut(self, paragraph: Any, start: int, end: int) -> list[Any]:
        """The runs that hold just ``start`` to ``end``, split off where they hold more."""
        found, offset = [], 0
        for run in [r for r in paragraph.iter(f"{_W}r") if _belongs(r, paragraph)]:
            length = len(run_text(run))
            low, high = max(start - offset, 0), min(end - offset, length)
            offset += length
            if low >= high:
                continue
            if any(a.tag == f"{_W}ruby" for a in run.iterancestors()):
                raise CannotMark("ふりがなの付いた文字です")
            self._split(run, high)
            found += self._texts(self._split(run, low) if low else run)
        if not found:
            raise CannotMark("その文字が見つかりません")
        return found

    def _split(self, run: Any, at: int) -> Any:
        """Cut ``run`` behind its first ``at`` characters; the run that holds the rest."""
        if at >= len(run_text(run)):
            return run
        rest = self._like(run)
        offset = 0
        for child in [c for c in run if c.tag != f"{_W}rPr"]:
            length = _length(child)
            if offset >= at:
                rest.append(child)
            elif offset + length > at:
                text = child.text or ""
                behind = _child(rest, child.tag)
                child.text, behind.text = text[: at - offset], text[at - offset :]
                for part in (child, behind):
                    part.set(_SPACE, "preserve")
            offset += length
        run.addnext(rest)
        return rest

    def _texts(self, run: Any) -> list[Any]:
        """``run`` in pieces, so that pictures and footnote marks are not deleted with words."""
        children = [child for child in run if child.tag != f"{_W}rPr"]
        if all(child.tag in _TEXT for child in children):
            return [run]
        found, current = [], run
        for index, child in enumerate(children):
            if index and (child.tag in _TEXT) != (children[index - 1].tag in _TEXT):
                following = self._like(run)
                current.addnext(following)
                current = following
            if current is not run:
                current.append(child)
            if child.tag in _TEXT and current not in found:
                found.append(current)
        return found

    def _like(self, run: Any) -> Any:
        """An empty run with the look of ``run``; a tracked change of the look stays tracked."""
        other = _element(f"{_W}r", dict(run.attrib))
        look = run.find(f"{_W}rPr")
        if look is not None:
            other.append(deepcopy(look))
            self._renumber(other)
        return other

    def _renumber(self, element: Any) -> None:
        for change in element.iter(f"{_W}ins", f"{_W}del", f"{_W}moveTo", f"{_W}rPrChange"):
            change.set(f"{_W}id", str(self._next))
            self._next += 1

    def _outside(self, run: Any, after: bool) -> Any:
        """``run``, or what somebody else inserted around it, cut in two where it goes on."""
        place = run
        while place.getparent().tag in (*_INSERTED, *_DELETED):
            around = place.getparent()
            beyond = list(place.itersiblings(preceding=not after))
            if beyond:
                other = _element(around.tag, dict(around.attrib))
                self._renumber(other)
                for element in beyond if after else reversed(beyond):
                    other.append(element)
                if after:
                    around.addnext(other)
                else:
                    around.addprevious(other)
            place = around
        if any(place.iterancestors(*_INSERTED)):
            raise CannotMark("ほかの人が挿入したリンクの中です")
        return place


def _belongs(run: Any, paragraph: Any) -> bool:
    if next(run.iterancestors(f"{_W}p")) is not paragraph:
        return False
    change = next((a for a in run.iterancestors(*_INSERTED, *_DELETED)), None)
    return change is None or change.tag in _INSERTED


def _length(child: Any) -> int:
    if child.tag == f"{_W}t":
        return len(child.text or "")
    return int(child.tag in _TEXT)


def _run(text: str, model: Any) -> Any:
    """A run with ``text`` in the look of ``model``."""
    run = _element(f"{_W}r")
    look = model.find(f"{_W}rPr")
    if look is not None:
        look = deepcopy(look)
        for change in look.findall(f"{_W}rPrChange"):
            look.remove(change)
        run.append(look)
    for number, line in enumerate(text.split("\n")):
        if number:
            _child(run, f"{_W}br")
        for index, words in enumerate(line.split("\t")):
            if index:
                _child(run, f"{_W}tab")
            if words:
                element = _child(run, f"{_W}t")
                element.text = words
                element.set(_SPACE, "preserve")
    return run


def _without(properties: Any, *names: str) -> Any:
    for name in names:
        for element in properties.findall(f"{_W}{name}"):
            properties.remove(element)
    return properties


def _unnumber(paragraph: Any) -> None:
    """Number 0 switches off the number that the style or the model brings."""
    properties = paragraph.find(f"{_W}pPr")
    if properties is None:
        properties = _child(paragraph, f"{_W}pPr")
    numbering = properties.find(f"{_W}numPr")
    if numbering is None:
        numbering = _element(f"{_W}numPr")
        early = ("pStyle", "keepNext", "keepLines", "framePr", "widowControl")
        position = sum(child.tag in {f"{_W}{tag}" for tag in early} for child in properties)
        properties.insert(position, numbering)
    for child in list(numbering):
        numbering.remove(child)
    _child(numbering, f"{_W}numId").set(f"{_W}val", "0")


def _element(tag: str, attributes: Mapping[str, str] | None = None) -> Any:
    from lxml import etree  # only those who write Word files need it

    return etree.Element(tag, dict(attributes or {}))


def _child(parent: Any, tag: str) -> Any:
    from lxml import etree

    return etree.SubElement(parent, tag)
