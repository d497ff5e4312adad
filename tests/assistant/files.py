"""Small contracts in every format, made by the tests themselves."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import docx
from docx.document import Document

LINES = (
    "秘密保持契約書",
    "株式会社青葉（以下「甲」という。）と株式会社若葉（以下「乙」という。）は、次のとおり契約する。",
    "第１条（目的）",
    "本契約は、新製品の検討のために開示される情報の取扱いを定める。",
    "第二条（秘密保持）",
    "１　甲及び乙は、秘密情報を第三者に開示してはならない。",
    "２　前項の規定は、次の各号には適用しない。",
    "（１）公知の情報",
    "（２）受領前から保有していた情報",
    "第2条の2（残存）",
    "第２条の規定は、本契約の終了後も3年間有効とする。",
    "本契約の成立を証するため、本書2通を作成し、甲乙が各1通を保有する。",
    "令和8年4月1日",
)


def save(document: Document, path: Path) -> Path:
    document.save(str(path))
    return path


def make_docx(path: Path, lines: tuple[str, ...] = LINES) -> Path:
    document = docx.Document()
    for line in lines:
        document.add_paragraph(line)
    return save(document, path)


def with_part(path: Path, name: str, data: bytes) -> Path:
    """``path`` with one part of the docx added or replaced."""
    source = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            if info.filename != name:
                target.writestr(info.filename, source.read(info.filename))
        target.writestr(name, data)
    return path


def make_pdf(path: Path, lines: tuple[str, ...] = LINES, white: str = "") -> Path:
    """A PDF whose font is named, not embedded, with a ToUnicode map: text can be extracted."""
    characters = sorted(set("".join(lines) + white))
    codes = {char: index + 1 for index, char in enumerate(characters)}

    def shown(text: str) -> str:
        return "<" + "".join(f"{codes[char]:04x}" for char in text) + ">"

    rows = [
        f"BT /F1 10 Tf 40 {780 - 16 * i} Td {shown(line)} Tj ET" for i, line in enumerate(lines)
    ]
    if white:
        rows.append(f"1 1 1 rg BT /F1 10 Tf 40 40 Td {shown(white)} Tj ET")
    content = "\n".join(rows).encode()
    pairs = "\n".join(
        f"<{code:04x}> <{char.encode('utf-16-be').hex()}>" for char, code in codes.items()
    )
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /x def "
        "1 begincodespacerange <0000> <ffff> endcodespacerange\n"
        f"{len(codes)} beginbfchar\n{pairs}\nendbfchar endcmap end end"
    ).encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Gothic /Encoding /Identity-H"
        b" /DescendantFonts [6 0 R] /ToUnicode 7 0 R >>",
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Gothic /CIDSystemInfo"
        b" << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /DW 1000"
        b" /FontDescriptor 8 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(cmap), cmap),
        b"<< /Type /FontDescriptor /FontName /Gothic /Flags 4 /FontBBox [0 -200 1000 800]"
        b" /ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>",
    ]
    data, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    data += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1,
        start,
    )
    path.write_bytes(data)
    return path
