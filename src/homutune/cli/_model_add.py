"""``homutune model add``: a base model of one's own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Annotated

import typer

from homutune.cli._console import note, print_json, tell
from homutune.cli._options import AsJson
from homutune.errors import UserError
from homutune.files import DiskFull, is_disk_full

#: What is fetched of a repository: what :mod:`homutune.engine._import` can use.
#: Other weights beside ``model*`` are the same ones in another form.
_WANTED = ["*.json", "*.jinja", "model*.safetensors"]


def add(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Hugging Face 形式のフォルダー、GGUF ファイル、または --download とリポジトリ名。",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="ここで使う名前。省くとフォルダーやファイルの名前から。")
    ] = None,
    gguf: Annotated[
        Path | None,
        typer.Option(help="同じモデルの GGUF（回答に使う）。省くとフォルダーから作ります。"),
    ] = None,
    chat_template: Annotated[
        Path | None, typer.Option(help="会話形式（Jinja）。省くとモデルのものを使います。")
    ] = None,
    license: Annotated[
        str, typer.Option(help="重みのライセンスの名前（モデルカードに載る）。")
    ] = "",
    license_url: Annotated[str, typer.Option(help="ライセンスの URL。")] = "",
    download: Annotated[
        bool,
        typer.Option(
            "--download", help="SOURCE をリポジトリ名とみて、Hugging Face Hub から取得します。"
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """ベースモデルを加えます。学習側と回答側の計算が一致することを確かめてから使えるようにします。

    例:

      homutune model add ./Qwen3-0.6B --license Apache-2.0

      homutune model add ./model-Q4_K_M.gguf --name shanai

      homutune model add org/model --download
    """
    try:
        from homutune.engine import add_base
    except ImportError:
        raise UserError(
            "ローカルエンジンが入っていません。", remedy="pip install 'homutune[local]'"
        ) from None
    from homutune.settings import load_settings

    for path in [gguf, chat_template, *([] if download else [Path(source)])]:
        if path is not None and not path.exists():
            raise UserError(
                "ファイルまたはフォルダーがありません。",
                file=path,
                remedy="パスを確かめてください。リポジトリ名のときは --download を付けます。",
            )
    home = load_settings().home
    # A download that stopped goes on from here when it is asked for again.
    fetched = home / "cache" / "downloads" / f"models--{source.replace('/', '--')}"
    made = add_base(
        home,
        _fetch(source, fetched) if download else Path(source),
        name or _name_of(source),
        gguf=gguf,
        chat_template=chat_template,
        license=license,
        license_url=license_url,
        progress=note,
    )
    if download:
        shutil.rmtree(fetched, ignore_errors=True)
    if as_json:
        print_json({"model": made.id, "folder": str(made.path), "license": made.license})
        return
    tell(f"ベースモデル {made.id} を加えました。")
    if not license:
        tell("ライセンスが指定されていません。使い方が許されているか、配布元で確かめてください。")
    tell(f"学習: homutune tune start --model {made.id} …")


def _name_of(source: str) -> str:
    last = source.rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    return re.sub(r"[^\w.-]+", "-", last.removesuffix(".gguf"), flags=re.ASCII).strip("-.")


def _fetch(repository: str, folder: Path) -> Path:
    """The repository's files in ``folder``: its name leaves this machine, nothing else does."""
    import os

    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from huggingface_hub import snapshot_download

    note(f"Hugging Face Hub から {repository} を取得しています")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        snapshot_download(repository, local_dir=folder, allow_patterns=_WANTED)
    except Exception as error:  # the hub's, the network's and the disk's errors
        if is_disk_full(error, folder):
            raise DiskFull(
                "ディスクの空きがなくなりました。取得した分は残しています。",
                remedy="空き容量を増やしてから、同じコマンドをもう一度実行してください。"
                "続きから取得します。",
            ) from None
        raise UserError(
            f"{repository} を取得できませんでした（{type(error).__name__}）。",
            remedy="名前と接続を確かめて、もう一度実行するか（続きから取得します）、別のパソコンで取得したフォルダーを指定してください。",
        ) from None
    return folder
