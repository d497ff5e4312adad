"""Read a PDF and print its text as JSON: ``python -m homutune.assistant._pdf_worker FILE``.

A process of its own: pdfium is C++ and the file may be hostile. Nothing is executed, nothing is
loaded from outside; memory and time are limited where the system can do that.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

_MEMORY = 2_000_000_000
_PAGES = 500
_INVISIBLE_MODE = 3


def _limit() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))


def read_pages(path: str) -> dict[str, Any]:
    """``{"pages": [{"text", "hidden": [[start, end, reason]]}]}`` or ``{"error": …}``."""
    try:
        import pypdfium2
        import pypdfium2.raw as raw
    except ImportError:
        return {"error": "missing"}
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        return {"error": "password" if "assword" in str(error) else "broken"}
    if len(document) > _PAGES:
        return {"error": "pages"}
    pages = []
    for page in document:
        text_page = page.get_textpage()
        characters: list[str] = []
        hidden: list[list[Any]] = []
        for index in range(text_page.count_chars()):
            code = raw.FPDFText_GetUnicode(text_page, index)
            # UTF-16 units; a lone surrogate cannot be printed.
            characters.append("\ufffd" if 0xD800 <= code < 0xE000 or not code else chr(code))
            reason = _hidden(raw, text_page, index)
            if reason and not characters[-1].isspace():
                if hidden and hidden[-1][1] == index and hidden[-1][2] == reason:
                    hidden[-1][1] = index + 1
                else:
                    hidden.append([index, index + 1, reason])
        pages.append({"text": "".join(characters), "hidden": hidden})
    return {"pages": pages}


def _hidden(raw: Any, text_page: Any, index: int) -> str | None:
    if raw.FPDFText_IsGenerated(text_page, index) == 1:  # a line end pdfium put in
        return None
    item = raw.FPDFText_GetTextObject(text_page, index)
    if item and raw.FPDFTextObj_GetTextRenderMode(item) == _INVISIBLE_MODE:
        return "unpainted"
    size = raw.FPDFText_GetFontSize(text_page, index)
    matrix = raw.FS_MATRIX()
    if raw.FPDFText_GetMatrix(text_page, index, matrix):
        size *= (matrix.b**2 + matrix.d**2) ** 0.5
    if 0 < size <= 1.01:
        return "tiny"
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if raw.FPDFText_GetFillColor(text_page, index, red, green, blue, alpha) and (
        alpha.value == 0 or min(red.value, green.value, blue.value) >= 250
    ):
        return "white"
    return None


if __name__ == "__main__":
    _limit()
    sys.stdout.write(json.dumps(read_pages(sys.argv[1])))
