"""Drafts as Word files: headings, hanging paragraphs, a sheet of squares for 内容証明."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from homutune.assistant._certified import CertifiedLetter
from homutune.assistant._draft import Draft
from homutune.files import write_atomic

_FONT = "游明朝"


def write_draft(path: Path, made: Draft, letter: CertifiedLetter | None = None) -> None:
    """Write ``made`` as docx, or as text for any other suffix; ``letter`` in its own lines."""
    if path.suffix != ".docx":
        write_atomic(path, letter_text(letter) if letter else made.text)
        return
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    document, size = _document(), 10.5
    if letter:
        for number, sheet in enumerate(letter.sheets):
            if number:
                document.add_page_break()
            for line in sheet:
                document.add_paragraph(line)
    else:
        title, *lines = made.text.splitlines()
        heading = document.add_paragraph()
        heading.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _run(heading, title, bold=True, size=size + 3.5)
        for line in lines:
            paragraph = document.add_paragraph()
            is_head = bool(re.fullmatch(r"第\d+条（[^）]*）|別紙.*", line))
            _run(paragraph, line, bold=is_head, size=size)
            if re.match(r"\d+　", line):
                _hang(paragraph, 1)
            paragraph.paragraph_format.keep_with_next = is_head
    target = io.BytesIO()
    document.save(target)
    write_atomic(path, target.getvalue())


def letter_text(letter: CertifiedLetter) -> str:
    """The sheets as text, a form feed between them."""
    return "\f".join("\n".join(sheet) + "\n" for sheet in letter.sheets)


def _document() -> Any:
    import docx
    from docx.oxml.ns import qn
    from docx.shared import Mm, Pt

    document = docx.Document()
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(25)
    normal: Any = document.styles["Normal"]
    normal.font.name, normal.font.size = _FONT, Pt(10.5)
    # Word takes the font of Japanese characters from an attribute of its own.
    normal.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), _FONT)
    normal.paragraph_format.space_after = Pt(0)
    normal.paragraph_format.line_spacing = 1.3
    return document


def _run(paragraph: Any, text: str, *, bold: bool, size: float) -> None:
    from docx.shared import Pt

    run = paragraph.add_run(text)
    run.bold, run.font.size = bold, Pt(size)


def _hang(paragraph: Any, characters: int) -> None:
    from docx.shared import Pt

    width = Pt(10.5 * (characters + 0.5))
    paragraph.paragraph_format.left_indent = width
    paragraph.paragraph_format.first_line_indent = -width
