"""Deciding on drafts: one after the other, one by name, or a whole sheet in Excel."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from homutune.cli._console import note, print_json, tell
from homutune.cli._improve_common import LoopName, open_it
from homutune.cli._options import AsJson
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.improvement import Draft, Loop
    from homutune.settings import Settings

By = Annotated[str, typer.Option(help="判定した人の名前。記録に残ります。")]
DraftName = Annotated[str, typer.Argument(metavar="DRAFT", help="下書きの ID（始めだけでも可）。")]
Comment = Annotated[str, typer.Option(help="判定の理由。")]


def show(loop: LoopName = "latest", as_json: AsJson = False) -> None:
    """下書きと判定を表示します。"""
    from homutune.cli._improve_view import print_draft

    _, opened = open_it(loop)
    drafts, decisions = opened.drafts(), opened.decisions()
    if as_json:
        print_json(
            {
                "loop": opened.id,
                "drafts": [asdict(draft) for draft in drafts.values()],
                "decisions": [asdict(decision) for decision in decisions.values()],
                "applied": opened.applied,
            }
        )
        return
    for draft in drafts.values():
        print_draft(draft, decisions.get(draft.id))
        tell("")
    tell(f"{len(drafts)}件（判定待ち {len(opened.pending())}件）。")


def review(by: By, loop: LoopName = "latest") -> None:
    """判定を待つ下書きを一つずつ示し、採用・修正・却下を尋ねます。"""
    from homutune.cli._improve_view import print_draft

    settings, opened = open_it(loop)
    pending = opened.pending()
    for number, draft in enumerate(pending, 1):
        tell(f"── {number}/{len(pending)} ──", style="dim")
        print_draft(draft)
        if not _ask(settings, opened, draft, by):
            break
    tell(f"判定待ち {len(opened.pending())}件。次: homutune improve apply", style="dim")


def accept(
    draft: DraftName,
    by: By,
    comment: Comment = "",
    loop: LoopName = "latest",
    as_json: AsJson = False,
) -> None:
    """下書きをそのまま採用します。"""
    _decide(draft, "accept", by, comment, loop, as_json)


def reject(
    draft: DraftName,
    by: By,
    comment: Comment = "",
    loop: LoopName = "latest",
    as_json: AsJson = False,
) -> None:
    """下書きを却下します。"""
    _decide(draft, "reject", by, comment, loop, as_json)


def edit(
    draft: DraftName,
    by: By,
    question: Annotated[str | None, typer.Option(help="直した質問。")] = None,
    answer: Annotated[
        str | None, typer.Option(help="直した回答。省くとエディターで開きます。")
    ] = None,
    comment: Comment = "",
    loop: LoopName = "latest",
    as_json: AsJson = False,
) -> None:
    """下書きを直して採用します。直す前の回答は、DPO の「避ける回答」になります。"""
    settings, opened = open_it(loop)
    found = opened.find(draft)
    if question is None and answer is None:
        answer = _in_editor(found.example.answer)
    decision = opened.decide(
        settings.home, found, "edit", by=by, question=question, answer=answer, comment=comment
    )
    _tell(asdict(decision), as_json, f"修正して採用しました: {found.id}")


def export(
    path: Annotated[Path, typer.Option("--out", help="Excel ファイル。")] = Path("下書き.xlsx"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="同じ名前のファイルがあれば置き換えます。")
    ] = False,
    loop: LoopName = "latest",
    as_json: AsJson = False,
) -> None:
    """判定を待つ下書きを Excel に書き出します（判定の列に 採用・修正・除外 を選びます）。"""
    from homutune.improvement import write_sheet

    settings, opened = open_it(loop)
    if path.exists() and not overwrite:
        raise UserError(
            "同じ名前のファイルがすでにあります（判定が入っているかもしれません）。",
            remedy="--out で別の名前を指定するか、--overwrite を付けてください。",
            file=path,
        )
    count = write_sheet(settings.home, opened, path)
    _tell(
        {"loop": opened.id, "path": str(path.resolve()), "drafts": count},
        as_json,
        f"{path}  {count}件（{opened.id}）。判定したら homutune improve import {path}",
    )


def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="判定を書いた Excel ファイル。")],
    by: By,
    loop: LoopName = "latest",
    as_json: AsJson = False,
) -> None:
    """Excel の判定を取り込みます。もう一度取り込んでも、同じ判定は重なりません。"""
    from homutune.improvement import VERDICTS, read_sheet
    from homutune.settings import load_settings

    result = read_sheet(load_settings().home, path, by=by, loop=loop)
    if as_json:
        print_json(asdict(result))
    else:
        for decision in result.decisions:
            tell(f"{VERDICTS[decision.verdict]}: {decision.draft}")
        for text in (*result.notes, *result.refused.values()):
            note(text, style="yellow")
        tell(f"{len(result.decisions)}件の判定を取り込みました（{len(result.refused)}件は保留）。")


def add(
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="質問と回答のファイル（YAML・JSONL・CSV・Excel）。"),
    ],
    by: By,
    loop: LoopName = "latest",
    as_json: AsJson = False,
) -> None:
    """人が書いた質問と回答を、採用した分として足します。検査と評価用の質問の除外は下書きと同じです。"""
    from homutune.data import read_examples
    from homutune.improvement import add_written

    settings, opened = open_it(loop)
    decisions = add_written(settings.home, opened, read_examples(path), by=by)
    _tell(
        {"loop": opened.id, "added": [decision.draft for decision in decisions]},
        as_json,
        f"{len(decisions)}件を採用した分として足しました（{opened.id}）。"
        "次: homutune improve apply",
    )


def _decide(
    name: str,
    verdict: Literal["accept", "reject"],
    by: str,
    comment: str,
    loop: str,
    as_json: bool,
) -> None:
    settings, opened = open_it(loop)
    found = opened.find(name)
    decision = opened.decide(settings.home, found, verdict, by=by, comment=comment)
    done = "採用しました" if verdict == "accept" else "却下しました"
    _tell(asdict(decision), as_json, f"{done}: {found.id}")


def _ask(settings: Settings, loop: Loop, draft: Draft, by: str) -> bool:
    """Ask until the draft is decided or put off; False to stop."""
    while True:
        key = typer.prompt("[a]採用 [e]修正 [r]却下 [s]あとで [q]終える", default="s")[:1].lower()
        try:
            if key == "q":
                return False
            if key == "a":
                loop.decide(settings.home, draft, "accept", by=by)
            elif key == "e":
                question = _in_editor(draft.example.question)
                answer = _in_editor(draft.example.answer)
                loop.decide(settings.home, draft, "edit", by=by, question=question, answer=answer)
            elif key == "r":
                loop.decide(settings.home, draft, "reject", by=by)
            elif key != "s":
                continue
            return True
        except UserError as error:
            note(str(error), style="red")


def _in_editor(text: str) -> str | None:
    """``text`` as changed in the user's editor ($VISUAL or $EDITOR); None where it is empty.

    Raises:
        UserError: no editor could be run.
    """
    usual = "notepad" if os.name == "nt" else "vi"
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or usual
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draft.txt"
        path.write_text(text, "utf-8")
        try:
            command = [*shlex.split(editor, posix=os.name != "nt"), str(path)]
            subprocess.run(command, check=True)
        except (OSError, ValueError, subprocess.CalledProcessError):
            raise UserError(
                f"エディター（{editor}）を使えませんでした。",
                remedy="環境変数 EDITOR を設定するか、homutune improve edit の --answer を"
                "使ってください。Excel（improve export）でも直せます。",
            ) from None
        return path.read_text("utf-8-sig").strip() or None


def _tell(values: dict[str, object], as_json: bool, text: str) -> None:
    if as_json:
        print_json(values)
    else:
        tell(text)
