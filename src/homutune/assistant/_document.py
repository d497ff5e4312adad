"""One form for every contract: its visible text, and where each character came from."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of :attr:`Document.text` and the stretch of the source that it shows.

    ``part`` is ``""`` for a text file (offsets: characters of the decoded file), the name of the
    XML part in a docx (offsets: characters of paragraph number ``paragraph``, counted from 0 in
    document order, tables included; a tab, a break and a ``w:t`` character count one each), or
    ``ページ3`` in a PDF (offsets: characters of the page as pdfium gives them). Where both
    stretches have one length they correspond character by character; otherwise only as a whole (a
    character reference in HTML). An empty source stretch is text that the file only implies: an
    automatic number of Word.
    """

    start: int
    end: int
    part: str
    paragraph: int
    source_start: int
    source_end: int


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph of the text.

    ``kind`` is 段落, 見出し, 表 (a cell), 脚注, ヘッダー or フッター. ``depth`` is the indentation
    of a Markdown line in characters.
    """

    start: int
    end: int
    kind: str = "段落"
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Hidden:
    """Text that a reader does not see and a machine does: never part of ``Document.text``."""

    text: str
    reason: str
    part: str


@dataclass(frozen=True, slots=True)
class Note:
    """A comment or a tracked change somebody left in the file; ``kind``: コメント, 挿入, 削除."""

    kind: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A contract as a reader sees it.

    Attributes:
        text: the visible text; blocks stand on lines of their own. A soft line break, and a line
            end of a PDF, is a newline within a block.
        blocks: the body first, then footnotes, headers and footers.
        hidden: what was left out of ``text`` because nobody would see it.
        notes: comments and tracked changes; inserted text is in ``text``, deleted text is not.
        warnings: what the reader of a review should know about the reading, Japanese.
    """

    path: Path
    format: str
    text: str
    blocks: tuple[Block, ...]
    pieces: tuple[Piece, ...]
    hidden: tuple[Hidden, ...] = ()
    notes: tuple[Note, ...] = ()
    warnings: tuple[str, ...] = ()

    def sources(self, start: int, end: int) -> list[Piece]:
        """The stretches of the source that ``text[start:end]`` shows, cut to it."""
        found = []
        first = max(0, bisect.bisect_right(self.pieces, start, key=lambda p: p.start) - 1)
        for piece in self.pieces[first:]:
            if piece.start >= end:
                break
            if piece.end <= start:
                continue
            low, high = max(start, piece.start), min(end, piece.end)
            if piece.end - piece.start == piece.source_end - piece.source_start:
                shift = piece.source_start - piece.start
                found.append(
                    Piece(low, high, piece.part, piece.paragraph, low + shift, high + shift)
                )
            else:
                found.append(
                    Piece(
                        low, high, piece.part, piece.paragraph, piece.source_start, piece.source_end
                    )
                )
        return found


@dataclass
class Builder:
    """Collects the text of a document piece by piece."""

    parts: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    position: int = 0
    _block_start: int | None = None

    def add(
        self,
        text: str,
        part: str = "",
        paragraph: int = 0,
        source_start: int = 0,
        source_end: int | None = None,
    ) -> None:
        """Append ``text`` to the open block; ``source_end`` defaults to the same length."""
        if not text:
            return
        if self._block_start is None:
            self._block_start = self.position
        end = self.position + len(text)
        if source_end is None:
            source_end = source_start + len(text)
        self.pieces.append(Piece(self.position, end, part, paragraph, source_start, source_end))
        self.parts.append(text)
        self.position = end

    def close(self, kind: str = "段落", depth: int = 0) -> None:
        """End the open block, if anything is in it."""
        if self._block_start is None:
            return
        self.blocks.append(Block(self._block_start, self.position, kind, depth))
        self.parts.append("\n")
        self.position += 1
        self._block_start = None

    def hide(self, text: str, reason: str, part: str) -> None:
        """Note text that is left out; neighbours hidden for one reason are joined."""
        if not text.strip():
            return
        if self.hidden and (self.hidden[-1].reason, self.hidden[-1].part) == (reason, part):
            text = self.hidden.pop().text + text
        self.hidden.append(Hidden(text, reason, part))

    def build(self, path: Path, file_format: str) -> Document:
        """The finished document."""
        self.close()
        return Document(
            path,
            file_format,
            "".join(self.parts),
            tuple(self.blocks),
            tuple(self.pieces),
            tuple(self.hidden),
            tuple(self.notes),
            tuple(self.warnings),
        )
