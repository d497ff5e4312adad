"""``homutune serve``: the local server in the foreground, and the keys of its users."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from homutune.cli._console import out, print_json, tell
from homutune.cli._options import AsJson

app = typer.Typer(invoke_without_command=True, add_completion=False)
keys = typer.Typer(
    help="利用者ごとの API キー（他のパソコンから使うときに必要です）。",
    epilog="例:\n\n  homutune serve keys add 山田\n\n  homutune serve keys revoke 山田",
    no_args_is_help=True,
    add_completion=False,
)
app.add_typer(keys, name="keys")

UserName = Annotated[str, typer.Argument(metavar="名前", help="利用者の名前。")]


@app.callback()
def serve(
    ctx: typer.Context,
    host: Annotated[
        str | None,
        typer.Option(help="待ち受けるアドレス。既定は 127.0.0.1（このパソコンだけ）。"),
    ] = None,
    port: Annotated[int | None, typer.Option(help="待ち受けるポート。既定は 8400。")] = None,
    open_page: Annotated[
        bool, typer.Option("--open", help="起動したら、画面をブラウザーで開きます。")
    ] = False,
) -> None:
    """画面と、学習・推論のサーバーを起動します。終了は Ctrl-C です。

    画面はブラウザーで開きます。このパソコンからだけ使うときは、パスワードは要りません。
    学習したモデルがまだないときは、同梱のモデル（models/）をすぐに使えるようにします。
    API は OpenAI と同じ形です（/v1/files・/v1/fine_tuning/jobs・/v1/models・
    /v1/chat/completions など）。学習中に終了しても、次に起動したときに続きから再開します。

    例:

      homutune serve

      homutune serve --port 8500

      homutune serve keys add 山田
    """
    if ctx.invoked_subcommand is not None:
        return
    from homutune.cli._console import console, note
    from homutune.deliver import install_released
    from homutune.server import serve as run_server
    from homutune.settings import load_settings
    from homutune.web import create_web

    given = {"host": host, "port": port}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host

    def announce() -> None:
        console.print(f"画面: http://{shown}:{settings.port}/")
        console.print(f"API: http://{shown}:{settings.port}/v1")
        console.print(f"保存先: {settings.home}", markup=False)
        if open_page:
            import webbrowser

            # False where there is no browser, as on a server; the address is shown above.
            webbrowser.open(f"http://{shown}:{settings.port}/")
        console.print("終了するには Ctrl-C を押してください（学習は次回の起動時に再開します）。")

    install_released(settings, progress=note)
    run_server(settings, pages=create_web, on_ready=announce)
    console.print("サーバーを終了しました。")


@keys.command("add")
def add_key(name: UserName, as_json: AsJson = False) -> None:
    """利用者のキーを作ります。キーは一度だけ表示します。"""
    from homutune.server import open_keys
    from homutune.settings import load_settings

    with open_keys(load_settings()) as stored:
        made, key = stored.add(name)
    if as_json:
        print_json({"key": key, **made._asdict()})
        return
    tell(f"{made.name} のキー: {key}")
    tell("このキーは二度と表示できません。利用者は HOMUTUNE_API_KEY に設定してください。")


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """キーの一覧を表示します（キーそのものは表示しません）。"""
    from rich.table import Table

    from homutune.server import open_keys
    from homutune.settings import load_settings

    with open_keys(load_settings()) as stored:
        found = stored.list()
    if as_json:
        print_json({"keys": [key._asdict() for key in found]})
        return
    if not found:
        tell("キーはまだありません。homutune serve keys add 名前 で作れます。")
        return
    table = Table("名前", "ID", "作成", "失効", box=None, pad_edge=False, header_style="bold")
    for key in found:
        table.add_row(key.name, key.id, _day(key.created_at), _day(key.revoked_at))
    out.print(table)


@keys.command("revoke")
def revoke_key(name: UserName, as_json: AsJson = False) -> None:
    """利用者のキーを失効させます。動いているサーバーにも、すぐに効きます。"""
    from homutune.server import open_keys
    from homutune.settings import load_settings

    with open_keys(load_settings()) as stored:
        revoked = stored.revoke(name)
    if as_json:
        print_json(revoked._asdict())
    else:
        tell(f"{revoked.name} のキーを失効させました。")


def _day(seconds: Any) -> str:
    return "" if seconds is None else time.strftime("%Y-%m-%d", time.localtime(seconds))
