"""``ask``, ``chat`` and ``cards`` as a team uses them, over a server on a real port."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.upstream import Fail, Say, Upstream
from homutune.cli._app import run
from homutune.client import ConversationStore

CARDS = (
    "- {id: kikan, title: 期間の計算, text: 期間の初日は数えない（民法140条）。, "
    "articles: [民法140条], as_of: 2026-11-22}\n"
)
QUESTION = "期間の初日は数えますか。"
GOOD = "結論：期間の初日は数えません。\n留意点：契約書の特約を確かめてください。"


@pytest.fixture
def upstream(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    server = Upstream()
    server.script = [Say(GOOD)]
    monkeypatch.setenv("HOMUTUNE_BASE_URL", server.base_url)
    Path("cards.yaml").write_text(CARDS, encoding="utf-8")
    yield server
    server.stop()


def chat(monkeypatch: pytest.MonkeyPatch, *typed: str, options: tuple[str, ...] = ()) -> int:
    lines = "".join(f"{line}\n" for line in typed)
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    return run(["chat", "--model", "m", "--cards", "cards.yaml", *options])


def test_ask_marks_what_nothing_bears_and_shows_the_card_text_beside_it(
    upstream: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ask", QUESTION, "--model", "m", "--cards", "cards.yaml"]) == 0
    told = capsys.readouterr().out
    assert "結論：期間の初日は数えません。\n" in told
    assert "特約を確かめてください。【支えなし】" in told
    assert "裏付けられません" in told
    assert "期間の初日は数えない（民法140条）。" in told  # the note itself


def test_ask_refuses_plainly_where_nothing_supports_an_answer(
    upstream: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream.script = [Say("結論：最高裁判例により無効です。")]
    assert run(["ask", QUESTION, "--model", "m", "--cards", "cards.yaml"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("確認できません。専門家に確認してください。")
    assert "最高裁" not in told


def test_ask_writes_files_and_refuses_other_kinds_before_asking(
    upstream: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["ask", QUESTION, "--model", "m", "--cards", "cards.yaml"]
    assert run([*base, "--out", "回答.pdf"]) == 2
    assert upstream.bodies == []
    for name in ("回答.md", "回答.docx", "回答.json"):
        assert run([*base, "--out", name]) == 0
        assert Path(name).stat().st_size > 0
    assert run([*base, "--form", "表"]) == 0
    assert "| 項目 | 内容 | 支える資料 |" in capsys.readouterr().out


def test_no_external_refuses_another_machine_and_sends_nothing(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOMUTUNE_BASE_URL", "https://models.example/v1")
    assert run(["ask", QUESTION, "--model", "m", "--no-external"]) == 2
    assert "外部送信禁止" in capsys.readouterr().err
    monkeypatch.setenv("HOMUTUNE_NO_EXTERNAL", "1")
    assert run(["ask", QUESTION, "--model", "m"]) == 2
    assert run(["tune", "models"]) == 2  # every command, not only this one


def test_cards_are_added_listed_used_and_removed(
    upstream: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("見解.md").write_text("# 検収の基準\n検収は10営業日以内に行います。\n", "utf-8")
    assert run(["cards", "add", "見解.md"]) == 0
    assert "1枚を足しました" in capsys.readouterr().out
    assert run(["cards", "list", "--json"]) == 0
    (card,) = json.loads(capsys.readouterr().out)
    assert (card["title"], card["file"]) == ("検収の基準", "見解")
    upstream.script = [Say("結論：検収は10営業日以内に行います。")]
    asked = ["ask", "検収は何営業日以内に行いますか。", "--model", "m", "--cards", "cards.yaml"]
    assert run([*asked, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["cards"][0]["kind"] == "自社カード"
    assert answer["sentences"][0]["supported"] is True
    assert run(["cards", "remove", card["id"]]) == 0
    assert run(["cards", "list"]) == 0
    assert "まだありません" in capsys.readouterr().out
    assert run(["cards", "remove", card["id"]]) == 2


def test_a_chat_is_kept_reopened_and_exported(
    upstream: Upstream,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert chat(monkeypatch, QUESTION, "", "それは月でも同じですか。", "/終了", "届かない質問") == 0
    assert len(upstream.bodies) == 2
    assert QUESTION in upstream.bodies[1]["messages"][-1]["content"]
    (saved,) = ConversationStore(home).recent()
    assert (saved.turns, saved.title) == (2, QUESTION)
    capsys.readouterr()
    assert run(["chat", "--list"]) == 0
    assert saved.id in capsys.readouterr().out
    export = ("/履歴", "/資料", "/書き出し 会話.docx", "/書き出し 会話.json")
    assert chat(monkeypatch, *export, options=("--open", saved.id)) == 0
    told = capsys.readouterr().out
    assert f"・{QUESTION} → 期間の初日は数えません。" in told
    assert "期間の初日は数えない（民法140条）。" in told
    assert len(json.loads(Path("会話.json").read_text("utf-8"))) == 2
    assert Path("会話.docx").stat().st_size > 0
    assert len(upstream.bodies) == 2


def test_every_command_of_the_help_does_something_and_a_wrong_one_is_told(
    upstream: Upstream,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("見解.md").write_text("# 検収の基準\n検収は10営業日以内に行います。\n", "utf-8")
    typed = ("/ヘルプ", "/help", "/形 箇条書き", QUESTION, "/カード 見解.md", "/新規", "/一覧")
    assert chat(monkeypatch, *typed) == 0
    told = capsys.readouterr().out
    assert told.count("/書き出し <名前>") == 2
    assert "- 結論：期間の初日は数えません。" in told
    assert "1枚を足しました" in told
    (saved,) = ConversationStore(home).recent()
    assert chat(monkeypatch, f"/開く {saved.id}", f"/削除 {saved.id}", QUESTION) == 0
    (again,) = ConversationStore(home).recent()
    assert again.id != saved.id
    wrong = ("/知らない", "/開く", "/開く c-00000000", "/形 詩", "/書き出し a.exe", "/終了")
    assert chat(monkeypatch, *wrong) == 0
    err = capsys.readouterr().err
    assert err.count("エラー:") == 5


def test_a_question_that_fails_does_not_end_the_chat(
    upstream: Upstream, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.script = [Fail(400, "invalid"), Say(GOOD)]
    assert chat(monkeypatch, QUESTION, QUESTION) == 0
    (saved,) = ConversationStore(home).recent()
    assert saved.turns == 1
