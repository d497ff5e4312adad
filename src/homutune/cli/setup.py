"""``homutune init`` and ``homutune doctor``: the first two commands a newcomer runs."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homutune.cli._console import note, out, print_json, tell
from homutune.cli._options import AsJson
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.settings import Settings


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="作るフォルダ。省くと今のフォルダ。")
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """作業フォルダを作ります。すでにあるファイルは変えません。

    設定ファイルのひな形と、同梱の解説カード・Q&A の写しを置きます。
    """
    created, kept = [], []
    for target, content in _project_files(folder).items():
        if target.exists():
            kept.append(target)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        created.append(target)
    if as_json:
        print_json(
            {
                "folder": str(folder.resolve()),
                "created": [path.as_posix() for path in created],
                "kept": [path.as_posix() for path in kept],
            }
        )
        return
    for title, paths in (("作りました", created), ("残しました（変更なし）", kept)):
        if paths:
            tell(f"{title}:", style="bold")
        for path in paths:
            tell(f"  {path}")
    steps = [
        "homutune doctor        この環境を診断する",
        "homutune data check    Q&A を検査する（data/qa と data/cards は自由に編集できます）",
        "homutune data split    データセットを作る",
        "homutune serve         別の端末でサーバーを起動する",
        "homutune tune start    学習する",
    ]
    if folder != Path():
        steps.insert(0, f"cd {folder}")
    tell("次に行うこと:", style="bold")
    for step in steps:
        tell(f"  {step}")


def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="torch を読み込み、計算装置まで調べます（数秒）。")
    ] = False,
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare", help="ベースモデルと解説カードを使える形にします（初回は約 2 分）。"
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """この環境で動くかを診断し、直し方を示します。✗ があれば終了コードは 1 です。"""
    from homutune import __version__
    from homutune.cli._doctor import MARKS, examine
    from homutune.settings import load_settings

    settings = load_settings()
    if prepare:
        _prepare(settings)
    findings = examine(settings, deep=deep)
    failed = any(finding.level == "error" for finding in findings)
    if as_json:
        checks = [finding.as_dict() for finding in findings]
        print_json({"version": __version__, "ok": not failed, "checks": checks})
    else:
        tell(f"homutune {__version__} の診断", style="bold")
        for finding in findings:
            mark, style = MARKS[finding.level]
            out.print(mark, style=style, end=" ")
            tell(f"{finding.name}: {finding.message}")
            if finding.remedy:
                tell(f"   → {finding.remedy}")
    if failed:
        raise typer.Exit(1)


def _project_files(folder: Path) -> dict[Path, bytes]:
    """Every file of a new project with its content."""
    from homutune.data import corpus_path

    templates = resources.files("homutune.cli") / "templates"
    files = {
        folder / "homutune.toml": (templates / "homutune.toml").read_bytes(),
        folder / ".env.example": (templates / "env.example").read_bytes(),
        # .env holds the key; it must not slip into a repository.
        folder / ".gitignore": b".env\n",
    }
    for kind in ("cards", "qa"):
        for source in sorted((corpus_path() / kind).glob("*.yaml")):
            files[folder / "data" / kind / source.name] = source.read_bytes()
    return files


def _prepare(settings: Settings) -> None:
    try:
        from homutune.engine import BaseModels, UnknownModel
    except ImportError:
        raise UserError(
            "ローカルエンジンが入っていません。", remedy="pip install 'homutune[local]'"
        ) from None
    from homutune.cli._qa import open_library

    open_library(settings, None).prepare()
    try:
        BaseModels(settings.home).ensure(settings.base_model, progress=note)
    except UnknownModel:
        raise UserError(
            f"ベースモデル {settings.base_model} はこのエンジンにありません。",
            remedy="homutune tune models で使えるモデルを確認してください。",
        ) from None
