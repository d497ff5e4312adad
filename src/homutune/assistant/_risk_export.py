"""The register as a page, a workbook, a Word file or a picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from homutune import __version__
from homutune.assistant._obligations import Obligation
from homutune.assistant._playbook import PRIORITIES
from homutune.assistant._review import Basis
from homutune.assistant._risk_matrix import matrix_svg
from homutune.assistant._risks import Register, Risk
from homutune.data import add_sheet, workbook_bytes
from homutune.files import write_atomic

RISK_HEADINGS = (
    "番号", "確認優先度", "分類", "論点", "条項", "契約・計画の文言", "原因（標準との差異）",
    "起こりうること", "対応", "文例", "根拠", "担当", "状況", "出所",
)  # fmt: skip
DEADLINE_HEADINGS = ("区分", "だれが", "内容", "時期", "日付", "条項", "契約の文言")
_RISK_WIDTHS = (6, 11, 16, 18, 14, 40, 30, 34, 40, 40, 26, 14, 10, 18)
_DEADLINE_WIDTHS = (18, 8, 22, 26, 14, 14, 60)


def write_register(path: Path, register: Register) -> None:
    """Write ``register`` as .html, .xlsx, .docx or .svg (the matrix alone)."""
    writers = {".html": _html, ".xlsx": _excel, ".docx": _word, ".svg": _svg}
    write_atomic(path, writers[path.suffix](register))


def _svg(register: Register) -> bytes:
    return matrix_svg(register).encode("utf-8")


def _html(register: Register) -> bytes:
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("homutune.assistant", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("risk.html.j2").render(
        register=register,
        # Every text in the picture is escaped where it is made.
        matrix=Markup(matrix_svg(register)),
        version=__version__,
    )
    return page.encode("utf-8")


def _excel(register: Register) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    rows = [_risk_row(risk) for risk in register.risks]
    add_sheet(book, "リスク登録簿", RISK_HEADINGS, rows, _RISK_WIDTHS)
    grid = [
        [name, *("、".join(str(r.number) for r in register.cell(name, p)) for p in PRIORITIES)]
        for name in register.categories
    ]
    add_sheet(book, "確認優先度の一覧", ("分類", *PRIORITIES), grid, (24, 24, 24, 24))
    deadlines = [_deadline_row(o) for o in register.obligations]
    add_sheet(book, "期限と義務", DEADLINE_HEADINGS, deadlines, _DEADLINE_WIDTHS)
    add_sheet(book, "この表について", ("項目", "内容"), _about(register), (18, 80))
    return workbook_bytes(book)


def _word(register: Register) -> bytes:
    import docx
    from docx.enum.section import WD_ORIENT
    from docx.oxml.ns import qn
    from docx.shared import Mm, Pt

    document = docx.Document()
    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Mm(297), Mm(210)
    section.left_margin = section.right_margin = Mm(15)
    normal: Any = document.styles["Normal"]
    normal.font.name, normal.font.size = "游ゴシック", Pt(9)
    normal.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), "游ゴシック")
    document.add_heading(f"リスク登録簿：{register.file}", 1)
    for name, value in _about(register):
        document.add_paragraph(f"{name}：{value}")
    keep = (0, 1, 2, 3, 4, 6, 7, 8, 10, 11)
    rows = [[row[i] for i in keep] for row in map(_risk_row, register.risks)]
    _table(document, [RISK_HEADINGS[i] for i in keep], rows)
    if register.obligations:
        document.add_heading("期限と義務", 1)
        rows = [_deadline_row(o)[:6] for o in register.obligations]
        _table(document, list(DEADLINE_HEADINGS[:6]), rows)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def _table(document: Any, headings: list[str], rows: list[list[str]]) -> None:
    table = document.add_table(1, len(headings), style="Table Grid")
    for cell, text in zip(table.rows[0].cells, headings, strict=True):
        cell.paragraphs[0].add_run(text).bold = True
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


def _risk_row(risk: Risk) -> list[str]:
    return [
        str(risk.number), risk.priority, risk.category, risk.topic, risk.clause,
        risk.quote.strip(), risk.cause, risk.consequence, risk.mitigation, risk.wording,
        cited(risk.basis), risk.owner, "未着手", f"{risk.source}（{risk.rule}）",
    ]  # fmt: skip


def _deadline_row(obligation: Obligation) -> list[str]:
    return [
        obligation.kind,
        obligation.who,
        obligation.what,
        obligation.when,
        obligation.date or "",
        obligation.clause,
        obligation.quote.strip(),
    ]


def _about(register: Register) -> list[list[str]]:
    return [
        ["対象", f"{register.file}（{register.title}）"],
        ["立場", f"{register.side}（{register.sides}）" if register.side else "―"],
        ["規則の版", register.version],
        ["ご注意", register.notice],
    ]


def cited(basis: tuple[Basis, ...]) -> str:
    """民法415条1項（確認済み）、…"""
    return "、".join(f"{b.label}（{b.status}）" for b in basis)
