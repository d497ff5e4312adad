"""``homutune deliver video``: record the running application by a script."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homutune.cli._console import note, print_json, tell
from homutune.cli._options import AsJson
from homutune.errors import UserError


def video(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="台本（YAML）。")] = Path(
        "deliverables/demo.yaml"
    ),
    target: Annotated[Path, typer.Option("--out", help="保存先（.mp4）。")] = Path(
        "deliverables/demo.mp4"
    ),
    url: Annotated[
        str | None, typer.Option(help="画面のアドレス。省くと設定の接続先の画面。")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """動いている画面を台本のとおりに操作し、音声と字幕のついた動画にします。

    先に別の端末で homutune serve を実行してください。音声は外に送らずにこの機械で作ります。
    台本の場面・文・操作は、文章を直すだけで変えられます。
    """
    from homutune.deliver import make_video, newest_places, read_script
    from homutune.settings import load_settings

    if target.suffix.lower() != ".mp4":
        raise UserError("保存先の拡張子は .mp4 です。", file=target, remedy="--out demo.mp4")
    settings = load_settings()
    base = (url or settings.base_url.rstrip("/").removesuffix("/v1")).rstrip("/")
    _require(base)
    places = {"project": str(Path.cwd()), **newest_places(settings)}
    media = make_video(read_script(script), target, base_url=base, places=places, progress=note)
    if as_json:
        print_json(
            {
                "video": str(target.resolve()),
                "captions": str(target.with_suffix(".srt").resolve()),
                "seconds": media.seconds,
                "bytes": media.bytes,
            }
        )
        return
    tell(f"{target}  {media.summary}")


def _require(base: str) -> None:
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        with urlopen(base + "/", timeout=10):
            return
    except HTTPError:
        return  # it answers; what the page says is for the script to see
    except (URLError, OSError, ValueError):
        raise UserError(
            f"画面（{base}）が開けません。", remedy="別の端末で homutune serve を実行してください。"
        ) from None
