"""Accepting and rejecting tracked changes in a docx: what Word does, written a second time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

from lxml import etree

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
INSERTED, DELETED = (f"{W}ins", f"{W}moveTo"), (f"{W}del", f"{W}moveFrom")
Which = Callable[[etree._Element], bool]


def by(author: str) -> Which:
    return lambda change: change.get(f"{W}author") == author


def everyone(change: etree._Element) -> bool:
    return True


def accept(path: Path, target: Path, which: Which = everyone) -> Path:
    return _settle(path, target, which, INSERTED, DELETED)


def reject(path: Path, target: Path, which: Which = everyone) -> Path:
    return _settle(path, target, which, DELETED, INSERTED)


def body(path: Path, part: str = "word/document.xml") -> etree._Element:
    return etree.fromstring(zipfile.ZipFile(path).read(part))


def changes(root: etree._Element) -> list[etree._Element]:
    return list(root.iter(*INSERTED, *DELETED))


def words(element: etree._Element) -> str:
    return "".join(t.text or "" for t in element.iter(f"{W}t", f"{W}delText"))


def _settle(path: Path, target: Path, which: Which, stays: tuple, goes: tuple) -> Path:
    source = zipfile.ZipFile(path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            if name.startswith("word/") and name.endswith(".xml"):
                root = etree.fromstring(data)
                _settle_part(root, which, stays, goes)
                data = etree.tostring(root)
            archive.writestr(name, data)
    target.write_bytes(buffer.getvalue())
    return target


def _settle_part(root: etree._Element, which: Which, stays: tuple, goes: tuple) -> None:
    paragraphs = list(root.iter(f"{W}p"))
    merged = []
    for paragraph in paragraphs:
        mark = paragraph.find(f"{W}pPr/{W}rPr")
        for change in list(mark) if mark is not None else []:
            if change.tag in (*stays, *goes) and which(change):
                if change.tag in goes:
                    merged.append(paragraph)
                mark.remove(change)
    for change in [c for c in changes(root) if which(c) and c.getparent().tag != f"{W}rPr"]:
        parent = change.getparent()
        if parent is None:
            continue
        if change.tag in goes:
            parent.remove(change)
        else:
            for child in list(change):
                change.addprevious(child)
            parent.remove(change)
            for text in [t for r in parent.iter(f"{W}r") for t in r.findall(f"{W}delText")]:
                if not any(True for _ in text.iterancestors(*DELETED)):
                    text.tag = f"{W}t"
    # Without its mark a paragraph runs on into the next one, which keeps its own properties.
    for paragraph in reversed(merged):
        following = paragraph.getnext()
        while following is not None and following.tag != f"{W}p":
            assert following.tag in (f"{W}bookmarkStart", f"{W}bookmarkEnd")
            following = following.getnext()
        assert following is not None, "a paragraph without a mark has nothing to run on into"
        at = 1 if following.find(f"{W}pPr") is not None else 0
        for child in reversed([c for c in paragraph if c.tag != f"{W}pPr"]):
            following.insert(at, child)
        paragraph.getparent().remove(paragraph)
