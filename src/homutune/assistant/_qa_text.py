"""An answer as people read it: its forms, its marks, and the files it is written to."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from homutune.assistant._qa import Answer
from homutune.assistant._support import Sentence
from homutune.client import Form, Table, markdown_table
from homutune.data import without_sources
from homutune.errors import UserError
from homutune.files import write_atomic

#: Behind a sentence that no note bears.
MARK = "【支えなし】"
#: Heads the pair that a person accepted.
VETTED = "確認済みの回答例"
EXPORT_SUFFIXES = (".md", ".docx", ".json")


def answer_text(answer: Answer, form: Form = "文章") -> str:
    """The answer in a form, its sentences marked; laid out by rule, not by the model.

    A small model keeps the house style it was trained on and no other, and what was checked is
    what is shown.
    """
    if form == "JSON":
        return json.dumps(answer.as_dict(), ensure_ascii=False, indent=2)
    if not answer.answered:
        return answer.text
    if form == "箇条書き":
        return "\n".join(f"- {_head(s)}{marked(s, answer)}" for s in answer.sentences)
    if form == "表":
        rows = tuple(
            (
                s.heading or "―",
                s.text,
                "".join(f"[{n}]" for n in s.sources) if s.sources else "なし",
            )
            for s in answer.sentences
        )
        return markdown_table(Table(("項目", "内容", "支える資料"), rows))
    lines: list[str] = []
    heading = None
    for sentence in answer.sentences:
        if sentence.heading != heading or not lines:
            lines.append(_head(sentence))
            heading = sentence.heading
        lines[-1] += marked(sentence, answer)
    return "\n".join(lines) or without_sources(answer.text)


def marked(sentence: Sentence, answer: Answer) -> str:
    """The sentence, with :data:`MARK` where notes were there to bear it and none does."""
    return sentence.text if sentence.borne or answer.plan == "plain" else f"{sentence.text}{MARK}"


def _head(sentence: Sentence) -> str:
    return f"{sentence.heading}：" if sentence.heading else ""


def answers_markdown(answers: Sequence[Answer], title: str = "法務の質問と回答") -> str:
    """Questions, answers, notes and verdicts as Markdown."""
    parts = [f"# {_plain(title)}", ""]
    for answer in answers:
        parts += [f"## 質問：{_plain(answer.question)}", "", answer_text(answer), ""]
        if any(not s.borne for s in answer.sentences) and answer.answered:
            parts += [f"{MARK} の文は、示した資料では裏付けられません。", ""]
        shown = [s for s in answer.sources if s.cited] or list(answer.sources)
        if shown:
            rows = tuple(
                (f"[{s.number}]", s.kind, s.title, s.text, s.as_of or "不明") for s in shown
            )
            table = Table(("番号", "種類", "題名", "本文", "基準日"), rows)
            parts += ["### 根拠にした資料", "", markdown_table(table), ""]
        if answer.citations:
            verdicts = tuple((c.label, c.verdict, c.reason + c.remedy) for c in answer.citations)
            table = Table(("条文", "判定", "説明"), verdicts)
            parts += ["### 回答が挙げた条文", "", markdown_table(table), ""]
        if answer.vetted:
            example = f"質問：{_plain(answer.vetted.question)}\n\n{answer.vetted.answer}"
            parts += [f"### {VETTED}（{answer.vetted.label}）", "", example, ""]
        parts += [f"{note}" for note in answer.notes]
        model = answer.model or "（モデルには尋ねていません）"
        parts += ["", f"モデル：{model}　{answer.disclaimer}", ""]
    return "\n".join(parts)


def export_answers(path: Path, answers: Sequence[Answer], title: str = "法務の質問と回答") -> None:
    """Write answers as ``.md``, ``.docx`` or ``.json``.

    Raises:
        UserError: another suffix, nothing to write, or the place is not writable.
    """
    if not answers:
        raise UserError("書き出す回答がありません。", remedy="先に質問してください。")
    suffix = path.suffix.lower()
    if suffix == ".md":
        write_atomic(path, answers_markdown(answers, title))
    elif suffix == ".json":
        content = [answer.as_dict() for answer in answers]
        write_atomic(path, json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    elif suffix == ".docx":
        write_atomic(path, _docx(answers, title))
    else:
        raise UserError(
            f"この種類のファイルには書き出せません（{suffix or '拡張子なし'}）。",
            remedy=f"{'・'.join(EXPORT_SUFFIXES)} のどれかにしてください。",
            file=path,
        )


def _docx(answers: Sequence[Answer], title: str) -> bytes:
    import docx
    from docx.oxml.ns import qn
    from docx.shared import Pt, RGBColor

    document = docx.Document()
    style: Any = document.styles["Normal"]
    style.font.name, style.font.size = "Yu Gothic", Pt(10.5)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), "游ゴシック")
    document.add_heading(_clean(title), 0)
    for answer in answers:
        document.add_heading(_clean(f"質問：{answer.question}"), 1)
        heading = None
        paragraph = document.add_paragraph("" if answer.answered else answer.text)
        for sentence in answer.sentences if answer.answered else ():
            if sentence.heading != heading:
                heading = sentence.heading
                paragraph = document.add_paragraph()
                paragraph.add_run(_head(sentence)).bold = True
            paragraph.add_run(_clean(sentence.text))
            if marked(sentence, answer) != sentence.text:
                run = paragraph.add_run(MARK)
                run.bold, run.font.color.rgb = True, RGBColor(0xC0, 0x00, 0x00)
        shown = [s for s in answer.sources if s.cited] or list(answer.sources)
        if shown:
            document.add_heading("根拠にした資料", 2)
            _docx_table(
                document,
                ("番号", "種類", "題名", "本文", "基準日"),
                [(f"[{s.number}]", s.kind, s.title, s.text, s.as_of or "不明") for s in shown],
            )
        if answer.citations:
            document.add_heading("回答が挙げた条文", 2)
            _docx_table(
                document,
                ("条文", "判定", "説明"),
                [(c.label, c.verdict, c.reason + c.remedy) for c in answer.citations],
            )
        if answer.vetted:
            document.add_heading(_clean(f"{VETTED}（{answer.vetted.label}）"), 2)
            for line in (f"質問：{answer.vetted.question}", *answer.vetted.answer.splitlines()):
                document.add_paragraph(_clean(line))
        model = answer.model or "（モデルには尋ねていません）"
        for line in (*answer.notes, f"モデル：{model}", answer.disclaimer):
            document.add_paragraph(_clean(line))
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def _docx_table(document: Any, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = document.add_table(rows=1, cols=len(header))
    table.style = "Table Grid"
    for row in (header, *rows):
        cells = table.rows[0].cells if row is header else table.add_row().cells
        for cell, text in zip(cells, row, strict=True):
            cell.text = _clean(text)


def _clean(text: str) -> str:
    """Without the control characters XML cannot hold."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", text)


def _plain(text: str) -> str:
    return " ".join(text.split())
