"""PDF with text: read by pdfium in a process of its own, with limits."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from homutune.assistant._document import Builder, Document
from homutune.errors import UserError

_SECONDS = 60
_OCR = (
    "OCR で文字を付けてください（例: ocrmypdf -l jpn 元.pdf 先.pdf、"
    "または Acrobat の「テキスト認識」）。"
)
_REASONS = {"white": "白い文字", "tiny": "1 ポイント以下の文字", "unpainted": "描かれない文字"}
#: Page numbers and the like: - 3 -, 3/12, ページ 3.
_FURNITURE = re.compile(
    r"\s*(?:[-–—]\s*)?(?:ページ\s*)?[0-9０-９]{1,3}(?:\s*[/／]\s*[0-9０-９]{1,3})?\s*(?:[-–—]\s*)?"
)


def read_pdf(path: Path) -> Document:
    """The text of a PDF; invisible text is noted as hidden.

    Raises:
        UserError: a password, no text (a scan), damaged, or too much for the limits.
    """
    command = [sys.executable, "-m", "homutune.assistant._pdf_worker", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise UserError(
            f"PDF を {_SECONDS} 秒で読み終えられませんでした。",
            remedy="PDF を印刷し直す（PDF として保存）か、Word 形式で渡してください。",
            file=path,
        ) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {"error": "broken"}
    error = answer.get("error")
    if error == "missing":
        raise UserError(
            "PDF を読む部品（pypdfium2）が入っていません。",
            remedy='pip install "homutune[assistant]" を実行してください。',
        )
    if error == "password":
        raise UserError(
            "パスワードで保護された PDF です。",
            remedy="パスワードを外して保存し直してください。",
            file=path,
        )
    if error:
        raise UserError(
            "PDF が壊れているか、大きすぎて読めません。",
            remedy="PDF を作り直すか、Word 形式で渡してください。",
            file=path,
        )
    return _build(path, answer["pages"])


def _build(path: Path, pages: list[dict[str, object]]) -> Document:
    builder = Builder()
    texts = [str(page["text"]) for page in pages]
    visible = 0
    reasons: list[list[str]] = []
    for page in pages:
        runs = page["hidden"]
        assert isinstance(runs, list)
        marks = [""] * len(str(page["text"]))
        for start, end, reason in runs:
            marks[start:end] = [reason] * (end - start)
        reasons.append(marks)
        visible += sum(not mark for mark in marks)
    total = sum(len(re.sub(r"\s", "", text)) for text in texts)
    if total < 20 * max(1, len(texts)) and total < 200:
        raise UserError("文字情報のない PDF（スキャン画像）です。", remedy=_OCR, file=path)
    if visible < 0.3 * total:
        # A scan with the layer an OCR program lays under the picture: that is the text.
        builder.warnings.append(
            "OCR で付けた文字を読みました。読み違いがありうるため、原本と見比べてください。"
        )
        reasons = [[""] * len(text) for text in texts]
    empty = [number for number, text in enumerate(texts, 1) if not text.strip()]
    if empty:
        listed = "、".join(map(str, empty[:10]))
        builder.warnings.append(f"文字のないページがあります（{listed} ページ）。{_OCR}")
    for number, (text, marks) in enumerate(zip(texts, reasons, strict=True), start=1):
        part = f"ページ{number}"
        for line in re.finditer(r"[^\r\n]+", text):
            if _FURNITURE.fullmatch(line[0]):
                continue
            for run in re.finditer(r"(?s)(.)\1*", _classes(marks, *line.span())):
                start, end = line.start() + run.start(), line.start() + run.end()
                if reason := marks[start]:
                    builder.hide(text[start:end], _REASONS[reason], part)
                else:
                    builder.add(text[start:end], part, number - 1, start)
            builder.close()
    return builder.build(path, "pdf")


def _classes(marks: list[str], start: int, end: int) -> str:
    """One letter for each character: which of the reasons it is hidden for, if any."""
    letters = {reason: chr(65 + index) for index, reason in enumerate(["", *_REASONS])}
    return "".join(letters[mark] for mark in marks[start:end])
