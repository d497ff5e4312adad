"""docx: what Word would show, read from the XML itself, and what it would not show.

Paragraphs are counted through the whole part in document order (tables, text boxes and content
controls included), which is also the order of ``element.iter("{…}p")``.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homutune.assistant._document import Builder, Document, Note
from homutune.assistant._docx_numbering import Numbering
from homutune.errors import UserError

#: A 231 kB docx can hold 200 MB: the sizes are summed before anything is unpacked.
MAX_UNPACKED = 100_000_000
MAX_FILES = 3_000
#: Relationships to the outside that merely stand in the text.
_HARMLESS = ("hyperlink",)
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"


def open_parts(path: Path, data: bytes) -> dict[str, bytes]:
    """The XML parts of a docx after the checks for bombs, macros and outside references.

    Raises:
        UserError: it is none, damaged, or fails a check.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        infos = archive.infolist()
        if len(infos) > MAX_FILES or sum(info.file_size for info in infos) > MAX_UNPACKED:
            raise UserError(
                "展開すると非常に大きくなるファイル（圧縮爆弾のおそれ）のため、開きません。",
                remedy="送り主に確認し、Word で保存し直したものを使ってください。",
                file=path,
            )
        names = {info.filename for info in infos}
        if "word/document.xml" not in names:
            raise UserError(
                "Word 文書（docx）ではありません。",
                remedy="docx・PDF・txt・md・html のどれかで渡してください。",
                file=path,
            )
        if any("vbaproject" in name.lower() or "/activex/" in name.lower() for name in names):
            raise UserError(
                "マクロの入ったファイルのため、開きません。",
                remedy="Word で .docx（マクロなし）として保存し直してください。",
                file=path,
            )
        parts = {n: _unpack(archive, n, path) for n in names if n.endswith((".xml", ".rels"))}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise UserError(
            "Word ファイルが壊れていて開けません。",
            remedy="Word で開いて修復し、保存し直してください。",
            file=path,
        ) from None
    _refuse_outside(path, parts)
    return parts


def _unpack(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    """One part; a header may lie about the size, so no more than the limit is ever read."""
    with archive.open(name) as handle:
        data = handle.read(MAX_UNPACKED + 1)
    if len(data) > MAX_UNPACKED or b"<!DOCTYPE" in data[:4096] or b"<!ENTITY" in data:
        raise UserError(
            "Word ファイルに許されない記述（DTD など）があるため、開きません。",
            remedy="送り主に確認し、Word で保存し直したものを使ってください。",
            file=path,
        )
    return data


def _refuse_outside(path: Path, parts: dict[str, bytes]) -> None:
    for name, data in parts.items():
        if not name.endswith(".rels"):
            continue
        for element in parse(data, path):
            kind = str(element.get("Type", "")).rsplit("/", 1)[-1]
            if element.get("TargetMode") == "External" and kind not in _HARMLESS:
                raise UserError(
                    f"外部のファイルを読み込む設定（{kind}）があるため、開きません。",
                    remedy="Word でリンクを解除し、保存し直してください。",
                    file=path,
                )


def parse(data: bytes, path: Path) -> Any:
    """The root element; no entities, no network, no DTD."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        raise UserError(
            "Word ファイルの中身が壊れています。",
            remedy="Word で開いて修復し、保存し直してください。",
            file=path,
        ) from None


def read_docx(path: Path, data: bytes) -> Document:
    """The visible text of a docx with its hidden text, comments and tracked changes.

    Raises:
        UserError: see :func:`open_parts`.
    """
    parts = open_parts(path, data)
    roots = {
        name: parse(content, path)
        for name, content in sorted(parts.items())
        if re.fullmatch(
            r"word/(?:document|styles|numbering|comments|footnotes|endnotes|header\d*|footer\d*)\.xml",
            name,
        )
    }
    styles = _Styles(roots.get("word/styles.xml"))
    numbering = Numbering(roots.get("word/numbering.xml"))
    builder = Builder()
    kinds = {"document": None, "footnotes": "脚注", "endnotes": "脚注"}
    kinds |= {"header": "ヘッダー", "footer": "フッター"}
    for stem, kind in kinds.items():
        for name, root in roots.items():
            if re.fullmatch(rf"word/{stem}\d*\.xml", name):
                _PartReader(builder, name, root, styles, numbering, kind).read()
    comments = roots.get("word/comments.xml")
    for comment in comments if comments is not None else ():
        text = "".join(t.text or "" for t in comment.iter(f"{_W}t"))
        builder.notes.append(Note("コメント", str(comment.get(f"{_W}author", "")), text))
    return builder.build(path, "docx")


class _Styles:
    """Style properties with what they inherit."""

    def __init__(self, root: Any) -> None:
        self._styles = {}
        for style in root.iter(f"{_W}style") if root is not None else ():
            self._styles[style.get(f"{_W}styleId")] = style

    def chain(self, style_id: str | None) -> Iterator[Any]:
        """The style and those it is based on, nearest first."""
        seen: set[str] = set()
        while style_id and style_id not in seen and style_id in self._styles:
            seen.add(style_id)
            style = self._styles[style_id]
            yield style
            based = style.find(f"{_W}basedOn")
            style_id = based.get(f"{_W}val") if based is not None else None

    def is_heading(self, style_id: str | None) -> bool:
        """Whether the paragraph style is one of Word's headings or the title."""
        for style in self.chain(style_id):
            name = style.find(f"{_W}name")
            if name is not None and re.match(
                r"(?:heading \d|title$|見出し)", str(name.get(f"{_W}val", "")).lower()
            ):
                return True
        return False


def _value(element: Any, tag: str) -> str | None:
    """``w:val`` of a child; "" where the child has none, None without the child."""
    child = element.find(f"{_W}{tag}") if element is not None else None
    return None if child is None else str(child.get(f"{_W}val", ""))


class _PartReader:
    def __init__(
        self,
        builder: Builder,
        part: str,
        root: Any,
        styles: _Styles,
        numbering: Numbering,
        kind: str | None,
    ) -> None:
        self._builder, self._part, self._root = builder, part, root
        self._styles, self._numbering, self._kind = styles, numbering, kind
        # A paragraph in the fallback of a text box repeats the one in its choice.
        self._paragraphs = list(root.iter(f"{_W}p"))

    def read(self) -> None:
        for number, paragraph in enumerate(self._paragraphs):
            if any(a.tag == f"{_MC}Fallback" for a in paragraph.iterancestors()):
                continue
            self._read_paragraph(number, paragraph)

    def _read_paragraph(self, number: int, paragraph: Any) -> None:
        properties = paragraph.find(f"{_W}pPr")
        style_id = _value(properties, "pStyle")
        in_table = any(a.tag == f"{_W}tc" for a in paragraph.iterancestors())
        label = self._numbering.label(paragraph, list(self._styles.chain(style_id)))
        visible = self._visible_runs(paragraph)
        if label and visible:
            self._builder.add(label, self._part, number, 0, 0)
        for start, text in visible:
            self._builder.add(text, self._part, number, start)
        heading = self._styles.is_heading(style_id)
        self._builder.close(self._kind or ("表" if in_table else "見出し" if heading else "段落"))

    def _visible_runs(self, paragraph: Any) -> list[tuple[int, str]]:
        """(offset in the paragraph, text) of what is seen; the rest goes to hidden and notes."""
        found, offset = [], 0
        for run in self._runs(paragraph):
            text, deleted = run_text(run), run_text(run, "delText")
            change = next((a for a in run.iterancestors() if a.tag in _CHANGES), None)
            if change is not None:
                kind = _CHANGES[change.tag]
                author = str(change.get(f"{_W}author", ""))
                self._builder.notes.append(Note(kind, author, deleted or text))
            if change is not None and _CHANGES[change.tag] == "削除":
                continue
            if text:
                reason = self._why_hidden(run, paragraph)
                if reason:
                    self._builder.hide(text, reason, self._part)
                else:
                    found.append((offset, text))
            offset += len(text)
        return found

    def _runs(self, paragraph: Any) -> Iterator[Any]:
        """The runs of this paragraph, not those of paragraphs inside it (text boxes)."""
        for run in paragraph.iter(f"{_W}r"):
            if next(run.iterancestors(f"{_W}p")) is paragraph:
                yield run

    def _why_hidden(self, run: Any, paragraph: Any) -> str | None:
        levels = [run.find(f"{_W}rPr")]
        paragraph_style = _value(paragraph.find(f"{_W}pPr"), "pStyle")
        for style_id in (_value(levels[0], "rStyle"), paragraph_style):
            levels += [style.find(f"{_W}rPr") for style in self._styles.chain(style_id)]
        for tag in ("vanish", "webHidden"):
            if (value := _first(levels, tag)) is not None and value not in ("0", "false", "off"):
                return "隠し文字"
        size = _first(levels, "sz")
        if size and size.isdigit() and int(size) <= 4:  # half points
            return "2 ポイント以下の文字"
        color = (_first(levels, "color") or "").upper()
        if re.fullmatch("F[A-F0-9]F[A-F0-9]F[A-F0-9]", color) and min(color[1::2]) >= "A":
            return None if self._is_shaded(run) else "白い文字"
        return None

    @staticmethod
    def _is_shaded(run: Any) -> bool:
        """Whether a colour lies behind the run: white on blue is a heading, not a secret."""
        holders = [run.find(f"{_W}rPr")]
        for ancestor in run.iterancestors(f"{_W}p", f"{_W}tc"):
            holders.append(ancestor.find(f"{_W}{'p' if ancestor.tag == f'{_W}p' else 'tc'}Pr"))
        for holder in holders:
            shade = holder.find(f"{_W}shd") if holder is not None else None
            if shade is not None and str(shade.get(f"{_W}fill", "auto")).upper() not in (
                "AUTO",
                "FFFFFF",
            ):
                return True
        return False


_CHANGES = {
    f"{_W}ins": "挿入",
    f"{_W}moveTo": "挿入",
    f"{_W}del": "削除",
    f"{_W}moveFrom": "削除",
}


def _first(levels: list[Any], tag: str) -> str | None:
    """The value nearest to the run."""
    return next((v for level in levels if (v := _value(level, tag)) is not None), None)


def run_text(run: Any, tag: str = "t") -> str:
    """The text of a run as counted by :class:`~homutune.assistant.Piece`."""
    texts = []
    for child in run:
        if child.tag == f"{_W}{tag}":
            texts.append(child.text or "")
        elif tag == "t" and child.tag == f"{_W}tab":
            texts.append("\t")
        elif tag == "t" and child.tag in (f"{_W}br", f"{_W}cr"):
            texts.append("\n")
        elif tag == "t" and child.tag == f"{_W}noBreakHyphen":
            texts.append("-")
    return "".join(texts)
