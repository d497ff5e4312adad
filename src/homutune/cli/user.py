"""``homutune user``: who may sign in to the application in the browser."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import Annotated

import typer

from homutune.cli._console import out, print_json, tell
from homutune.cli._options import AsJson
from homutune.errors import UserError

app = typer.Typer(
    help="画面の利用者（他のパソコンから使うときに必要です）。",
    epilog="例:\n\n  homutune user add 山田 --role 管理者\n\n"
    "  echo パスワード | homutune user add 佐藤 --password-stdin\n\n  homutune user list\n\n"
    "  homutune user disable 山田",
    no_args_is_help=True,
    add_completion=False,
)
UserName = Annotated[str, typer.Argument(metavar="名前", help="利用者の名前。")]


@app.command("add")
def add_user(
    name: UserName,
    role: Annotated[
        str,
        typer.Option(metavar="<役割>", help="管理者・法務・閲覧（閲覧は見るだけ）。"),
    ] = "法務",
    from_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="パスワードを標準入力の 1 行目から読みます。")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """利用者を作ります。停止した利用者は、新しいパスワードで使えるように戻します。"""
    from homutune.server import open_store
    from homutune.settings import load_settings
    from homutune.web import Accounts

    password = _read(from_stdin)
    with open_store(load_settings()) as store:
        user = Accounts(store).add(name, password, role)
    if as_json:
        print_json(asdict(user))
        return
    tell(f"利用者 {user.name}（{user.role}）を作りました。")


@app.command("list")
def list_users(as_json: AsJson = False) -> None:
    """利用者の一覧を表示します。"""
    from rich.table import Table

    from homutune.server import open_store
    from homutune.settings import load_settings
    from homutune.web import Accounts

    with open_store(load_settings()) as store:
        users = Accounts(store).list()
    if as_json:
        print_json({"users": [asdict(user) for user in users]})
        return
    if not users:
        tell("利用者はまだいません。homutune user add 名前 で作れます。")
        return
    table = Table("名前", "役割", "作成", "状態", box=None, pad_edge=False, header_style="bold")
    for user in users:
        made = time.strftime("%Y-%m-%d", time.localtime(user.created_at))
        table.add_row(user.name, user.role, made, "" if user.active else "停止")
    out.print(table)


@app.command("disable")
def disable_user(name: UserName, as_json: AsJson = False) -> None:
    """利用者を停止します。サインイン中でも、すぐに使えなくなります。"""
    from homutune.server import open_store
    from homutune.settings import load_settings
    from homutune.web import Accounts

    with open_store(load_settings()) as store:
        user = Accounts(store).disable(name)
    if as_json:
        print_json(asdict(user))
    else:
        tell(f"利用者 {user.name} を停止しました。")


def _read(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UserError(
            "パスワードを尋ねられません（端末ではありません）。",
            remedy="--password-stdin を付け、標準入力で渡してください。",
        )
    password: str = typer.prompt("パスワード", hide_input=True)
    if typer.prompt("もう一度", hide_input=True) != password:
        raise UserError("二つのパスワードが違います。", remedy="もう一度実行してください。")
    return password
