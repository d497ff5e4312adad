"""Tracked changes in a copy of a docx: what is accepted and rejected in Word.

Accepting all gives the proposed text, rejecting all the text as it was; what other authors
changed stays theirs. An edit is applied whole or reported as failed, never half.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from homutune.assistant._diff import Hunk, hunks
from homutune.assistant._document import Block, Document, Piece
from homutune.assistant._docx import open_parts, parse, read_docx
from homutune.assistant._revisions import CannotMark, Marker
from homutune.errors import UserError
from homutune.files import write_atomic

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
AUTHOR = "法務チューン"


@dataclass(frozen=True, slots=True)
class Edit:
    """``document.text[start:end]`` becomes ``text``; a newline begins a paragraph."""

    start: int
    end: int
    text: str


def proposed_text(text: str, edits: Sequence[Edit]) -> str:
    """``text`` with all of ``edits`` made; they must not overlap."""
    for edit in sorted(edits, key=lambda e: -e.start):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def write_redline(
    path: Path, document: Document, edits: Sequence[Edit], *, author: str = AUTHOR
) -> list[str | None]:
    """Write a copy of a docx with ``edits`` as tracked changes, in whole words.

    Returns:
        For each edit None where it was applied, otherwise why not (Japanese).

    Raises:
        UserError: the contract is not a docx, or has changed since it was read; nothing written.
    """
    if document.format != "docx":
        raise UserError(
            "変更履歴付きの Word ファイルは、docx の契約書からだけ作れます。",
            remedy="契約書を docx で渡してください。",
            file=document.path,
        )
    data = document.path.read_bytes()
    if read_docx(document.path, data).text != document.text:
        raise UserError(
            "読み込んだ後で契約書が変わりました。",
            remedy="もう一度レビューしてから実行してください。",
            file=document.path,
        )
    failed: dict[int, str] = {}
    taken: list[Edit] = []
    for index, edit in enumerate(edits):
        if any(_clash(edit, other) for other in taken):
            failed[index] = "ほかの修正と同じ箇所です"
        else:
            taken.append(edit)
    while True:
        todo = [(i, edit) for i, edit in enumerate(edits) if i not in failed]
        work = _Work(document, data, author)
        # From the end, so that the offsets in front stay.
        for index, edit in sorted(todo, key=lambda item: -item[1].start):
            try:
                work.apply(edit)
            except CannotMark as reason:
                failed[index] = str(reason)
                break
        else:
            break
    result = work.save()
    _verify(document, result, proposed_text(document.text, [edit for _, edit in todo]))
    write_atomic(path, result)
    return [failed.get(index) for index in range(len(edits))]


def _clash(one: Edit, other: Edit) -> bool:
    return one.start == other.start or (one.start < other.end and other.start < one.end)


def _verify(document: Document, result: bytes, proposed: str) -> None:
    """Read the copy as anybody would; paragraphs are joined only when a change is accepted."""
    text = read_docx(document.path, result).text
    if text.replace("\n", "") != proposed.replace("\n", ""):
        raise UserError(
            "変更履歴を正しく書き込めませんでした。何も保存していません。",
            remedy="指摘を減らして実行し、続くときはコメント付きの写し（--out）を使ってください。",
            file=document.path,
        )


class _Work:
    """The parts of a docx while edits are written into them."""

    def __init__(self, document: Document, data: bytes, author: str) -> None:
        self._document, self._data = document, data
        parts = open_parts(document.path, data)
        touched = {piece.part for piece in document.pieces}
        self._roots = {name: parse(parts[name], document.path) for name in touched}
        self._paragraphs = {name: list(root.iter(f"{_W}p")) for name, root in self._roots.items()}
        used = [
            int(match[1])
            for content in parts.values()
            for match in re.finditer(rb'\bw:id="(\d{1,9})"', content)
        ]
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._marker = Marker(author, stamp, max(used, default=0) + 1)
        self._changed: set[str] = set()

    def save(self) -> bytes:
        """The file with the changed parts; all else byte for byte."""
        from lxml import etree

        source = zipfile.ZipFile(io.BytesIO(self._data))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
            for info in source.infolist():
                content = source.read(info.filename)
                if info.filename in self._changed:
                    content = etree.tostring(
                        self._roots[info.filename],
                        xml_declaration=True,
                        encoding="UTF-8",
                        standalone=True,
                    )
                target.writestr(info, content, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()

    def apply(self, edit: Edit) -> None:
        """Mark one edit.

        Raises:
            CannotMark: the place cannot hold it; the tree may be half changed.
        """
        text = self._document.text
        new = _CONTROL.sub("", edit.text.replace("\r\n", "\n").replace("\r", "\n"))
        found: list[Hunk] = []
        for hunk in hunks(text[edit.start : edit.end], new):
            moved = Hunk(hunk.start + edit.start, hunk.end + edit.start, hunk.text)
            found.append(self._slid(moved, found[-1].end if found else 0))
        for hunk in reversed(found):
            self._apply_hunk(hunk)

    def _slid(self, hunk: Hunk, free_from: int) -> Hunk:
        """The same change with whole paragraphs: "B⏎" goes, not "⏎B"; "⏎A" comes, not "A⏎"."""
        text, blocks, start, end = self._document.text, self._document.blocks, hunk.start, hunk.end
        if not hunk.text and text[start] == "\n" == text[end : end + 1]:
            if self._ends_block(start) and end < blocks[-1].end:
                return Hunk(start + 1, end + 1, "")
        elif (
            (start == end and hunk.text.endswith("\n") and start > free_from)
            and self._ends_block(start - 1)
            and self._siblings(self._block(start - 1))
        ):
            return Hunk(start - 1, start - 1, "\n" + hunk.text[:-1])
        return hunk

    def _siblings(self, number: int) -> bool:
        """Whether block ``number`` and the next one stand beside each other, not in two cells."""
        blocks = self._document.blocks[number : number + 2]
        return len({self._of_block(block)[1].getparent() for block in blocks}) == 1

    def _block(self, offset: int) -> int:
        """The number of the block that holds ``offset`` or ends there."""
        blocks = self._document.blocks
        low, high = 0, len(blocks)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if blocks[middle].end < offset else (low, middle)
        return low

    def _ends_block(self, offset: int) -> bool:
        number = self._block(offset)
        return number < len(self._document.blocks) and self._document.blocks[number].end == offset

    def _apply_hunk(self, hunk: Hunk) -> None:
        """Line for line as far as both sides go; what is left is added or taken away whole."""
        first = self._block(hunk.start)
        last = self._block(hunk.end)
        if last >= len(self._document.blocks):
            raise CannotMark("文書の末尾を越えています")
        spans = []
        for number in range(first, last + 1):
            block = self._document.blocks[number]
            spans.append((max(block.start, hunk.start), min(block.end, hunk.end), number))
        lines = hunk.text.split("\n")
        kept = min(len(spans), len(lines)) - 1
        for index in range(len(spans) - 1, -1, -1):
            start, end, number = spans[index]
            if index < len(spans) - 1 and index >= kept:
                self._join(number, spans)
            new = lines[index] if index <= kept else ""
            if index == kept and len(lines) > kept + 1:
                rest = lines[kept + 1 :]
                if end == self._document.blocks[number].end:
                    self._add_after(number, end, rest)
                elif start == end == self._document.blocks[number].start and not rest[-1]:
                    self._add_before(number, start, [new, *rest[:-1]])
                    new = ""
                else:
                    new = "\n".join([new, *rest])
            self._replace(start, end, new)

    def _replace(self, start: int, end: int, new: str) -> None:
        """Change words within one paragraph."""
        if start == end and not new:
            return
        pieces = self._document.sources(start, end) if end > start else []
        if any(piece.source_start == piece.source_end for piece in pieces):
            raise CannotMark("Word の自動番号は書き換えられません")
        if new:
            # Before the words go: the new ones stand behind them, and look like them.
            anchor, after = self._anchor(start, end)
            self._changed.add(anchor.part)
            at = anchor.source_end if after else anchor.source_start
            self._marker.insert(self._paragraph(anchor), at, after, new)
        for piece in reversed(pieces):
            self._changed.add(piece.part)
            self._marker.delete(self._paragraph(piece), piece.source_start, piece.source_end)

    def _anchor(self, start: int, end: int) -> tuple[Piece, bool]:
        """The visible character that new words follow, or else (False) stand before."""
        block = self._document.blocks[self._block(start)]
        places = [(end - 1, True)] if end > start else [(start - 1, True), (start, False)]
        for offset, after in places:
            if block.start <= offset < block.end:
                piece = self._document.sources(offset, offset + 1)[0]
                if piece.source_start < piece.source_end:
                    return piece, after
        raise CannotMark("書き込める文字がその段落にありません")

    def _paragraph(self, piece: Piece) -> Any:
        return self._paragraphs[piece.part][piece.paragraph]

    def _of_block(self, block: Block) -> tuple[str, Any, bool]:
        """Part, paragraph, and whether Word numbers it."""
        pieces = self._document.sources(block.start, block.end)
        numbered = any(piece.source_start == piece.source_end for piece in pieces)
        return pieces[0].part, self._paragraph(pieces[0]), numbered

    def _add_after(self, number: int, end: int, lines: list[str]) -> None:
        part, paragraph, numbered = self._of_block(self._document.blocks[number])
        self._changed.add(part)
        at = self._document.sources(end - 1, end)[0].source_end
        self._marker.add_after(paragraph, at, lines, numbered)

    def _add_before(self, number: int, start: int, lines: list[str]) -> None:
        block = self._document.blocks[number]
        part, paragraph, numbered = self._of_block(block)
        self._changed.add(part)
        pieces = self._document.sources(start, block.end)
        at = next(p.source_start for p in pieces if p.source_start < p.source_end)
        self._marker.add_before(paragraph, at, lines, numbered)

    def _join(self, number: int, spans: list[tuple[int, int, int]]) -> None:
        """Let block ``number`` run on into the next one."""
        blocks = self._document.blocks
        gone = {n for start, end, n in spans if (start, end) == (blocks[n].start, blocks[n].end)}
        if number + 1 == spans[-1][2] and number + 1 in gone and number not in gone:
            return  # the last paragraph is left empty: joined, this one would take on its look
        part, paragraph, _ = self._of_block(blocks[number])
        other, following, _ = self._of_block(blocks[number + 1])
        if part == other and self._marker.join(paragraph, following):
            self._changed.add(part)
        elif number not in gone:
            # Between cells of a table there is no mark to delete; an empty paragraph may stay.
            raise CannotMark("表や節の境をまたぐ修正です")
