"""Reading a contract: the kind of file by its content, limits against bombs, text and Markdown."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from homutune.assistant._document import Builder, Document
from homutune.assistant._shadow import invisible_characters
from homutune.errors import UserError

#: No contract is larger; what is may be a bomb, or a scan.
MAX_BYTES = 50_000_000
MAX_CHARACTERS = 2_000_000
_PICTURES = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read_document(path: Path) -> Document:
    """The contract in ``path``: docx, PDF with text, txt, Markdown or HTML, told by its content.

    Raises:
        UserError: not there, empty, too large, locked by a password, a picture or a scan, a bomb,
            macros or outside references in it, or no Japanese in it.
    """
    if not path.is_file():
        raise UserError(
            "ファイルが見つかりません。", remedy="パスの綴りと場所を確認してください。", file=path
        )
    size = path.stat().st_size
    if size == 0:
        raise UserError("ファイルが空です。", remedy="契約書の本文を入れてください。", file=path)
    if size > MAX_BYTES:
        raise UserError(
            f"ファイルが大きすぎます（{size / 1e6:,.0f} MB、上限 {MAX_BYTES / 1e6:,.0f} MB）。",
            remedy="画像や添付資料を除き、契約書の本文だけにしてください。",
            file=path,
        )
    document = _read(path, path.read_bytes())
    _require_japanese(document)
    marks = invisible_characters(document.text)
    if not marks:
        return document
    builder_warning = f"表示されない文字が本文に混ざっています（{'、'.join(marks)}）。"
    return Document(
        document.path,
        document.format,
        document.text,
        document.blocks,
        document.pieces,
        document.hidden,
        document.notes,
        (*document.warnings, builder_warning),
    )


def _read(path: Path, data: bytes) -> Document:
    if data.startswith(b"PK\x03\x04"):
        from homutune.assistant._docx import read_docx

        return read_docx(path, data)
    if b"%PDF-" in data[:1024]:
        from homutune.assistant._pdf import read_pdf

        return read_pdf(path)
    if data.startswith(_OLE):
        raise _ole_error(path, data)
    for magic, name in _PICTURES.items():
        if data.startswith(magic) and not _is_text(data):
            raise UserError(
                f"契約書ではなく画像（{name}）です。",
                remedy="OCR で文字にしてから、docx・PDF・txt のどれかで渡してください。",
                file=path,
            )
    text = _decode(path, data)
    if len(text) > MAX_CHARACTERS:
        raise UserError(
            f"文章が長すぎます（{len(text):,} 字、上限 {MAX_CHARACTERS:,} 字）。",
            remedy="契約書ごとに分けてください。",
            file=path,
        )
    if path.suffix.lower() in {".html", ".htm"} or re.match(
        r"\s*<(?:!doctype\s+html|html)\b", text, re.IGNORECASE
    ):
        from homutune.assistant._html import read_html

        return read_html(path, text)
    if path.suffix.lower() in {".md", ".markdown"}:
        return _read_markdown(path, text)
    return _read_text(path, text)


def _ole_error(path: Path, data: bytes) -> UserError:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return UserError(
            "パスワードで保護された Word ファイルです。",
            remedy="Word で開き、「ファイル」→「情報」→「文書の保護」→"
            "「パスワードを使用して暗号化」でパスワードを消し、保存し直してください。",
            file=path,
        )
    return UserError(
        "古い形式の Word ファイル（.doc）などで、読めません。",
        remedy="Word で開き、.docx 形式で保存し直してください。",
        file=path,
    )


def _is_text(data: bytes) -> bool:
    return b"\0" not in data[:4096] and not any(byte < 9 for byte in data[:4096])


def _decode(path: Path, data: bytes) -> str:
    """UTF-8 with or without BOM, UTF-16 with BOM, or CP932."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif not _is_text(data):
        encodings = []
    else:
        encodings = ["utf-8-sig", "cp932"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(
        "契約書として読める形式ではありません。",
        remedy="docx・PDF・txt（UTF-8 か Shift_JIS）・md・html のどれかで渡してください。",
        file=path,
    )


def _require_japanese(document: Document) -> None:
    letters = [char for char in document.text if char.isalpha()]
    if not letters:
        raise UserError(
            "読める文字がありません。",
            remedy="本文のあるファイルか確認してください。",
            file=document.path,
        )
    kana = sum("ぁ" <= char <= "ヺ" for char in letters)
    if kana < 0.1 * len(letters):
        raise UserError(
            "日本語の契約書ではないようです（かなの割合が 1 割未満）。",
            remedy="レビューできるのは日本語の契約書だけです。",
            file=document.path,
        )


def text_document(name: str, text: str) -> Document:
    """A document from a text that lies in no file."""
    return _read_text(Path(name), text)


def _read_text(path: Path, text: str) -> Document:
    builder = Builder()
    for line in re.finditer(r"[^\r\n\f]+", text):
        builder.add(line[0], source_start=line.start())
        builder.close()
    return builder.build(path, "txt")


#: Marks of Markdown that are not part of what is read; group 1 is what stays.
_INLINE = re.compile(
    r"!\[[^\]]*\]\([^)]*\)|\[([^\]]*)\]\([^)]*\)(?:\{[^}]*\})?|\*\*(.+?)\*\*|__(.+?)__|`([^`]+)`"
    r"|\s*\{#[^}]*\}|<br\s*/?>|</?[a-zA-Z][^<>]*>|\|"
)
_FRONT_MATTER = re.compile(r"\A---\r?\n.*?\r?\n---\r?\n", re.DOTALL)


def _read_markdown(path: Path, text: str) -> Document:
    builder = Builder()
    comments = list(re.finditer(r"<!--.*?(?:-->|\Z)", text, re.DOTALL))
    for comment in comments:
        builder.hide(comment[0][4:].removesuffix("-->").strip(), "HTML のコメント", "")
    blank = text
    for match in (*comments, *_FRONT_MATTER.finditer(text)):
        # Same length, so that every offset stays.
        empty = re.sub(r"[^\r\n]", "\0", match[0])
        blank = blank[: match.start()] + empty + blank[match.end() :]
    for line in re.finditer(r"[^\r\n\f]+", blank):
        body = line[0]
        if re.fullmatch(r"[\s\0|:\-=*_]*", body):
            continue
        heading = re.match(r"\s*(#{1,6})\s+", body)
        indent = len(body) - len(body.lstrip())
        at = heading.end() if heading else indent
        if bullet := re.match(r"(?:[*+-]\s+|>\s*)", body[at:]):
            at += bullet.end()
        _add_inline(builder, body, at, line.start())
        builder.close("見出し" if heading else "段落", indent)
    return builder.build(path, "md")


def _add_inline(builder: Builder, body: str, at: int, base: int) -> None:
    for mark in _INLINE.finditer(body, at):
        builder.add(body[at : mark.start()].replace("\0", " "), source_start=base + at)
        if mark.lastindex:
            builder.add(mark[mark.lastindex], source_start=base + mark.start(mark.lastindex))
        elif mark[0] == "|" or mark[0].startswith("<br"):
            builder.add("\n", source_start=base + mark.start(), source_end=base + mark.end())
        at = mark.end()
    builder.add(body[at:].replace("\0", " "), source_start=base + at)
