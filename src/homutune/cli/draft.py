"""``homutune draft``: fill a template, check the result, write it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from homutune.cli._console import note, out, print_json, tell
from homutune.cli._options import AsJson
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.assistant import CertifiedLetter, Draft, Review, Template

_SUFFIXES = (".docx", ".txt", ".md")


def draft(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="[種類]", help="書類の種類。省くと一覧を表示します。"),
    ] = None,
    side: Annotated[
        str | None,
        typer.Option(metavar="<立場>", help="自社の立場（例: 受託者）。文例が変わります。"),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option(metavar="<YAML>", help="回答のファイル。省くと一つずつ尋ねます。")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="<項目=値>", help="回答を一つ加え、または置き換えます。"),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="<条=文言>", help="条の文言を選びます（例: kikan=更新なし）。"
        ),
    ] = None,
    form: Annotated[
        bool, typer.Option("--form", help="書き込み用の YAML を表示して終わります。")
    ] = False,
    target: Annotated[
        Path | None, typer.Option("--out", help="保存先（.docx・.txt・.md）。")
    ] = None,
    templates: Annotated[
        Path | None, typer.Option(help="ひな形のフォルダー。省くと同梱のもの。")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """ひな形とプレイブックの文例から、契約書・通知・社内回答メモを下書きし、整合を確かめます。

    例: homutune draft nda --form > 回答.yaml
    例: homutune draft nda --side 受領側 --answers 回答.yaml --out 契約書.docx
    """
    from homutune.assistant import certified_letter, load_playbooks, load_templates
    from homutune.assistant import draft as make
    from homutune.assistant import write_draft as write

    known = load_templates(templates)
    if kind is None:
        _list(known, as_json)
        return
    template = _find(known, kind)
    if form:
        from homutune.assistant import form_text

        sys.stdout.write(form_text(template))
        return
    _check_target(target)
    playbooks = load_playbooks()
    made = make(
        template,
        _answers(template, answers, values or []),
        playbook=playbooks.get(template.type),
        side=side,
        options=dict(_pair(text, "--option kikan=更新なし") for text in options or []),
    )
    letter = certified_letter(made.text) if template.certified else None
    review = _own_review(made) if template.kind == "契約書" else None
    if target is not None:
        write(target, made, letter)
    if as_json:
        print_json(_as_dict(made, letter, review))
        return
    _show(made, letter, review, template, printed=target is None)
    if target is not None:
        tell(f"保存しました: {target.resolve()}")


def _find(known: dict[str, Template], kind: str) -> Template:
    for name, template in known.items():
        if kind in (name, template.title):
            return template
    listed = "、".join(f"{name}（{template.title}）" for name, template in known.items())
    raise UserError(f"書類の種類「{kind}」はありません。", remedy=f"使えるのは {listed} です。")


def _list(known: dict[str, Template], as_json: bool) -> None:
    if as_json:
        print_json([{"type": t.type, "title": t.title, "kind": t.kind} for t in known.values()])
        return
    table = Table("種類", "書類", "区分", "項目の数", "文言を選べる条")
    for template in known.values():
        choices = (f"{c.id}={'・'.join(c.options)}" for c in template.clauses if c.options)
        table.add_row(
            template.type,
            template.title,
            template.kind,
            str(len(template.fields)),
            "\n".join(choices),
        )
    out.print(table)
    tell("書き込み用の形: homutune draft 種類 --form > 回答.yaml")


def _check_target(target: Path | None) -> None:
    if target is not None and target.suffix not in _SUFFIXES:
        raise UserError(
            "保存先の拡張子は .docx・.txt・.md のどれかです。",
            remedy="--out 契約書.docx の形で指定してください。",
            file=target,
        )


def _pair(text: str, example: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name.strip():
        raise UserError(f"「{text}」を読めません。", remedy=f"{example} の形で指定してください。")
    return name.strip(), value.strip()


def _answers(template: Template, path: Path | None, values: list[str]) -> dict[str, Any]:
    from homutune.assistant import read_answers

    given = read_answers(path) if path else {}
    given.update(_pair(text, "--set fee=1000000") for text in values)
    if path is None and not values:
        if not sys.stdin.isatty():
            raise UserError(
                "回答がありません。",
                remedy=f"homutune draft {template.type} --form > 回答.yaml で形を作り、書き込んで"
                " --answers 回答.yaml を付けてください。",
            )
        given = _ask(template)
    return given


def _ask(template: Template) -> dict[str, str]:
    """Put every question of the form until it is answered well."""
    from homutune.assistant import parse_answer

    given: dict[str, str] = {}
    yes: set[str] = set()
    for field in template.fields:
        if field.when and field.when not in yes:
            continue
        hint = "・".join(field.choices) or (f"例: {field.example}" if field.example else "")
        question = field.label + (f"（{hint.replace(chr(10), ' ')}）" if hint else "")
        while True:
            text = typer.prompt(question, default=field.default or "", show_default=True, err=True)
            try:
                value = parse_answer(field, text)
            except ValueError as error:
                note(str(error), style="yellow")
                continue
            given[field.name] = text
            if value is True:
                yes.add(field.name)
            break
    return given


def _own_review(made: Draft) -> Review:
    """The draft compared with the playbook it was made from."""
    from homutune.assistant import load_playbooks, review_document, text_document

    document = text_document(f"{made.title}.txt", made.text)
    return review_document(document, load_playbooks(), contract_type=made.type, side=made.side)


def _as_dict(made: Draft, letter: CertifiedLetter | None, review: Review | None) -> dict[str, Any]:
    return {
        **asdict(made),
        "sheets": letter and [list(sheet) for sheet in letter.sheets],
        "warnings": list(letter.warnings) if letter else [],
        "findings": [asdict(finding) for finding in review.findings] if review else [],
        "basis": _basis(made),
    }


def _basis(made: Draft) -> list[dict[str, Any]]:
    """The articles that a letter or memo names, each with its verdict."""
    from homutune.assistant import legal_basis

    return [asdict(basis) for basis in legal_basis((made.text,))]


def _show(
    made: Draft,
    letter: CertifiedLetter | None,
    review: Review | None,
    template: Template,
    *,
    printed: bool,
) -> None:
    from homutune.assistant import letter_text

    if printed:
        tell(letter_text(letter).replace("\f", "（次の用紙）\n") if letter else made.text)
    for clause, option in made.options.items():
        title = next(c.title for c in template.clauses if c.id == clause)
        tell(f"選んだ文言: {title}（{clause}）＝{option}")
    for problem in made.problems:
        note(f"整合: {problem}", style="yellow")
    for warning in letter.warnings if letter else ():
        note(warning, style="yellow")
    if letter:
        lines = sum(map(len, letter.sheets))
        tell(
            f"内容証明の形式: 1 行 20 字以内・1 枚 26 行以内（{len(letter.sheets)} 枚、{lines} 行）"
        )
    if review is not None:
        tell(
            f"プレイブック {made.type} {made.playbook_version}（{made.side}）との差異:"
            f" {len(review.findings)} 件"
        )
        for finding in review.findings:
            note(f"[{finding.priority}] {finding.topic}: {finding.gap}", style="yellow")
    for basis in _basis(made) if template.kind == "メモ" else []:
        out.print(Text(f"根拠: {basis['label']}（{basis['status']}）"), soft_wrap=True)
    for text in made.notes:
        tell(f"留意点: {text}")
    tell(
        "自動で組み立てた下書きです。弁護士等が自ら精査・修正してから使ってください。"
        "法的助言・鑑定ではありません。",
        style="dim",
    )
