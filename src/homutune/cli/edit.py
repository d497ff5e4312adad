"""``homutune edit``: change a contract by instruction or by hand, as tracked changes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.panel import Panel
from rich.text import Text

from homutune.cli._console import note, out, print_json, tell, tell_sending
from homutune.cli._options import AsJson, ChangeAuthor, ModelName, NoExternal
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.assistant import Clause, Document, EditChecks, ProposedEdit


def edit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="契約書（docx）。")],
    target: Annotated[Path, typer.Option("--out", help="変更履歴付きの写し（.docx）の保存先。")],
    instruction: Annotated[
        str | None, typer.Option(metavar="<指示>", help="モデルに求める修正。日本語で書きます。")
    ] = None,
    replaces: Annotated[
        list[str] | None,
        typer.Option(
            "--replace", metavar="<旧=新>", help="モデルを使わず、文言をそのまま置き換えます。"
        ),
    ] = None,
    clause: Annotated[
        str | None, typer.Option(metavar="<条>", help="直す条（例: 第5条）。省くと全体。")
    ] = None,
    model: ModelName = "latest",
    no_external: NoExternal = False,
    author: ChangeAuthor = "法務チューン",
    as_json: AsJson = False,
) -> None:
    """指示に沿った修正案を作り、変更履歴（Word で承諾・却下できる形）にして保存します。

    例: homutune edit 契約書.docx --instruction "支払期日を30日以内に" --out 修正案.docx

    例: homutune edit 契約書.docx --replace 60日=30日 --out 修正案.docx

    契約書の中の文は指示として扱いません。契約書にない文言を引いた修正案は除きます。
    """
    from homutune.assistant import check_edits, find_clauses, read_document, write_edits

    pairs = [_pair(text) for text in replaces or []]
    _check(file, target, instruction, pairs)
    document = read_document(file)
    if document.format != "docx":
        raise UserError(
            "変更履歴付きの Word ファイルは、docx の契約書からだけ作れます。",
            remedy="契約書を docx で渡してください。",
            file=file,
        )
    clauses = find_clauses(document, clause) if clause else ()
    proposed, dropped, answered_by = _by_hand(document, pairs, clauses), 0, ""
    if instruction is not None:
        asked, dropped, answered_by = _by_model(
            document, instruction, clauses, model, no_external=no_external
        )
        proposed += asked
    reasons = write_edits(target, document, proposed, author=author)
    applied = [p for p, reason in zip(proposed, reasons, strict=True) if reason is None]
    if not applied:
        listed = "、".join(dict.fromkeys(reason for reason in reasons if reason))
        raise UserError(
            f"修正案を変更履歴にできませんでした（{listed}）。何も保存していません。",
            remedy="直す文言を短くするか、Word で直してください。",
            file=file,
        )
    checks = check_edits(document, applied)
    warnings = _warnings(document)
    if as_json:
        print_json(
            {
                "file": str(target.resolve()),
                "model": answered_by,
                "edits": [
                    {**asdict(p), "applied": reason is None, "not_applied": reason}
                    for p, reason in zip(proposed, reasons, strict=True)
                ],
                "dropped": dropped,
                **asdict(checks),
                "warnings": warnings,
            }
        )
        return
    for warning in warnings:
        note(warning, style="yellow")
    for number, (one, reason) in enumerate(zip(proposed, reasons, strict=True), start=1):
        out.print(_card(number, one, reason, answered_by))
    if dropped:
        note(
            f"契約書の一か所に定まらない文言を引いた修正案など {dropped} 件は除きました。",
            style="yellow",
        )
    _show_checks(checks)
    tell(f"変更履歴付きの写しを保存しました（反映 {len(applied)} 件）: {target.resolve()}")
    tell("修正案は下書きです。Word で一つずつ確かめてから承諾してください。", style="dim")


def _pair(text: str) -> tuple[str, str]:
    old, mark, new = text.partition("=")
    if not mark or not old:
        raise UserError(
            f"「{text}」を読めません。", remedy="--replace 60日=30日 の形で指定してください。"
        )
    return old, new


def _check(file: Path, target: Path, instruction: str | None, pairs: list[tuple[str, str]]) -> None:
    if instruction is None and not pairs:
        raise UserError(
            "修正の指示がありません。",
            remedy='--instruction "支払期日を30日以内に" か --replace 旧=新 を付けてください。',
        )
    if instruction is not None and not instruction.strip():
        raise UserError("修正の指示が空です。", remedy="--instruction に指示を書いてください。")
    if target.suffix != ".docx" or target.resolve() == file.resolve():
        raise UserError(
            "変更履歴付きの写しは、契約書とは別の名前の .docx に保存します。",
            remedy="--out 修正案.docx の形で指定してください。",
            file=target,
        )


def _by_hand(
    document: Document, pairs: list[tuple[str, str]], clauses: tuple[Clause, ...]
) -> list[ProposedEdit]:
    from homutune.assistant import literal_edits

    return [found for old, new in pairs for found in literal_edits(document, old, new, clauses)]


def _by_model(
    document: Document,
    instruction: str,
    clauses: tuple[Clause, ...],
    name: str,
    *,
    no_external: bool,
) -> tuple[list[ProposedEdit], int, str]:
    """Proposals, how many were dropped, and who was asked.

    Raises:
        UserError: no model answers, or none of its proposals can be used.
    """
    from homutune.assistant import EDIT_SCHEMA, LegalModel, SchemaAsker, propose_edits

    with LegalModel(name, no_external=no_external) as model:
        tell_sending(model, "契約書の本文")
        answering = model.resolve()
        ask = SchemaAsker(model, EDIT_SCHEMA, 1200)
        proposed, dropped = propose_edits(document, instruction, ask, clauses)
    unread = f"決まった形でない回答 {ask.unread} 回" if ask.unread else ""
    if not proposed:
        why = "、".join(
            text
            for text in (f"契約書と合わない修正案 {dropped} 件" * bool(dropped), unread)
            if text
        )
        raise UserError(
            f"モデル（{answering}）から使える修正案が得られませんでした"
            f"（{why or '修正案は 0 件でした'}）。何も保存していません。",
            remedy="指示を具体的にし、--clause で条を絞るか、別のモデルを指定してください。"
            "文言が決まっていれば --replace 旧=新 で直せます。",
        )
    if unread:
        note(f"{unread}は読めませんでした。その部分は直していません。", style="yellow")
    return list(proposed), dropped, answering


def _warnings(document: Document) -> list[str]:
    from homutune.assistant import addressed_warnings

    hidden = [f"不可視テキスト警告（{h.reason}）: {h.text[:200]}" for h in document.hidden]
    return [*document.warnings, *hidden, *addressed_warnings(document)]


def _card(number: int, one: ProposedEdit, reason: str | None, model: str) -> Panel:
    source = f"モデル（{model}）" if one.source == "モデル" else one.source
    rows: list[tuple[str, Any]] = [
        ("元の文言", f"「{one.quote}」"),
        ("修正案", f"「{one.edit.text}」" if one.edit.text else "（削除）"),
        ("理由", one.reason),
        ("反映していません", reason),
    ]
    body = Text()
    for name, value in rows:
        if value:
            body.append(f"{name}：", "bold")
            body.append(f"{value}\n")
    body.append(f"出所：{source}", "dim")
    return Panel(body, title=Text(f"{number}. {one.clause}", "bold"), title_align="left")


def _show_checks(checks: EditChecks) -> None:
    for problem in checks.problems:
        note(f"整合（この修正で生じたもの）: {problem}", style="bold yellow")
    for problem in checks.before:
        note(f"整合（元の契約書にもあるもの）: {problem}", style="yellow")
    if not checks.problems:
        tell("整合の検査: この修正で生じた問題は見つかりませんでした。")
    for basis in checks.basis:
        tell(f"条文: {basis.label}（{basis.status}）")
