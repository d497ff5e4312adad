"""``homutune deliver``: the report, the demo video, the bundle, and what is fulfilled."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homutune.cli._console import note, out, print_json, tell
from homutune.cli._data_load import examples
from homutune.cli._deliver_video import video
from homutune.cli._options import AsJson
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.deliver import Fulfilment, Scene

app = typer.Typer(
    help="提出物（レポート・動画・zip）を作り、課題がそろったかを確かめます。",
    epilog=examples(
        "homutune deliver report                 レポートを書く（Markdown・Word・PDF）",
        "homutune deliver video                  デモ動画を録画する",
        "homutune deliver check                  すべての課題の証拠を確かめる",
        "homutune deliver bundle                 提出用の zip を作る",
    ),
    no_args_is_help=True,
    add_completion=False,
)

REPORT = Path("deliverables/report.md")
VIDEO = Path("deliverables/demo.mp4")
ReportPath = Annotated[Path, typer.Option("--report", help="レポート（Markdown）。")]
VideoPath = Annotated[Path, typer.Option("--video", help="デモ動画。")]
Project = Annotated[Path, typer.Option(help="プロジェクトのフォルダー。")]


@app.command(
    "report",
    epilog=examples(
        "homutune deliver report",
        "homutune deliver report --out deliverables/report.docx",
        "homutune deliver report --source deliverables/report.md --out deliverables/report.pdf",
    ),
)
def report(
    target: Annotated[Path, typer.Option("--out", help="保存先（.md・.docx・.pdf）。")] = REPORT,
    model: Annotated[str, typer.Option(help="学習したモデルの名前、または latest。")] = "latest",
    source: Annotated[
        Path | None, typer.Option(help="手で直した Markdown。数字を入れ直さずに変換します。")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """保存した実行の数字でレポート（800〜1,200 字）を書きます。ない数字は「未測定」です。"""
    from homutune.deliver import UNMEASURED, check_report, write_report_text, write_text_as
    from homutune.settings import load_settings

    if source is None:
        text = write_report_text(load_settings(), model)
    else:
        try:
            text = source.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise UserError(
                "レポートを読めません。",
                file=source,
                remedy="UTF-8 の Markdown を指定してください。",
            ) from None
        if problems := check_report(text).problems:
            raise UserError(
                "".join(problems), file=source, remedy="直してから、もう一度実行してください。"
            )
    write_text_as(target, text)
    length, blank = check_report(text).length, text.count(UNMEASURED)
    if as_json:
        print_json({"report": str(target.resolve()), "length": length, "unmeasured": blank})
        return
    tell(f"{target}  {length} 字")
    if blank:
        note(f"「{UNMEASURED}」が {blank} か所あります。", style="yellow")


app.command("video", epilog=examples("homutune serve", "homutune deliver video"))(video)


@app.command("check", epilog=examples("homutune deliver check", "homutune deliver check --json"))
def check(
    project: Project = Path(),
    report: ReportPath = REPORT,
    video: VideoPath = VIDEO,
    as_json: AsJson = False,
) -> None:
    """すべての課題と提出課題について証拠を示します。一つでも欠けていれば終了コード 1 です。"""
    _, found = _look(project, report, video)
    missing = [item.id for item in found if not item.ok]
    if as_json:
        print_json({"ok": not missing, "requirements": [{**asdict(i), "ok": i.ok} for i in found]})
    else:
        _print(found)
        tell(f"足りないもの: {'、'.join(missing)}" if missing else "すべてそろっています。")
    if missing:
        raise typer.Exit(1)


@app.command("bundle", epilog=examples("homutune deliver bundle --out 提出.zip"))
def bundle(
    target: Annotated[Path, typer.Option("--out", help="zip の保存先。")] = Path("dist/提出.zip"),
    project: Project = Path(),
    report: ReportPath = REPORT,
    video: VideoPath = VIDEO,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="足りないものがあっても作ります。")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """学習データ・ソースコード・レポート・動画・確認表を、目録（SHA-256）つきの zip にします。"""
    from homutune.deliver import write_bundle

    scene, found = _look(project, report, video)
    missing = [item.id for item in found if not item.ok]
    if missing and not incomplete:
        if not as_json:
            _print(found)
        note(f"足りないものがあるため、作りませんでした: {'、'.join(missing)}", style="yellow")
        raise typer.Exit(1)
    made = write_bundle(scene, found, target)
    if as_json:
        print_json(
            {"bundle": str(made.path.resolve()), "files": made.files, "missing": made.missing}
        )
        return
    _print(found)
    size = made.path.stat().st_size / 1e6
    tell(f"{made.path}  {len(made.files)} ファイル、{size:.1f} MB")


def _look(project: Path, report: Path, video: Path) -> tuple[Scene, list[Fulfilment]]:
    from homutune.deliver import check_requirements, open_scene
    from homutune.settings import load_settings

    scene = open_scene(load_settings(), project, project / report, project / video)
    return scene, check_requirements(scene)


def _print(found: list[Fulfilment]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table("課題", "判定", "証拠", "場所", box=SIMPLE_HEAD, pad_edge=False)
    for item in found:
        for number, piece in enumerate(item.evidence):
            mark = "[green]○[/]" if piece.ok else "[bold red]×[/]"
            name = item.id if number == 0 else ""
            table.add_row(name, mark, _plain(piece.found), _plain(piece.where))
    out.print(table)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
