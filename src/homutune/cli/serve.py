"""``homutune serve``: the local server in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    host: Annotated[
        str | None,
        typer.Option(help="待ち受けるアドレス。既定は 127.0.0.1（このパソコンだけ）。"),
    ] = None,
    port: Annotated[int | None, typer.Option(help="待ち受けるポート。既定は 8400。")] = None,
) -> None:
    """ローカルの学習・推論サーバーを起動します。終了は Ctrl-C です。

    OpenAI と同じ API（/v1/files・/v1/fine_tuning/jobs・/v1/models・/v1/chat/completions）で
    動きます。学習中に終了しても、次に起動したときに続きから再開します。

    例:

      homutune serve

      homutune serve --port 8500
    """
    from homutune.cli._console import console
    from homutune.server import serve as run_server
    from homutune.settings import load_settings

    given = {"host": host, "port": port}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host

    def announce() -> None:
        console.print(f"サーバーを起動しました: http://{shown}:{settings.port}/v1")
        console.print(f"保存先: {settings.home}", markup=False)
        console.print("終了するには Ctrl-C を押してください（学習は次回の起動時に再開します）。")

    run_server(settings, on_ready=announce)
    console.print("サーバーを終了しました。")
