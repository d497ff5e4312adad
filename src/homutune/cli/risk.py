"""``homutune risk``: a register of risks, a matrix, and a calendar of deadlines."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from homutune.cli._console import note, out, print_json, tell
from homutune.cli._options import (
    PRIORITY_STYLES,
    AsJson,
    ContractType,
    OurParty,
    OurSide,
    PlaybookFolder,
    check_party,
)
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.assistant import Register

_SUFFIXES = (".html", ".xlsx", ".docx", ".svg", ".json", ".ics")


def risk(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="契約書か、計画の説明（docx・pdf・txt・md・html）。"),
    ],
    plan: Annotated[
        bool, typer.Option("--plan", help="契約書でなく、計画の説明として読みます。")
    ] = False,
    contract_type: ContractType = None,
    side: OurSide = None,
    party: OurParty = None,
    signed: Annotated[
        str | None,
        typer.Option(
            metavar="<日付>", help="締結日（2027-04-01 の形）。契約書にないときに使います。"
        ),
    ] = None,
    owners: Annotated[
        list[str] | None,
        typer.Option(
            "--owner", metavar="<分類=担当>", help="分類ごとの担当（例: 知的財産=知財部）。"
        ),
    ] = None,
    playbooks: PlaybookFolder = None,
    targets: Annotated[
        list[Path] | None,
        typer.Option(
            "--out", help="保存先（.html・.xlsx・.docx・.svg＝図・.ics＝予定表・.json）。何度でも。"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """契約書や計画からリスク登録簿・確認優先度の図・期限の予定表を作ります（規則による比較）。

    例: homutune risk 契約書.docx --side 受託者 --out 登録簿.xlsx --out 期限.ics
    例: homutune risk 企画書.txt --plan --out 登録簿.html
    """
    from homutune.assistant import (
        contract_register,
        load_playbooks,
        plan_register,
        read_document,
        write_calendar,
        write_register,
    )

    check_party(party)
    named = _owners(owners or [])
    _check_targets(file, targets or [], plan=plan)
    document = read_document(file)
    if plan:
        register = plan_register(document, owners=named)
    else:
        register = contract_register(
            document,
            load_playbooks(playbooks),
            contract_type=contract_type,
            side=side,
            party=party,
            signed=_day(signed),
            owners=named,
        )
    summary = {"disclaimer": register.notice, **asdict(register)}
    for target in targets or []:
        if target.suffix == ".ics":
            written = write_calendar(target, register.file, register.obligations)
            without = len(register.obligations) - written
            note(f"予定表に {written} 件を入れました。")
            if without:
                note(f"日付の決まらない {without} 件は、登録簿で管理してください。")
        elif target.suffix == ".json":
            import json

            from homutune.files import write_atomic

            write_atomic(target, json.dumps(summary, ensure_ascii=False, indent=2))
        else:
            write_register(target, register)
    if as_json:
        print_json(summary)
        return
    _show(register)
    tell(register.notice, style="dim")
    for target in targets or []:
        tell(f"保存しました: {target.resolve()}")


def _owners(pairs: list[str]) -> dict[str, str]:
    from homutune.assistant import load_catalogue

    known = load_catalogue().categories
    named = {}
    for text in pairs:
        category, mark, owner = text.partition("=")
        if not mark or category not in known or not owner.strip():
            raise UserError(
                f"担当「{text}」を読めません。",
                remedy=f"分類=担当 の形で書いてください（分類: {'・'.join(known)}）。",
            )
        named[category] = owner.strip()
    return named


def _check_targets(file: Path, targets: list[Path], *, plan: bool) -> None:
    for target in targets:
        if target.suffix not in _SUFFIXES:
            raise UserError(
                f"保存先の拡張子は {'・'.join(_SUFFIXES)} のどれかです。",
                remedy="--out 登録簿.xlsx の形で指定してください。",
                file=target,
            )
        if target.resolve() == file.resolve():
            raise UserError(
                "元のファイルには上書きしません。",
                remedy="別の名前を --out に指定してください。",
                file=target,
            )
        if plan and target.suffix == ".ics":
            raise UserError(
                "計画の説明からは予定表を作れません。",
                remedy="契約書を渡すか、.ics のほかの形式を指定してください。",
                file=target,
            )


def _day(text: str | None) -> datetime.date | None:
    if text is None:
        return None
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"日付「{text}」を読めません。", remedy="--signed 2027-04-01 の形で指定してください。"
        ) from None


def _show(register: Register) -> None:
    tell(
        f"{register.title}　{register.side}　{register.sides}　規則の版 {register.version}".rstrip()
    )
    table = Table("番号", "優先度", "分類", "論点", "条項", "原因", "起こりうること", "担当")
    for risk in register.risks:
        table.add_row(
            str(risk.number),
            Text(risk.priority, PRIORITY_STYLES[risk.priority]),
            *map(Text, (risk.category, risk.topic, risk.clause, risk.cause, risk.consequence)),
            Text(risk.owner),
        )
    out.print(table)
    if not register.risks:
        tell("規則に当たるものは見つかりませんでした（リスクがないことを示すものではありません）。")
    dated = sorted((o for o in register.obligations if o.date), key=lambda o: str(o.date))
    if dated:
        deadlines = Table("日付", "区分", "だれが", "内容", "時期", "条項", title="期限")
        for item in dated:
            cells = (str(item.date), item.kind, item.who, item.what, item.when, item.clause)
            deadlines.add_row(*map(Text, cells))
        out.print(deadlines)
    tell(
        f"リスク {len(register.risks)} 件、期限と義務 {len(register.obligations)} 件"
        f"（うち日付の決まるもの {len(dated)} 件）"
    )
