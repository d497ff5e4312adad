"""The ``homutune`` command: a table of verbs, each imported only when it is called.

Typer and Rich alone cost about 0.1 s; the libraries behind the verbs cost seconds. The help
line of every verb therefore stands here, and its module is imported when the verb is run.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from homutune import __version__
from homutune.cli import _failures, _japanese


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb lives: ``attribute`` of ``module`` is a Typer app or a plain function."""

    module: str
    attribute: str
    help: str


#: In the order in which a newcomer needs them; ``--help`` keeps it.
VERBS: dict[str, Verb] = {
    "init": Verb("homutune.cli.setup", "init", "はじめに：作業フォルダと設定ファイルを作ります。"),
    "doctor": Verb("homutune.cli.setup", "doctor", "この環境で動くかを診断し、直し方を示します。"),
    "data": Verb("homutune.cli.data", "app", "Q&A の読み込み・検査・見積り・データセット作成。"),
    "law": Verb("homutune.cli.law", "app", "法令の引用の確認、条文の表示・取り込み・更新。"),
    "serve": Verb("homutune.cli.serve", "app", "画面と、学習・推論のサーバーを起動します。"),
    "user": Verb("homutune.cli.user", "app", "画面の利用者を作る・一覧・停止する。"),
    "tune": Verb("homutune.cli.tune", "app", "ファインチューニングの開始・監視・一覧。"),
    "model": Verb("homutune.cli.model", "app", "学習したモデルの書き出しとモデルカード。"),
    "eval": Verb("homutune.cli.evaluate", "app", "ベースモデルと学習後のモデルの比較評価。"),
    "improve": Verb(
        "homutune.cli.improve", "app", "弱点の分析、データの追加、再学習、前後の比較。"
    ),
    "ask": Verb("homutune.cli.ask", "ask", "法務の質問に、根拠の資料を添えて答えます。"),
    "chat": Verb("homutune.cli.chat", "chat", "続けて質問します（履歴の保存・書き出し）。"),
    "cards": Verb("homutune.cli.cards", "app", "自社カード（資料）の追加・一覧・削除。"),
    "playbook": Verb(
        "homutune.cli.playbook", "app", "プレイブックの一覧、自社のひな形の取り込み。"
    ),
    "review": Verb("homutune.cli.review", "review", "契約書をプレイブックと比べます。"),
    "risk": Verb("homutune.cli.risk", "risk", "契約書や計画のリスク登録簿と期限の予定表。"),
    "draft": Verb("homutune.cli.draft", "draft", "契約書・通知・社内回答メモを下書きします。"),
    "edit": Verb("homutune.cli.edit", "edit", "指示に沿って契約書を直し、変更履歴にします。"),
    "deliver": Verb("homutune.cli.deliver", "app", "レポート・デモ動画・提出用 zip と課題の確認。"),
}

EXAMPLES = (
    "使い方の例:",
    "  homutune init                        作業フォルダを作る",
    "  homutune serve                       画面とサーバーを起動する（別の端末で）",
    "  homutune tune start                  学習を始める",
    "  homutune ask 売買の検査はいつまで？  質問する",
    "各コマンドの詳しい説明: homutune コマンド名 --help",
)


class LazyGroup(TyperGroup):
    """A group that lists its verbs from the table and imports only the one that is run."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """All verbs, in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """A verb's name and help line; what runs is loaded by :meth:`resolve_command`."""
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        return TyperCommand(cmd_name, help=verb.help)

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """Find the verb named by ``args[0]`` and import it."""
        self.commands = {name: self.get_command(ctx, name) for name in VERBS}  # for suggestions
        name, placeholder, rest = super().resolve_command(ctx, args)
        return name, placeholder and load_verb(str(name)), rest

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the verb; Ctrl-C says that nothing is lost (Typer alone would be silent)."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _failures.tell_interrupted()
            raise typer.Exit(130) from None


def load_verb(name: str) -> TyperCommand | TyperGroup:
    """Import a verb's module and turn what it exposes into a command."""
    verb = VERBS[name]
    target = getattr(importlib.import_module(verb.module), verb.attribute)
    if not isinstance(target, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name)(target)
        target = single
    command: Any = typer.main.get_command(target)
    command.name = name
    _japanese.translate_help_option(command)
    return command  # type: ignore[no-any-return]


app = typer.Typer(
    name="homutune",
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    epilog="\n".join(EXAMPLES),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"homutune {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="版を表示して終わります。"
        ),
    ] = False,
) -> None:
    """法務チューン：法務の Q&A からモデルを学習し、評価し、質問に使うための道具です。"""


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit code; every failure is told, none escapes."""
    command: Any = typer.main.get_command(app)
    _japanese.translate_help_option(command)
    if len(args) < 2 or "--help" in args:
        _japanese.translate_help_titles()
    try:
        code = command.main(args=list(args), prog_name="homutune", standalone_mode=False)
        # A short output may wait in the buffer until here, and its reader be gone.
        sys.stdout.flush()
    except Exception as error:
        return _failures.report(error, as_json="--json" in args)
    return code if isinstance(code, int) else 0


def main() -> None:
    """Entry point of the ``homutune`` script."""
    _failures.speak_utf8()
    sys.exit(run(sys.argv[1:]))
