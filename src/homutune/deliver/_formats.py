"""The report as Word and PDF file."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import tempfile
from io import BytesIO
from pathlib import Path

from homutune.errors import UserError
from homutune.files import write_atomic

SUFFIXES = (".md", ".docx", ".pdf")
_OFFICE = ("soffice", "libreoffice")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
_PDF_WITHIN_S = 180


def write_text_as(path: Path, text: str) -> None:
    """Write Markdown of headings and paragraphs as ``.md``, ``.docx`` or ``.pdf``.

    Raises:
        UserError: another suffix, or a PDF is wanted and neither LibreOffice nor Chromium is here.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(
            f"この種類のファイルには書き出せません（{path.suffix or '拡張子なし'}）。",
            remedy=f"{'・'.join(SUFFIXES)} のどれかにしてください。",
            file=path,
        )
    if suffix == ".md":
        write_atomic(path, text)
    elif suffix == ".docx":
        write_atomic(path, _docx(text))
    else:
        write_atomic(path, _pdf(text, path))


def _parts(text: str) -> list[tuple[int, str]]:
    """(level of the heading or 0, text) of every paragraph."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        mark, title = re.match(r"(#*)\s*(.*)", block, re.DOTALL).groups()  # type: ignore[union-attr]
        found.append((len(mark), " ".join(title.split("\n"))))
    return found


def _docx(text: str) -> bytes:
    import docx
    from docx.oxml.ns import qn
    from docx.shared import Mm, Pt

    document = docx.Document()
    page = document.sections[0]  # the library's own is Letter
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.left_margin = page.right_margin = page.top_margin = page.bottom_margin = Mm(25)
    document.styles["Normal"].font.size = Pt(10.5)
    document.styles["Normal"].paragraph_format.line_spacing = 1.5
    document.core_properties.author = ""
    document.core_properties.title = next((words for level, words in _parts(text) if level), "")
    for name in ("Normal", "Title", "Heading 1", "Heading 2"):
        fonts = document.styles[name].element.get_or_add_rPr().get_or_add_rFonts()
        fonts.set(qn("w:eastAsia"), "游明朝" if name == "Normal" else "游ゴシック")
    for level, words in _parts(text):
        if level:
            document.add_heading(words, level - 1)
        else:
            document.add_paragraph(words)
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _pdf(text: str, path: Path) -> bytes:
    office = next(filter(None, map(shutil.which, _OFFICE)), None)
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if office is None and browser is None:
        raise UserError(
            "PDF を作るには、LibreOffice か Chromium（Chrome・Edge）が必要です。",
            remedy="どちらかを入れるか、.docx で書き出して Word から PDF にしてください。",
            file=path,
        )
    with tempfile.TemporaryDirectory(prefix="homutune-pdf-") as name:
        folder = Path(name)
        if browser is not None:
            (folder / "report.html").write_text(_html(text), "utf-8")
            # Its sandbox needs rights that root of a container does not have; the page is ours.
            command = [browser, "--headless", "--disable-gpu", "--no-sandbox"]
            command += [f"--user-data-dir={folder / 'profile'}", "--no-pdf-header-footer"]
            command += [f"--print-to-pdf={folder / 'report.pdf'}", str(folder / "report.html")]
        else:
            (folder / "report.docx").write_bytes(_docx(text))
            command = [str(office), f"-env:UserInstallation={(folder / 'profile').as_uri()}"]
            command += ["--headless", "--convert-to", "pdf", "--outdir", str(folder)]
            command += [str(folder / "report.docx")]
        try:
            subprocess.run(command, capture_output=True, timeout=_PDF_WITHIN_S, check=True)
            return (folder / "report.pdf").read_bytes()
        except (subprocess.SubprocessError, OSError) as error:
            raise UserError(
                f"PDF に変換できませんでした（{Path(command[0]).name}）。",
                remedy=".docx で書き出して、Word から PDF にしてください。",
                file=path,
            ) from error


def _html(text: str) -> str:
    body = "\n".join(
        f"<h{level}>{html.escape(words)}</h{level}>" if level else f"<p>{html.escape(words)}</p>"
        for level, words in _parts(text)
    )
    style = (
        "@page{size:A4;margin:25mm}body{font-family:'Noto Serif CJK JP','Yu Mincho',serif;"
        "line-height:1.8;font-size:10.5pt}h1,h2{font-family:'Noto Sans CJK JP','Yu Gothic',"
        "sans-serif}h1{font-size:16pt}h2{font-size:12pt}p{text-indent:1em;margin:0 0 .5em}"
    )
    return (
        f'<!doctype html><html lang="ja"><meta charset="utf-8"><style>{style}</style>{body}</html>'
    )
