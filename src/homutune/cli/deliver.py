"""``homutune deliver``: the report, the demo video, the bundle, and what is fulfilled."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homutune.cli._console import note, print_json, tell
from homutune.cli._data_load import examples
from homutune.cli._deliver_video import video
from homutune.cli._options import AsJson
from homutune.errors import UserError
from homutune.files import DiskFull

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
_STYLES = {True: "green", False: "bold red"}
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
    target: Annotated[
        Path | None,
        typer.Option(
            "--out", help="保存先（.md・.docx・.pdf）。省くと deliverables/report の 3 種類すべて。"
        ),
    ] = None,
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
    targets = [target] if target else [REPORT, REPORT.with_suffix(".docx")]
    for path in targets:
        write_text_as(path, text)
    if target is None:
        pdf = REPORT.with_suffix(".pdf")
        try:
            write_text_as(pdf, text)
            targets.append(pdf)
        except DiskFull:
            raise
        except UserError as error:  # no converter here: the other two are what was asked for
            pdf.unlink(missing_ok=True)  # an earlier one holds other figures
            note(str(error), style="yellow")
    length, blank = check_report(text).length, text.count(UNMEASURED)
    if as_json:
        files = [str(path.resolve()) for path in targets]
        print_json({"files": files, "length": length, "unmeasured": blank})
        return
    for path in targets:
        tell(f"{path}  {length} 字")
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
    scene, found = _look(project, report, video)
    missing = [item.id for item in found if not item.ok]
    if as_json:
        print_json({"ok": not missing, "requirements": [{**asdict(i), "ok": i.ok} for i in found]})
    else:
        tell(f"保存先: {scene.home}")
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
    """Each requirement in the course's words, below it what was found and where."""
    for exercise, items in groupby(found, key=lambda item: item.exercise):
        tell(f"\n{exercise}", style="bold")
        for item in items:
            tell(f"{_mark(item.ok)} {item.id} {item.requirement}", style=_STYLES[item.ok])
            for piece in item.evidence:
                style = "dim" if piece.ok else _STYLES[False]
                tell(f"    {_mark(piece.ok)} {piece.found} … {piece.where}", style=style)
    tell("")


def _mark(ok: bool) -> str:
    return "○" if ok else "×"
