"""``homutune review``: compare a contract with a playbook and keep what was decided."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from homutune.cli._console import note, out, print_json, tell, tell_sending
from homutune.cli._options import (
    PRIORITY_STYLES,
    AsJson,
    ChangeAuthor,
    ContractType,
    NoExternal,
    OurParty,
    OurSide,
    PlaybookFolder,
    check_party,
)
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.assistant import Applied, Decision, Document, Finding, Opinion, Review


def review(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="契約書（docx・pdf・txt・md・html）。")
    ],
    contract_type: ContractType = None,
    side: OurSide = None,
    party: OurParty = None,
    template: Annotated[
        str | None,
        typer.Option(
            metavar="<ひな形>", help="自社のひな形と比べます（取り込んだ名前、またはファイル）。"
        ),
    ] = None,
    playbooks: PlaybookFolder = None,
    decisions: Annotated[
        list[str] | None,
        typer.Option(
            "--decide",
            metavar="<番号=判断>",
            help="採用・修正・却下・保留（例: 3=却下:理由、4=修正:文言）。",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="<モデル名>", help="モデルの意見も求めます（規則の指摘とは別に示します）。"
        ),
    ] = None,
    no_external: NoExternal = False,
    target: Annotated[
        Path | None,
        typer.Option("--out", help="保存先（.html・.json・.xlsx・.docx＝コメント付きの写し）。"),
    ] = None,
    imported: Annotated[
        Path | None,
        typer.Option("--import", help="判断を書き込んだ Excel（--out で書き出したもの）。"),
    ] = None,
    redline: Annotated[
        Path | None,
        typer.Option(help="採用・修正した文言を変更履歴にした写し（.docx）の保存先。"),
    ] = None,
    author: ChangeAuthor = "法務チューン",
    as_json: AsJson = False,
) -> None:
    """契約書をプレイブックと比べ、差異・欠落条項・文例・根拠を示します。

    例: homutune review 契約書.docx --side 受託者 --out 結果.html
    """
    from homutune.assistant import (
        DISCLAIMER,
        DISPUTE,
        decide,
        load_decisions,
        load_playbooks,
        read_decisions,
        read_document,
        review_document,
        save_review,
        write_adopted,
        write_comments,
        write_excel,
        write_html,
    )
    from homutune.settings import load_settings

    check_party(party)
    _check_target(file, target)
    _check_redline(file, redline)
    home = load_settings().home
    document = read_document(file)
    if template is not None:
        result = _compare(home, document, template)
    else:
        books = load_playbooks(playbooks)
        result = review_document(
            document, books, contract_type=contract_type, side=side, party=party
        )
    failure = None
    if model is not None:
        try:
            result = _with_opinions(document, result, model, no_external)
        except UserError as error:  # the findings of the rules are shown all the same
            failure = error
    decided = load_decisions(home, result)
    if imported is not None:
        found, remarks = read_decisions(imported, result)
        decided |= found
        for remark in remarks:
            note(remark, style="yellow")
        note(f"判断 {len(found)} 件を取り込みました。")
    for text in decisions or []:
        finding_id, decision = decide(result, text)
        decided[finding_id] = decision
    save_review(home, result, decided)
    summary = {
        "disclaimer": DISCLAIMER + DISPUTE,
        "counts": result.counts,
        **asdict(result),
        "decisions": {key: asdict(value) for key, value in decided.items()},
    }
    if target is not None:
        if target.suffix == ".docx":
            write_comments(target, document, result, decided)
        elif target.suffix == ".json":
            import json

            from homutune.files import write_atomic

            write_atomic(target, json.dumps(summary, ensure_ascii=False, indent=2))
        elif target.suffix == ".xlsx":
            write_excel(target, result, decided)
        else:
            write_html(target, result, decided)
    applied = []
    if redline is not None:
        applied = write_adopted(redline, document, result, decided, author=author)
        summary["redline"] = [
            {"finding": a.finding.id, "applied": a.reason is None, "reason": a.reason}
            for a in applied
        ]
    if as_json:
        print_json(summary)
        if failure is not None:
            raise failure
        return
    _print_review(result, decided)
    tell(DISCLAIMER + DISPUTE + f"データ基準日 {result.as_of}。", style="dim")
    if target is not None:
        tell(f"保存しました: {target.resolve()}")
    if redline is not None:
        _tell_redline(redline, result, applied)
    if failure is not None:
        raise failure


def _compare(home: Path, document: Document, template: str) -> Review:
    """Against a template by its name, or straight against a file."""
    from homutune.assistant import (
        compare_template,
        imported_template_folder,
        load_template,
        read_document,
        read_template,
    )

    file = Path(template)
    if file.suffix and file.is_file():
        return compare_template(document, read_template(read_document(file)))
    path = imported_template_folder(home) / f"{file.name}.yaml"
    return compare_template(document, load_template(path))


def _with_opinions(document: Document, review: Review, name: str, no_external: bool) -> Review:
    """Ask the model page by page, over the API of the settings."""
    from homutune.assistant import OPINION_SCHEMA, LegalModel, SchemaAsker, add_opinions

    with LegalModel(name, no_external=no_external) as model:
        tell_sending(model, "契約書の本文")
        ask = SchemaAsker(model, OPINION_SCHEMA, 800)
        advised = add_opinions(document, review, ask, model.resolve())
    if ask.unread:
        note(f"モデルの回答のうち {ask.unread} 回分は、決まった形でないため読めませんでした。")
    return advised


def _tell_redline(path: Path, review: Review, applied: list[Applied]) -> None:
    """What stands in the copy as a tracked change and what does not, by number of the finding."""
    numbers = {finding.id: number for number, finding in enumerate(review.findings, start=1)}
    done = sum(one.reason is None for one in applied)
    tell(f"変更履歴付きの写しを保存しました（反映 {done} 件）: {path.resolve()}")
    if not applied:
        note("採用・修正とした指摘がないため、変更はありません。--decide で判断してください。")
    for one in applied:
        if one.reason is not None:
            number = numbers[one.finding.id]
            note(f"反映していません: {number}. {one.finding.topic}（{one.reason}）", style="yellow")
    if done:
        tell(
            "文例の当事者名・用語・条番号が契約書と合うかを、Word で確かめてから承諾してください。"
        )


def _check_redline(file: Path, redline: Path | None) -> None:
    if redline is None:
        return
    if redline.suffix != ".docx" or redline.resolve() == file.resolve():
        raise UserError(
            "変更履歴付きの写しは、契約書とは別の名前の .docx に保存します。",
            remedy="--redline 修正案.docx の形で指定してください。",
            file=redline,
        )


def _check_target(file: Path, target: Path | None) -> None:
    if target is None:
        return
    if target.suffix not in (".html", ".json", ".xlsx", ".docx"):
        raise UserError(
            "保存先の拡張子は .html・.json・.xlsx・.docx のどれかです。",
            remedy="--out 結果.html の形で指定してください。",
            file=target,
        )
    if target.resolve() == file.resolve():
        raise UserError(
            "契約書そのものには上書きしません。",
            remedy="別の名前を --out に指定してください。",
            file=target,
        )


def _print_review(review: Review, decisions: dict[str, Decision]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    counts = "、".join(f"{priority} {count} 件" for priority, count in review.counts.items())
    for name, value in (
        ("契約類型", f"{review.title}（{review.type_source}）"),
        ("立場", review.side and f"{review.side}（{review.sides}）"),
        ("プレイブック", f"{review.type} {review.playbook_version}"),
        ("指摘", counts),
    ):
        if value:
            table.add_row(Text(name, "bold"), Text(value))
    out.print(table)
    for warning in review.warnings:
        note(warning, style="yellow")
    for reason, text in review.hidden:
        note(f"不可視テキスト警告（{reason}）: {text}", style="bold yellow")
    for number, finding in enumerate(review.findings, start=1):
        out.print(_card(number, finding, decisions.get(finding.id)))
    if not review.findings:
        tell("プレイブックとの差異は見つかりませんでした（ルールにない問題は見ていません）。")
    for opinion in review.opinions:
        out.print(_opinion_card(opinion, review.model))
    if review.model:
        note(
            f"モデルの意見 {len(review.opinions)} 件（{review.model}。内容は確かめていません）。"
            f"契約書にない文言を引いた {review.opinions_dropped} 件は除きました。"
        )
    for reminder in review.reminders:
        basis = "、".join(f"{b.label}（{b.status}）" for b in reminder.basis)
        tell(f"確かめること: {reminder.text}{'　' + basis if basis else ''}")


def _opinion_card(opinion: Opinion, model: str) -> Panel:
    body = Text()
    rows = [
        ("契約の文言", f"「{opinion.quote.strip()}」"),
        ("意見", opinion.remark),
        ("挙げた条文", "、".join(f"{b.label}（{b.status}）" for b in opinion.basis)),
    ]
    for name, value in rows:
        if value:
            body.append(f"{name}：", "bold")
            body.append(f"{value}\n")
    body.append(f"出所：モデル（{model}）", "dim")
    place = f"（{opinion.clause}）" if opinion.clause else ""
    return Panel(body, title=Text(f"モデルの意見{place}", "bold magenta"), title_align="left")


def _card(number: int, finding: Finding, decision: Decision | None) -> Panel:
    body = Text()
    rows = [
        ("差異", finding.gap),
        ("契約の文言", finding.quote and f"「{finding.quote.strip()}」"),
        ("標準", finding.playbook_says),
        ("譲歩案", finding.fallback),
        ("留意点", finding.note),
        ("文例", finding.sample),
        ("根拠", "、".join(f"{b.label}（{b.status}）" for b in finding.basis)),
        ("判断", decision and f"{decision.choice} {decision.comment}{decision.wording}".strip()),
    ]
    for name, value in rows:
        if value:
            body.append(f"{name}：", "bold")
            body.append(f"{value}\n")
    body.append(f"出所：{finding.source}（{finding.rule}）", "dim")
    place = f"（{finding.clause}）" if finding.clause else ""
    title = Text(
        f"{number}. [{finding.priority}] {finding.topic}{place}", PRIORITY_STYLES[finding.priority]
    )
    return Panel(body, title=title, title_align="left", border_style="dim")
