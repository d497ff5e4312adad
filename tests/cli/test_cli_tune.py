"""``tune`` and ``ask`` over HTTP, as a user runs them."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from homutune.cli import tune
from homutune.cli._app import run
from homutune.data import ABSTENTION
from homutune.tuning import find_model
from scripted import Reply, ScriptedServer

MODEL = "ft:gemma3-270m:local:keiyaku:abc"
CSV = b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n40,1.5,0.6,1.75,0.5\n"
EVENTS = (
    ("Created fine-tuning job: ftjob-1", None),
    ("Fine-tuning job started", None),
    ("Step 1/40: training loss=2.50", {"step": 1, "total_steps": 40, "train_loss": 2.5}),
    (
        "Step 40/40: training loss=1.50, validation loss=1.75",
        {"step": 40, "total_steps": 40, "train_loss": 1.5, "valid_loss": 1.75},
    ),
    (f"New fine-tuned model created: {MODEL}", None),
)
CARDS = """\
- {id: kikan, title: 期間の計算, field: 総則, text: 初日は数えない（民法140条）。,
   articles: [民法140条], as_of: 2026-11-22}
- {id: kensa, title: 商人間の検査, field: 売買, text: 遅滞なく検査する（商法526条）。,
   articles: [商法526条], as_of: 2026-10-01}
"""


def job(status: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": "ftjob-1",
        "object": "fine_tuning.job",
        "created_at": 100,
        "finished_at": 200,
        "model": "gemma3-270m",
        "status": status,
        "fine_tuned_model": MODEL if status == "succeeded" else None,
        "hyperparameters": {"n_epochs": 3},
        "organization_id": "org",
        "result_files": ["file-result"] if status == "succeeded" else [],
        "seed": 42,
        "trained_tokens": 1234,
        "training_file": "file-1",
        "validation_file": None,
        "error": None,
        **changes,
    }


@pytest.fixture
def server(
    home: Path, scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> ScriptedServer:
    """Has one job, which has succeeded, and answers questions."""
    monkeypatch.setenv("HOMUTUNE_BASE_URL", scripted_server.base_url)
    events = [
        {
            "id": f"ftevent-{number}",
            "object": "fine_tuning.job.event",
            "created_at": 100 + number,
            "level": "info",
            "message": message,
            "data": data,
            "type": "metrics" if data else "message",
        }
        for number, (message, data) in enumerate(EVENTS)
    ]
    file = {
        "id": "file-1",
        "object": "file",
        "bytes": 1,
        "created_at": 0,
        "filename": "t.jsonl",
        "purpose": "fine-tune",
        "status": "processed",
    }
    jobs = "/fine_tuning/jobs"
    scripted_server.routes |= {
        ("POST", "/files"): Reply(file),
        ("POST", jobs): Reply(job("queued")),
        ("GET", jobs): Reply({"object": "list", "data": [job("succeeded")], "has_more": False}),
        ("GET", f"{jobs}/ftjob-1"): Reply(job("succeeded")),
        ("GET", f"{jobs}/ftjob-1/events"): Reply(
            {"object": "list", "data": events[::-1], "has_more": False}
        ),
        ("GET", f"{jobs}/ftjob-1/checkpoints"): Reply(
            {"object": "list", "data": [], "has_more": False}
        ),
        ("POST", f"{jobs}/ftjob-1/cancel"): Reply(job("cancelled")),
        ("POST", f"{jobs}/ftjob-1/pause"): Reply(job("paused")),
        ("POST", f"{jobs}/ftjob-1/resume"): Reply(job("queued")),
        ("GET", "/files/file-result/content"): Reply(CSV),
        ("GET", "/models"): Reply(
            {
                "object": "list",
                "data": [
                    {"id": name, "object": "model", "created": 1, "owned_by": "local"}
                    for name in ("gemma3-270m", MODEL)
                ],
            }
        ),
    }
    return scripted_server


def training_file(path: Path) -> Path:
    lines = [
        {
            "messages": [
                {"role": "user", "content": f"第{n}条の期間の数え方を教えてください。"},
                {"role": "assistant", "content": f"初日は数えません。{n}日後が期限です。"},
            ]
        }
        for n in range(12)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_start_watches_to_the_end_and_remembers_the_model(
    home: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    train = training_file(Path("train.jsonl"))
    assert run(["tune", "start", "--train", str(train), "--epochs", "3"]) == 0
    told = capsys.readouterr()
    assert "学習を始めました" in told.err
    assert "ステップ 40/40 学習損失 1.500 検証損失 1.750" in told.err
    assert f"モデルができました: {MODEL}" in told.err
    assert MODEL in told.out
    entry = find_model(home)
    assert entry is not None
    assert (entry.model, entry.valid_loss) == (MODEL, 1.75)


def test_start_without_a_dataset_says_how_to_make_one(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tune", "start"]) == 2
    assert "homutune data split" in capsys.readouterr().err
    assert server.sent("POST", "/files") == []


def test_a_number_that_cannot_be_read_is_named(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    train = training_file(Path("train.jsonl"))
    assert run(["tune", "start", "--train", str(train), "--epochs", "many"]) == 2
    assert "--epochs の値 many" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["watch"], "job"),
        (["list"], "jobs"),
        (["show", "ftjob-1"], "checkpoints"),
        (["cancel", "latest"], "job"),
        (["pause", "latest"], "job"),
        (["resume", "ftjob-1"], "job"),
        (["models"], "models"),
    ],
)
def test_every_command_prints_pure_json_on_request(
    server: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    key: str,
) -> None:
    assert run(["tune", *arguments, "--json"]) == 0
    assert key in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["show"],
        ["cancel", "ftjob-1"],
        ["pause", "ftjob-1"],
        ["resume", "ftjob-1"],
        ["models"],
        ["watch", "ftjob-1"],
    ],
)
def test_every_command_prints_for_a_reader(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(["tune", *arguments]) == 0
    assert capsys.readouterr().out.strip()


def test_a_failed_job_is_told_with_its_reason(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"code": "invalid_training_file", "message": "Example 3 is broken", "param": None}
    server.routes["GET", "/fine_tuning/jobs/ftjob-1"] = Reply(job("failed", error=error))
    assert run(["tune", "watch"]) == 2
    assert "Example 3 is broken" in capsys.readouterr().err


def test_ctrl_c_leaves_the_job_running_and_says_how_to_come_back(
    server: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.routes["GET", "/fine_tuning/jobs/ftjob-1"] = Reply(job("running"))

    def interrupt(_seconds: float) -> None:  # the user presses Ctrl-C between two looks
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    assert run(["tune", "watch"]) == 130
    told = capsys.readouterr().err
    assert "学習はサーバーで続いています" in told
    assert "homutune tune watch ftjob-1" in told
    assert server.sent("POST", "/fine_tuning/jobs/ftjob-1/cancel") == []


def answers(server: ScriptedServer, text: str, finish: str = "stop") -> None:
    """Stream ``text`` in pieces, as every server of this API does."""

    def chunk(delta: dict[str, str], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        body = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        return "data: " + json.dumps({**body, "choices": [choice]}) + "\n\n"

    pieces = [chunk({"content": text[i : i + 4]}) for i in range(0, len(text), 4)]
    stream = "".join((*pieces, chunk({}, finish), "data: [DONE]\n\n"))
    server.routes["POST", "/chat/completions"] = Reply(
        stream.encode(), headers={"content-type": "text/event-stream"}
    )


def asked(server: ScriptedServer) -> dict[str, Any]:
    (request,) = server.sent("POST", "/chat/completions")
    sent: dict[str, Any] = json.loads(request.body)
    return sent


def number_of(server: ScriptedServer, title: str) -> int:
    """Under which number the card was shown."""
    text = asked(server)["messages"][-1]["content"]
    line = next(line for line in text.splitlines() if title in line or "民法140条" in line)
    return int(line[line.index("[") + 1])


@pytest.fixture
def cards(home: Path) -> Path:
    path = Path("cards.yaml")
    path.write_text(CARDS, encoding="utf-8")
    return path


def test_the_answer_comes_with_the_cards_it_leaned_on_and_the_disclaimer(
    server: ScriptedServer, cards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = "期間の初日は数えますか。"
    answers(server, "結論：数えません。[1]")
    assert run(["ask", question, "--cards", str(cards)]) == 0
    told = capsys.readouterr().out
    body = asked(server)
    assert body["model"] == MODEL  # found among the server's jobs
    assert body["stream"] is True
    assert question in body["messages"][-1]["content"]
    first = "期間の計算" if number_of(server, "期間の計算") == 1 else "商人間の検査"
    other = {"期間の計算": "商人間の検査", "商人間の検査": "期間の計算"}[first]
    assert "結論：数えません。[1]" in told
    assert f"[1] {first}" in told
    assert other not in told
    assert "法的助言・鑑定ではありません" in told
    assert "データ基準日 2026-10-01" in told  # the oldest card shown


def test_a_reference_to_nothing_is_pointed_out(
    server: ScriptedServer, cards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(server, "数えません。[7]")
    assert run(["ask", "初日は数えますか。", "--cards", str(cards)]) == 0
    assert "[7] に当たる資料はありません" in capsys.readouterr().out


def test_every_article_of_the_answer_carries_its_verdict(
    server: ScriptedServer, cards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(server, "民法140条と下請法3条、民法3000条によります。[1]")
    assert run(["ask", "初日は数えますか。", "--cards", str(cards)]) == 0
    told = capsys.readouterr().out
    assert "民法140条（確認済み）" in told
    assert "下請法3条（旧法）" in told and "取適法4条" in told
    assert "民法3000条（該当なし）" in told


def test_an_abstention_is_told_as_one(
    server: ScriptedServer, cards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(server, ABSTENTION)
    assert run(["ask", "期間の税率は。", "--cards", str(cards), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["abstention"] is True
    assert result["references"] == []
    assert len(result["cards"]) == 2


def test_without_a_tuned_model_the_base_model_answers_and_says_so(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.routes["GET", "/fine_tuning/jobs"] = Reply(
        {"object": "list", "data": [], "has_more": False}
    )
    server.routes["GET", "/models"] = Reply({"object": "list", "data": []})
    answers(server, "数えません。", finish="length")
    assert run(["ask", "初日は数えますか。", "--plan", "plain"]) == 0
    told = capsys.readouterr()
    assert asked(server)["model"] == "gemma3-270m"
    assert "ベースモデル gemma3-270m" in told.err
    assert "途切れています" in told.err
    assert "資料なしの回答" in told.out


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_a_question_is_read_from_stdin_in_the_encodings_of_windows_too(
    server: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
) -> None:
    answers(server, "はい。")
    typed = io.TextIOWrapper(io.BytesIO("初日は数えますか。\n".encode(encoding)))
    monkeypatch.setattr("sys.stdin", typed)
    assert run(["ask", "-", "--plan", "plain"]) == 0
    assert asked(server)["messages"][-1]["content"] == "初日は数えますか。"


def test_an_empty_question_is_not_sent(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ask", "  "]) == 2
    assert server.requests == []


def test_the_wording_of_unknown_events_is_kept() -> None:
    from homutune.tuning import translate_event

    assert translate_event("Job paused by the provider") == "Job paused by the provider"
    assert tune.app.info.help


def test_show_rows_lists_the_examples_whose_loss_stayed_high(
    home: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tune", "show", "--rows"]) == 2
    assert "例ごとの損失がありません" in capsys.readouterr().err
    found = job("succeeded", result_files=["file-result", "file-rows"])
    server.routes["GET", "/fine_tuning/jobs/ftjob-1"] = Reply(found)
    table = b64encode(b"example,loss,tokens\n7,2.51000,16\n3,0.40000,12\n")
    server.routes["GET", "/files/file-rows/content"] = Reply(table)
    assert run(["tune", "show", "ftjob-1", "--rows"]) == 0
    told = capsys.readouterr().out
    assert "2.510" in told and told.index("2.510") < told.index("0.400")
    assert run(["tune", "show", "ftjob-1", "--rows", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["rows"][0] == {"example": 7, "loss": 2.51, "tokens": 16}


def test_start_asks_for_dpo_and_early_stopping(
    home: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tune", "start", "--method", "dpo"]) == 2
    assert "--train" in capsys.readouterr().err
    pairs = Path("pairs.jsonl")
    pairs.write_text('{"input": {"messages": []}}\n', encoding="utf-8")
    chosen = ["--method", "dpo", "--early-stopping", "2", "--epochs", "3", "--no-watch"]
    assert run(["tune", "start", "--train", str(pairs), *chosen]) == 0
    [asked] = [r for r in server.requests if r.method == "POST" and r.path.endswith("/jobs")]
    assert json.loads(asked.body)["method"] == {
        "type": "dpo",
        "dpo": {"hyperparameters": {"n_epochs": 3, "early_stopping_patience": 2}},
    }
