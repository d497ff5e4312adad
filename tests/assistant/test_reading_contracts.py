import re
import zipfile

import docx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor

from assistant.files import LINES, make_docx, make_pdf, save, with_part
from homutune.assistant import read_document, segment
from homutune.cli._app import run
from homutune.errors import UserError


@pytest.mark.parametrize("kind", ["docx", "pdf", "txt", "md", "html"])
def test_every_format_gives_the_same_lines_and_clauses(tmp_path, kind):
    path = tmp_path / f"契約.{kind}"
    if kind == "docx":
        make_docx(path)
    elif kind == "pdf":
        make_pdf(path)
    elif kind == "html":
        path.write_text("".join(f"<p>{line}</p>" for line in LINES), encoding="utf-8")
    else:
        path.write_text("\r\n".join(LINES), encoding="cp932" if kind == "txt" else "utf-8")
    document = read_document(path)
    assert document.text.split("\n") == [*LINES, ""]
    assert [clause.label for clause in segment(document)] == [
        "秘密保持契約書",
        "前文",
        "第1条（目的）",
        "第2条（秘密保持）",
        "第2条の2（残存）",
        "署名欄",
    ]


def test_offsets_lead_back_to_the_file(tmp_path):
    path = tmp_path / "a.html"
    path.write_text("<h1>契約書</h1>\n<p>甲&amp;乙は、<b>秘密</b>を守る。</p>", encoding="utf-8")
    source, document = path.read_text("utf-8"), read_document(path)
    at = document.text.index("甲")
    pieces = document.sources(at, at + 9)
    assert [source[p.source_start : p.source_end] for p in pieces] == [
        "甲",
        "&amp;",
        "乙は、",
        "秘密",
        "を守",
    ]


def test_offsets_lead_back_to_the_word_paragraph(tmp_path):
    document = docx.Document()
    document.add_paragraph("第1条（定義）")
    cell = document.add_table(1, 1).cell(0, 0)
    cell.text = "用語の一覧は、"
    cell.paragraphs[0].add_run("別表のとおりとする。")
    read = read_document(save(document, tmp_path / "a.docx"))
    at = read.text.index("別表")
    (piece,) = read.sources(at, at + 2)
    paragraph = list(document.element.iter(qn("w:p")))[piece.paragraph]
    text = "".join(t.text for t in paragraph.iter(qn("w:t")))
    assert text[piece.source_start : piece.source_end] == "別表"
    assert [b.kind for b in read.blocks][:2] == ["段落", "表"]


def test_soft_line_breaks_tables_headers_and_footnotes_are_read(tmp_path):
    document = docx.Document()
    paragraph = document.add_paragraph("第1条（目的）")
    paragraph.add_run().add_break()
    paragraph.add_run("甲は損害を賠")
    paragraph.add_run().add_break()
    paragraph.add_run("償する。")
    paragraph.add_run().add_break()
    paragraph.add_run("第2条（管轄）")
    document.sections[0].header.paragraphs[0].text = "社外秘です"
    read = read_document(save(document, tmp_path / "a.docx"))
    assert [c.label for c in segment(read)] == ["第1条（目的）", "第2条（管轄）"]
    assert [b.kind for b in read.blocks] == ["段落", "ヘッダー"]


def numbered(document, text, number_id):
    paragraph = document.add_paragraph(text)
    properties = paragraph._p.get_or_add_pPr()
    element = OxmlElement("w:numPr")
    for tag, value in (("w:ilvl", "0"), ("w:numId", str(number_id))):
        child = OxmlElement(tag)
        child.set(qn("w:val"), value)
        element.append(child)
    properties.append(element)


@pytest.mark.parametrize(
    ("form", "labels"),
    [("decimalFullWidth", ["第１条", "第２条"]), ("japaneseCounting", ["第一条", "第二条"])],
)
def test_automatic_numbers_of_word_make_clauses(tmp_path, form, labels):
    document = docx.Document()
    numbering = document.part.numbering_part.element
    xml = (
        '<w:abstractNum xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
        f' w:abstractNumId="90"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="{form}"/>'
        '<w:lvlText w:val="第%1条"/></w:lvl></w:abstractNum>'
    )
    numbering.insert(0, docx.oxml.parse_xml(xml))
    number = numbering.add_num(90).numId
    numbered(document, "（目的）", number)
    document.add_paragraph("甲及び乙は、協力する。")
    numbered(document, "（期間）", number)
    read = read_document(save(document, tmp_path / "a.docx"))
    assert [c.label for c in segment(read)] == ["第1条（目的）", "第2条（期間）"]
    assert re.findall("第.条", read.text) == labels
    assert read.sources(0, 3)[0].source_end == 0  # the number stands in no text of the file


def test_comments_and_tracked_changes_are_told_apart_from_the_text(tmp_path):
    document = docx.Document()
    paragraph = document.add_paragraph("乙は、30日以内に支払う。")
    document.add_comment(paragraph.runs[0], text="要確認です", author="山田")
    xml = (
        '<w:p xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        '<w:r><w:t>支払は</w:t></w:r><w:del w:id="1" w:author="相手"><w:r><w:delText>30</w:delText>'
        '</w:r></w:del><w:ins w:id="2" w:author="相手"><w:r><w:t>60</w:t></w:r></w:ins>'
        "<w:r><w:t>日とする。</w:t></w:r></w:p>"
    )
    document.element.body.insert(1, docx.oxml.parse_xml(xml))
    read = read_document(save(document, tmp_path / "a.docx"))
    assert read.text.splitlines()[1] == "支払は60日とする。"
    assert [(n.kind, n.author, n.text) for n in read.notes] == [
        ("削除", "相手", "30"),
        ("挿入", "相手", "60"),
        ("コメント", "山田", "要確認です"),
    ]


def test_hidden_text_of_word_is_left_out_and_reported(tmp_path):
    document = docx.Document()
    paragraph = document.add_paragraph("乙は、責任を負う。")
    paragraph.add_run("隠し条項。").font.hidden = True
    paragraph.add_run("白い条項。").font.color.rgb = RGBColor(255, 255, 255)
    paragraph.add_run("小さい条項。").font.size = Pt(1)
    read = read_document(save(document, tmp_path / "a.docx"))
    assert read.text == "乙は、責任を負う。\n"
    assert [(h.text, h.reason) for h in read.hidden] == [
        ("隠し条項。", "隠し文字"),
        ("白い条項。", "白い文字"),
        ("小さい条項。", "2 ポイント以下の文字"),
    ]


def test_white_words_on_a_coloured_ground_are_no_secret(tmp_path):
    document = docx.Document()
    run = document.add_paragraph().add_run("見出しの用語です")
    run.font.color.rgb = RGBColor(255, 255, 255)
    shade = OxmlElement("w:shd")
    shade.set(qn("w:fill"), "1F3864")
    run._r.get_or_add_rPr().append(shade)
    assert not read_document(save(document, tmp_path / "a.docx")).hidden


def test_hidden_text_of_pdf_html_and_markdown_is_reported(tmp_path):
    pdf = read_document(make_pdf(tmp_path / "a.pdf", white="責任は負わない"))
    assert [(h.text, h.reason) for h in pdf.hidden] == [("責任は負わない", "白い文字")]
    assert "責任は負わない" not in pdf.text
    page = tmp_path / "a.html"
    page.write_text(
        "<p>契約とする。<span style='display: none'>無視せよ</span><!-- 指示 --></p>"
        "<script>ここは読まない</script>",
        encoding="utf-8",
    )
    html = read_document(page)
    assert html.text == "契約とする。\n"
    assert [h.text for h in html.hidden] == ["無視せよ", "指示"]
    markdown = tmp_path / "a.md"
    markdown.write_text("# 契約\n<!-- 第9条　削除 -->\n本文とする。\u200b\n", encoding="utf-8")
    read = read_document(markdown)
    assert [h.text for h in read.hidden] == ["第9条　削除"]
    assert "ZERO WIDTH SPACE" in read.warnings[0]


def bad(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_document(path)
    assert caught.value.remedy
    return caught.value.message


def test_files_that_are_no_contract_are_refused_with_a_remedy(tmp_path):
    assert "空です" in bad(tmp_path, "a.docx", b"")
    assert "画像（PNG）" in bad(tmp_path, "b.docx", b"\x89PNG\r\n\x1a\n" + b"\0" * 50)
    locked = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")
    assert "パスワード" in bad(tmp_path, "c.docx", locked)
    assert "古い形式" in bad(tmp_path, "d.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99)
    english = b"This Agreement is made by and between the parties hereto. " * 9
    assert "日本語" in bad(tmp_path, "e.txt", english)
    assert "形式ではありません" in bad(tmp_path, "f.bin", bytes(range(256)))
    assert "壊れて" in bad(tmp_path, "g.docx", b"PK\x03\x04 broken")
    assert "壊れて" in bad(tmp_path, "h.pdf", b"%PDF-1.7 broken")
    with pytest.raises(UserError, match="見つかりません"):
        read_document(tmp_path / "none.docx")


def test_a_scan_says_that_ocr_is_needed_and_how(tmp_path):
    with pytest.raises(UserError, match="スキャン") as caught:
        read_document(make_pdf(tmp_path / "a.pdf", lines=(" ",)))
    assert "ocrmypdf -l jpn" in str(caught.value.remedy)


def test_a_file_of_300_megabytes_is_refused_unread(tmp_path):
    path = tmp_path / "a.docx"
    with path.open("wb") as handle:
        handle.truncate(300_000_000)
    with pytest.raises(UserError, match="300 MB"):
        read_document(path)


def test_bombs_macros_outside_references_and_entities_are_refused(tmp_path):
    path = make_docx(tmp_path / "a.docx")
    bomb = with_part(path, "word/media/a.bin", b"\0" * 120_000_000)
    assert bomb.stat().st_size < 1_000_000
    with pytest.raises(UserError, match="圧縮爆弾"):
        read_document(bomb)
    macro = with_part(make_docx(tmp_path / "b.docx"), "word/vbaProject.bin", b"x")
    with pytest.raises(UserError, match="マクロ"):
        read_document(macro)
    relations = (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        b'<Relationship Id="r1" Type="x/attachedTemplate" Target="http://example.com/t.dotm"'
        b' TargetMode="External"/></Relationships>'
    )
    outside = with_part(make_docx(tmp_path / "c.docx"), "word/_rels/settings.xml.rels", relations)
    with pytest.raises(UserError, match="外部のファイル"):
        read_document(outside)
    entity = b'<!DOCTYPE a [<!ENTITY b "x">]><w:styles xmlns:w="x">&b;</w:styles>'
    with pytest.raises(UserError, match="DTD"):
        read_document(with_part(make_docx(tmp_path / "d.docx"), "word/styles.xml", entity))


def test_a_zip_that_is_no_word_file_is_refused(tmp_path):
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "甲及び乙")
    with pytest.raises(UserError, match="Word 文書"):
        read_document(path)


ENGLISH = ("This Agreement is made between the parties.", "Article 1 (Purpose)") * 9


def bad_inputs(folder):
    """Every kind of file that is no contract to be reviewed, with a word of what is said."""
    locked = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")
    for name, data, word in (
        ("暗号化.docx", locked, "パスワード"),
        ("画像.docx", b"\xff\xd8\xff\xe0" + b"\0" * 50, "画像（JPEG）"),
        ("空.docx", b"", "空です"),
    ):
        (folder / name).write_bytes(data)
        yield folder / name, word
    yield make_pdf(folder / "スキャン.pdf", lines=(" ",)), "OCR"
    bomb = make_docx(folder / "爆弾.docx")
    yield with_part(bomb, "word/media/a.bin", b"\0" * 120_000_000), "圧縮爆弾"
    yield make_docx(folder / "英文.docx", ENGLISH), "日本語"
    large = folder / "巨大.docx"
    with large.open("wb") as handle:
        handle.truncate(300_000_000)
    yield large, "300 MB"


def test_a_bad_file_is_told_calmly_and_costs_nothing(home, tmp_path, capsys):
    good = make_docx(tmp_path / "契約.docx", (*LINES[:6], *LINES[9:]))
    command = ["review", str(good), "--side", "受領側"]
    assert run([*command, "--decide", "1=却下:済み"]) == 0
    stored = {path: path.read_bytes() for path in home.rglob("*.json")}
    assert stored
    for path, word in bad_inputs(tmp_path):
        capsys.readouterr()
        targets = ["--out", str(tmp_path / "x.docx"), "--redline", str(tmp_path / "y.docx")]
        assert run(["review", str(path), "--side", "受領側", *targets]) == 2
        said = capsys.readouterr().err
        assert word in said and "対処" in said and "Traceback" not in said
        assert not list(tmp_path.glob("[xy].docx"))
    assert {path: path.read_bytes() for path in home.rglob("*.json")} == stored
