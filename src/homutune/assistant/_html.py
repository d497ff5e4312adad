"""HTML: what a browser would show, without ever loading anything."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path

from homutune.assistant._document import Builder, Document

# fmt: off
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd",
    "details", "div", "dl", "dt", "fieldset", "figure", "footer", "form", "h1", "h2", "h3",
    "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre",
    "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "title", "tr",
    "ul",
))
# fmt: on
_UNREAD = frozenset({"script", "style", "head", "template", "noscript", "svg", "iframe", "object"})
_VOID = frozenset({"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "wbr"})
_INVISIBLE = re.compile(
    r"display:none|visibility:hidden|opacity:0(?:\.0+)?(?:;|$)"
    r"|font-size:(?:0|1(?:px|pt))(?:[a-z]*)(?:;|$)"
    r"|(?:^|;)color:(?:white|#fff(?:fff)?|rgba?\(255,255,255(?:,[\d.]+)?\)|transparent)(?:;|$)"
)


def read_html(path: Path, text: str) -> Document:
    """The visible text of an HTML page; hidden elements and comments are noted as hidden."""
    reader = _Reader(text)
    reader.feed(text)
    reader.close()
    return reader.builder.build(path, "html")


class _Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.builder = Builder()
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        #: (tag, why what is inside is not seen)
        self._open: list[tuple[str, str | None]] = []

    def _at(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _kind(self) -> str:
        tags = [tag for tag, _ in self._open]
        if any(re.fullmatch("h[1-6]", tag) for tag in tags):
            return "見出し"
        return "表" if {"td", "th"} & set(tags) else "段落"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element; a block ends the block before it."""
        if tag in _BLOCKS:
            self.builder.close(self._kind())
        if tag == "br":
            self._put("\n", len(self.get_starttag_text() or ""))
        if tag in _VOID:
            return
        given = {name: (value or "") for name, value in attrs}
        style = re.sub(r"\s", "", given.get("style", "").lower())
        reason = None
        if tag in _UNREAD:
            reason = "unread"
        elif "hidden" in given or _INVISIBLE.search(style):
            reason = "表示されない書式"
        self._open.append((tag, reason))

    def handle_endtag(self, tag: str) -> None:
        """Close an element; an end tag without a beginning changes nothing."""
        if tag in _BLOCKS:
            self.builder.close(self._kind())
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index][0] == tag:
                del self._open[index:]
                break

    def handle_data(self, data: str) -> None:
        """Text as it stands; the line ends of HTML are spaces, which matching ignores."""
        self._put(data, len(data))

    def handle_entityref(self, name: str) -> None:
        """A named character."""
        self._put(html.unescape(f"&{name};"), len(name) + 2)

    def handle_charref(self, name: str) -> None:
        """A numbered character."""
        self._put(html.unescape(f"&#{name};"), len(name) + 3)

    def handle_comment(self, data: str) -> None:
        """Nobody sees a comment."""
        self.builder.hide(data.strip(), "HTML のコメント", "")

    def _put(self, text: str, length: int) -> None:
        reasons = [reason for _, reason in self._open if reason]
        if "unread" in reasons:
            return
        if reasons:
            self.builder.hide(text, reasons[0], "")
        elif text.strip() or text == "\n":
            start = self._at()
            self.builder.add(text, source_start=start, source_end=start + length)
