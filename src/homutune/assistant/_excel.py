"""A review as an Excel workbook, and the decisions that come back in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from homutune.assistant._decisions import DECISIONS, Decision
from homutune.assistant._review import DISCLAIMER, DISPUTE, Basis, Review
from homutune.data import add_sheet, cell_text, open_workbook, sheet_rows, workbook_bytes
from homutune.errors import UserError
from homutune.files import write_atomic

_SUMMARY, _FINDINGS = "要約", "指摘"
_COLUMNS = (
    ("番号", 6),
    ("ID", 10),
    ("確認優先度", 10),
    ("論点", 18),
    ("条項", 14),
    ("契約の文言", 44),
    ("差異", 34),
    ("標準", 34),
    ("留意点", 34),
    ("文例", 44),
    ("根拠", 26),
    ("出所", 14),
    ("判断", 10),
    ("修正文言", 44),
    ("コメント", 28),
)
_CHOICE = "判断"


def write_excel(path: Path, review: Review, decisions: dict[str, Decision]) -> None:
    """Write a summary, the findings with their decisions, and what else to make sure of.

    Raises:
        UserError: the file cannot be written.
    """
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    book.remove(book.active)
    add_sheet(book, _SUMMARY, ("項目", "内容"), _summary(review, decisions), (18, 90))
    rows = []
    for number, finding in enumerate(review.findings, start=1):
        decision = decisions.get(finding.id, Decision(""))
        rows.append(
            [
                *(str(number), finding.id, finding.priority, finding.topic, finding.clause),
                *(finding.quote, finding.gap, finding.playbook_says, finding.note),
                *(finding.sample, _cited(finding.basis), f"{finding.source}（{finding.rule}）"),
                *(decision.choice, decision.wording, decision.comment),
            ]
        )
    names = [name for name, _ in _COLUMNS]
    sheet = add_sheet(book, _FINDINGS, names, rows, [width for _, width in _COLUMNS])
    if review.model:
        said = [
            [o.clause, o.quote, o.remark, _cited(o.basis), f"モデル（{review.model}）"]
            for o in review.opinions
        ]
        header = ("条項", "契約の文言", "意見", "挙げた条文", "出所")
        add_sheet(book, "モデルの意見", header, said, (14, 44, 60, 26, 18))
    choice = DataValidation("list", formula1=f'"{",".join(DECISIONS)}"', allow_blank=True)
    choice.error, choice.errorTitle = f"{'・'.join(DECISIONS)}から選んでください。", _CHOICE
    sheet.add_data_validation(choice)
    letter = get_column_letter(names.index(_CHOICE) + 1)
    choice.add(f"{letter}2:{letter}{max(2, len(rows) + 1)}")
    write_atomic(path, workbook_bytes(book))


def read_decisions(path: Path, review: Review) -> tuple[dict[str, Decision], list[str]]:
    """The decisions written into a workbook of :func:`write_excel`, by finding id.

    Returns:
        The decisions, and notes (Japanese) on rows that no finding of ``review`` answers to. A
        row without a decision changes nothing.

    Raises:
        UserError: not such a workbook, one of another type or side, or a row that cannot be read.
    """
    known = {finding.id for finding in review.findings}
    found: dict[str, Decision] = {}
    notes: list[str] = []
    now = datetime.now().isoformat(timespec="seconds")
    with open_workbook(path) as book:
        if not {_SUMMARY, _FINDINGS} <= set(book.sheetnames):
            raise UserError(
                f"レビューの Excel ではありません（シート「{_FINDINGS}」がありません）。",
                remedy="homutune review --out 結果.xlsx で書き出したファイルを指定してください。",
                file=path,
            )
        told = {
            cell_text(row[0]): cell_text(row[1])
            for _, row in sheet_rows(path, book[_SUMMARY])
            if len(row) > 1
        }
        _same(path, review, told, notes)
        rows = sheet_rows(path, book[_FINDINGS])
        _, head = next(rows, (1, []))
        columns = {cell_text(name): index for index, name in enumerate(head)}
        if missing := {"ID", _CHOICE, "修正文言", "コメント"} - set(columns):
            raise UserError(
                f"列「{'・'.join(sorted(missing))}」がありません。",
                remedy="見出しの行を元に戻してください。",
                file=path,
                line=1,
            )
        for line, row in rows:
            cells = {n: cell_text(row[i]).strip() for n, i in columns.items() if i < len(row)}
            finding_id, chosen = cells.get("ID", ""), cells.get(_CHOICE, "")
            if not chosen:
                continue
            if chosen not in DECISIONS:
                raise UserError(
                    f"判断「{chosen}」は使えません。",
                    remedy=f"{'・'.join(DECISIONS)} のどれかにしてください。",
                    file=path,
                    line=line,
                )
            if finding_id not in known:
                notes.append(
                    f"{line} 行目（ID {finding_id}）に当たる指摘が、今の契約書にありません。"
                )
            elif finding_id in found:
                raise UserError(
                    f"ID {finding_id} の行が二つあります。",
                    remedy="一つにしてください。",
                    file=path,
                    line=line,
                )
            else:
                found[finding_id] = Decision(
                    chosen, cells.get("コメント", ""), now, cells.get("修正文言", "")
                )
    return found, notes


def _same(path: Path, review: Review, told: dict[str, str], notes: list[str]) -> None:
    """The workbook belongs to this review; the contract may have been edited since."""
    for name, value in (("契約類型", review.title), ("立場", review.side)):
        if told.get(name, "") != value:
            raise UserError(
                f"別のレビューの Excel です（{name}: {told.get(name, '')}）。",
                remedy="同じ契約書・類型・立場で書き出したファイルを指定してください。",
                file=path,
            )
    if told.get("契約書の照合値") != review.document_sha256:
        notes.append(
            "書き出した後で契約書が変わっています。変わらない指摘の判断だけを取り込みます。"
        )


def _summary(review: Review, decisions: dict[str, Decision]) -> list[tuple[str, str]]:
    counts = "、".join(f"{priority} {count} 件" for priority, count in review.counts.items())
    ids = {finding.id for finding in review.findings}
    chosen = [d.choice for key, d in decisions.items() if key in ids]
    decided = "、".join(f"{name} {chosen.count(name)} 件" for name in DECISIONS)
    rows = [
        ("注意", f"{DISCLAIMER}{DISPUTE}"),
        (
            "書き方",
            f"シート「{_FINDINGS}」の判断・修正文言・コメントに書き込み、"
            "homutune review 契約書 --import このファイル で取り込みます。",
        ),
        ("契約書", review.file),
        ("契約類型", review.title),
        ("類型の決め方", review.type_source),
        ("立場", review.side),
        ("当事者", review.sides),
        ("プレイブック", f"{review.type} {review.playbook_version}"),
        ("データ基準日", review.as_of),
        ("指摘", counts),
        ("判断", f"{decided}、未判断 {len(ids) - len(chosen)} 件"),
        ("欠落している条項", "、".join(f.topic for f in review.findings if f.kind == "欠落")),
        ("条項", "、".join(review.clauses)),
    ]
    rows += [("読み取りの注意", warning) for warning in review.warnings]
    rows += [(f"不可視テキスト（{reason}）", text) for reason, text in review.hidden]
    rows += [("確かめること", f"{r.text} {_cited(r.basis)}".strip()) for r in review.reminders]
    return [*rows, ("契約書の照合値", review.document_sha256)]


def _cited(basis: Sequence[Basis]) -> str:
    return "、".join(f"{b.label}（{b.status}）" for b in basis)
