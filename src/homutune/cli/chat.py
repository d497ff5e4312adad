"""``homutune chat``: questions one after the other, kept, reopened, exported."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from homutune.cli._console import console, note, tell
from homutune.cli._options import ModelName, NoExternal
from homutune.cli._qa import (
    AnswerPlan,
    Cards,
    FormName,
    answer_with_progress,
    open_desk,
    print_answer,
)
from homutune.errors import UserError

if TYPE_CHECKING:
    from homutune.assistant import Answer
    from homutune.cli._qa import Desk
    from homutune.client import Conversation, Turn

HELP = """\
質問を入力して Enter を押すと答えます。「/」で始まる行は操作です。
  /資料            直前の回答の資料を、本文まで表示します
  /形 <形>         文章・箇条書き・表 を切り替えます
  /書き出し <名前>  この会話を .md .docx .json に書き出します
  /履歴            この会話の質問を並べます
  /一覧            保存された会話を並べます
  /開く <ID>       保存された会話の続きから始めます
  /新規            新しい会話を始めます
  /削除 <ID>       保存された会話を消します
  /カード <ファイル> 自社カードを足します（次の質問から使います）
  /ヘルプ          この説明を表示します
  /終了            終わります（Ctrl-D でも終われます。会話は保存されています）"""
#: English names for keyboards without Japanese input.
_ENGLISH = {
    "/cards": "/資料",
    "/form": "/形",
    "/export": "/書き出し",
    "/history": "/履歴",
    "/list": "/一覧",
    "/open": "/開く",
    "/new": "/新規",
    "/delete": "/削除",
    "/add": "/カード",
    "/help": "/ヘルプ",
    "/quit": "/終了",
    "/exit": "/終了",
}


def chat(
    model: ModelName = "latest",
    resume: Annotated[
        str | None,
        typer.Option("--open", metavar="<ID>", help="保存した会話の続きから始めます。"),
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="保存された会話を並べて終わります。")
    ] = False,
    plan: AnswerPlan = None,
    cards: Cards = None,
    no_external: NoExternal = False,
) -> None:
    """続けて質問します。会話は保存され、後から続きを聞けます。

    例: homutune chat

    例: homutune chat --open c-1a2b3c4d

    会話の中では /ヘルプ で操作の一覧が出ます。標準入力から1行に1問ずつ渡すこともできます。
    """
    from homutune.settings import load_settings

    settings = load_settings()
    if listing:
        _print_saved(settings.home)
        return
    desk = open_desk(settings, model, plan, cards, no_external=no_external)
    with desk.model:
        session = _Session(desk, desk.model.conversation(resume))
        note(f"モデル {desk.name}。/ヘルプ で操作の説明、/終了 で終わります。", style="dim")
        if resume is not None:
            session.history()
        session.run()


@dataclass(slots=True)
class _Session:
    desk: Desk
    conversation: Conversation
    form: FormName = "文章"

    def run(self) -> None:
        """Until the input ends. One question that fails does not end the conversation."""
        while (line := _read_line()) is not None:
            try:
                if not line.strip():
                    continue
                if line.strip().startswith("/"):
                    if not self._command(line.strip()):
                        return
                    continue
                answer = answer_with_progress(self.desk, line.strip(), self.conversation)
                print_answer(answer, self.form)
            except UserError as error:
                note(f"エラー: {error.message}", style="bold red")
                if error.remedy:
                    note(f"対処: {error.remedy}")
            except KeyboardInterrupt:
                note("\n回答を中断しました。/終了 で終わります。")

    def history(self) -> None:
        """The questions of this conversation, with what was concluded."""
        from homutune.client import extract_summary

        if not self.conversation.turns:
            tell("この会話には、まだ質問がありません。")
            return
        tell(extract_summary(self.conversation.turns))

    def _command(self, line: str) -> bool:
        """Do what a / line says; False to end."""
        name, _, rest = line.replace("\u3000", " ").partition(" ")
        rest = rest.strip()
        match _ENGLISH.get(name, name):
            case "/終了":
                return False
            case "/ヘルプ":
                tell(HELP)
            case "/資料":
                self._print_sources()
            case "/形":
                self._set_form(rest)
            case "/書き出し":
                self._export(rest)
            case "/履歴":
                self.history()
            case "/一覧":
                _print_saved(self.desk.model.settings.home)
            case "/開く":
                self.conversation = self.desk.model.conversation(_needed(rest, "/開く c-1a2b3c4d"))
                self.history()
            case "/新規":
                self.conversation = self.desk.model.conversation()
                tell("新しい会話を始めます。")
            case "/削除":
                self._delete(_needed(rest, "/削除 c-1a2b3c4d"))
            case "/カード":
                self._add_cards(_needed(rest, "/カード 社内見解.md"))
            case _:
                raise UserError(
                    f"「{name}」という操作はありません。", remedy="/ヘルプ で一覧を表示します。"
                )
        return True

    def _answers(self) -> list[Answer]:
        return [answer for turn in self.conversation.turns if (answer := _answer(turn))]

    def _print_sources(self) -> None:
        answers = self._answers()
        if not answers or not answers[-1].sources:
            tell("直前の回答には資料がありません。")
            return
        for source in answers[-1].sources:
            tell(f"[{source.number}] {source.title}（{source.kind}）", style="bold")
            tell(source.text)

    def _set_form(self, name: str) -> None:
        forms = [form for form in get_args(FormName) if form != "JSON"]
        if name not in forms:
            raise UserError(
                f"「{name}」という形はありません。", remedy=f"{'・'.join(forms)} のどれかです。"
            )
        self.form = name  # type: ignore[assignment]
        tell(f"これからは {name} で答えます。")

    def _export(self, name: str) -> None:
        from homutune.assistant import export_answers

        path = Path(_needed(name, "/書き出し 会話.docx"))
        export_answers(path, self._answers())
        tell(f"書き出しました: {path}")

    def _delete(self, conversation_id: str) -> None:
        from homutune.client import ConversationStore

        ConversationStore(self.desk.model.settings.home).delete(conversation_id)
        if conversation_id == self.conversation.id:
            self.conversation = self.desk.model.conversation()
        tell(f"会話 {conversation_id} を消しました。")

    def _add_cards(self, name: str) -> None:
        from homutune.data import CardShelf

        cards = CardShelf(self.desk.model.settings.home).add(Path(name))
        tell(f"{len(cards)}枚を足しました。次の質問から使います。")


def _answer(turn: Turn) -> Answer | None:
    from homutune.assistant import Answer

    stored = turn.details.get("qa")
    return Answer.from_dict(stored) if stored else None


def _needed(text: str, example: str) -> str:
    if not text:
        raise UserError("操作の対象がありません。", remedy=f"例: {example}")
    return text


def _print_saved(home: Path) -> None:
    from homutune.client import ConversationStore

    saved = ConversationStore(home).recent()
    if not saved:
        tell("保存された会話はありません。")
    for item in saved:
        tell(f"{item.id}  {item.updated_at[:16].replace('T', ' ')}  {item.turns}問  {item.title}")


def _read_line() -> str | None:
    """The next line; None at the end of the input."""
    if sys.stdin.isatty():
        try:
            return console.input("[bold]質問>[/bold] ")
        except EOFError:
            return None
        except KeyboardInterrupt:
            note("")
            return None
    line = sys.stdin.readline()
    return line if line else None
