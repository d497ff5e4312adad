"""Starting jobs, remembering what came out of them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.fine_tuning import FineTuningJob

from homutune.data import Card, Example, Meta, create_dataset, split_examples
from homutune.errors import UserError
from homutune.tuning import (
    export_dataset,
    find_model,
    list_models,
    register_model,
    start_job,
    sync_models,
)
from scripted import Reply, Request, ScriptedServer, openai_error

MODEL = "ft:gemma3-270m:local:keiyaku:abc"
CSV = (
    b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n"
    b"1,2.5,0.4,,\n2,1.5,0.6,1.75,0.5\n"
)


def write_lines(path: Path, count: int, *, start: int = 0) -> Path:
    lines = [
        {
            "messages": [
                {"role": "system", "content": "法務の担当者を支援します。"},
                {"role": "user", "content": f"第{n}条の期間の数え方を教えてください。"},
                {"role": "assistant", "content": f"初日は数えません。{n}日後が期限です。"},
            ]
        }
        for n in range(start, start + count)
    ]
    path.write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
    )
    return path


def job(**changes: Any) -> dict[str, Any]:
    return {
        "id": "ftjob-1",
        "object": "fine_tuning.job",
        "created_at": 100,
        "finished_at": 200,
        "model": "gemma3-270m",
        "status": "succeeded",
        "fine_tuned_model": MODEL,
        "hyperparameters": {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.0},
        "organization_id": "org",
        "result_files": ["file-result"],
        "seed": 42,
        "trained_tokens": 1234,
        "training_file": "file-1",
        "validation_file": None,
        "error": None,
        "metadata": {"homutune_dataset": "ds-1", "homutune_recipe": "grounded"},
        **changes,
    }


def file_object(file_id: str, status: str = "processed") -> dict[str, Any]:
    return {
        "id": file_id,
        "object": "file",
        "bytes": 1,
        "created_at": 0,
        "filename": "train.jsonl",
        "purpose": "fine-tune",
        "status": status,
    }


@pytest.fixture
def server(scripted_server: ScriptedServer) -> ScriptedServer:
    """Takes files as file-1, file-2, … and creates jobs."""
    counter = iter(range(1, 100))

    def upload(_request: Request) -> Reply:
        file_id = f"file-{next(counter)}"
        scripted_server.routes["GET", f"/files/{file_id}"] = Reply(file_object(file_id))
        return Reply(file_object(file_id))

    scripted_server.routes["POST", "/files"] = upload
    scripted_server.routes["POST", "/fine_tuning/jobs"] = Reply(
        job(status="queued", fine_tuned_model=None)
    )
    scripted_server.routes["GET", "/files/file-result/content"] = Reply(CSV)
    return scripted_server


@pytest.fixture
def client(server: ScriptedServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0)


def created(server: ScriptedServer) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in server.sent("POST", "/fine_tuning/jobs")]


def test_a_job_is_asked_for_with_both_files_and_only_the_settings_chosen(
    home: Path, tmp_path: Path, server: ScriptedServer, client: openai.OpenAI
) -> None:
    start_job(
        client,
        home,
        train=write_lines(tmp_path / "train.jsonl", 12),
        valid=write_lines(tmp_path / "valid.jsonl", 3, start=50),
        model="gemma3-270m",
        suffix="keiyaku",
        n_epochs=2,
        seed=7,
        metadata={"homutune_dataset": "ds-1"},
    )
    assert created(server) == [
        {
            "model": "gemma3-270m",
            "training_file": "file-1",
            "validation_file": "file-2",
            "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
            "suffix": "keiyaku",
            "seed": 7,
            "metadata": {"homutune_dataset": "ds-1"},
        }
    ]


def test_the_same_file_is_not_uploaded_twice_unless_the_server_lost_it(
    home: Path, tmp_path: Path, server: ScriptedServer, client: openai.OpenAI
) -> None:
    train = write_lines(tmp_path / "train.jsonl", 12)
    for _ in range(2):
        start_job(client, home, train=train, model="m")
    assert len(server.sent("POST", "/files")) == 1
    server.routes["GET", "/files/file-1"] = openai_error(404, "No such File object")
    start_job(client, home, train=train, model="m")
    assert [body["training_file"] for body in created(server)] == ["file-1", "file-1", "file-2"]
    write_lines(train, 13)
    start_job(client, home, train=train, model="m")
    assert created(server)[-1]["training_file"] == "file-3"


def broken_json(path: Path) -> None:
    path.write_text(path.read_text("utf-8") + '{"messages": [\n', encoding="utf-8")


def extra_key(path: Path) -> None:
    line = json.loads(path.read_text("utf-8").splitlines()[0])
    line["messages"][1]["content"] = "別の質問です。"
    extra = json.dumps({**line, "meta": {"id": "x"}}, ensure_ascii=False)
    path.write_text(path.read_text("utf-8") + extra + "\n", encoding="utf-8")


def too_few(path: Path) -> None:
    write_lines(path, 9)


@pytest.mark.parametrize("spoil", [broken_json, extra_key, too_few])
def test_a_file_the_server_would_refuse_is_never_uploaded(
    home: Path,
    tmp_path: Path,
    server: ScriptedServer,
    client: openai.OpenAI,
    spoil: Any,
) -> None:
    train = write_lines(tmp_path / "train.jsonl", 12)
    spoil(train)
    with pytest.raises(UserError):
        start_job(client, home, train=train, model="m")
    assert server.requests == []


def test_an_example_in_both_files_is_found_before_upload(
    home: Path, tmp_path: Path, server: ScriptedServer, client: openai.OpenAI
) -> None:
    with pytest.raises(UserError, match="同じ例") as caught:
        start_job(
            client,
            home,
            train=write_lines(tmp_path / "train.jsonl", 12),
            valid=write_lines(tmp_path / "valid.jsonl", 3, start=11),
            model="m",
        )
    assert caught.value.line == 1
    assert server.requests == []


def test_all_wrong_settings_are_told_at_once(
    home: Path, tmp_path: Path, client: openai.OpenAI
) -> None:
    with pytest.raises(UserError) as caught:
        start_job(
            client,
            home,
            train=tmp_path / "absent.jsonl",
            model="m",
            n_epochs=51,
            batch_size=0,
            learning_rate_multiplier=float("nan"),
            suffix="x" * 65,
            seed=-1,
        )
    for word in ("エポック", "バッチ", "学習率", "サフィックス", "シード"):
        assert word in caught.value.message


@pytest.mark.parametrize("content", [CSV, base64.b64encode(CSV)], ids=["plain", "base64"])
def test_a_model_is_remembered_with_its_metrics_however_they_are_delivered(
    home: Path, server: ScriptedServer, client: openai.OpenAI, content: bytes
) -> None:
    server.routes["GET", "/files/file-result/content"] = Reply(content)
    register_model(home, client, FineTuningJob.model_validate(job()))
    register_model(home, client, FineTuningJob.model_validate(job()))
    (entry,) = list_models(home)
    assert (entry.model, entry.base, entry.dataset, entry.suffix) == (
        MODEL,
        "gemma3-270m",
        "ds-1",
        "keiyaku",
    )
    assert entry.hyperparameters == {
        "n_epochs": 3,
        "batch_size": 4,
        "learning_rate_multiplier": 1.0,
    }
    assert (entry.train_loss, entry.valid_loss) == (1.5, 1.75)
    assert entry.metrics_path == home / "results" / "ftjob-1.csv"
    assert entry.metrics_path.read_bytes() == CSV


def test_the_newest_model_of_the_server_in_use_is_found(
    home: Path, server: ScriptedServer, client: openai.OpenAI
) -> None:
    other = ScriptedServer()
    elsewhere = openai.OpenAI(base_url=other.base_url, api_key="k", max_retries=0)
    for number, finished, where in ((1, 10, client), (2, 30, elsewhere), (3, 20, client)):
        register_model(
            home,
            where,
            FineTuningJob.model_validate(
                job(
                    id=f"ftjob-{number}",
                    fine_tuned_model=f"ft:b:o:s{number}:x",
                    finished_at=finished,
                    result_files=[],
                )
            ),
        )
    other.stop()

    def job_of(*asked: str, **where: str) -> str | None:
        entry = find_model(home, *asked, **where)
        return None if entry is None else entry.job_id

    assert job_of(base_url=server.base_url + "/") == "ftjob-3"
    assert job_of() == "ftjob-2"
    assert job_of("s1") == "ftjob-1"
    assert job_of("absent") is None


def test_jobs_that_nobody_watched_are_caught_up_with(
    home: Path, server: ScriptedServer, client: openai.OpenAI
) -> None:
    running = job(id="ftjob-2", status="running", fine_tuned_model=None)
    server.routes["GET", "/fine_tuning/jobs"] = Reply(
        {"object": "list", "data": [running, job()], "has_more": False}
    )
    assert [entry.job_id for entry in sync_models(home, client)] == ["ftjob-1"]
    assert sync_models(home, client) == []


def test_a_damaged_registry_is_named_with_a_way_out(home: Path) -> None:
    home.mkdir()
    (home / "registry.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        list_models(home)
    assert "registry.json" in str(caught.value)
    assert "homutune tune models" in (caught.value.remedy or "")


def test_a_dataset_is_exported_the_same_each_time_and_its_files_pass_the_checks(
    home: Path, server: ScriptedServer, client: openai.OpenAI
) -> None:
    cards = [
        Card(f"card-{n}", f"期間の規則{n}", "総則", f"期間{n}の初日は数えない（民法140条）。")
        for n in range(20)
    ]
    examples = [
        Example(
            (
                {"role": "user", "content": f"契約{n}の期間は初日を数えますか。"},
                {"role": "assistant", "content": f"結論：契約{n}の初日は数えません。"},
            ),
            Meta(id=f"q-{n}", group=f"card-{n}", cards=(f"card-{n}",)),
        )
        for n in range(20)
    ]
    create_dataset(home, examples, cards, split_examples(examples))
    files = export_dataset(home, recipe="grounded")
    before = files.train.read_bytes()
    assert export_dataset(home, recipe="grounded").train.read_bytes() == before
    assert files.valid is not None
    assert files.metadata["homutune_recipe"] == "grounded"
    start_job(
        client, home, train=files.train, valid=files.valid, model="m", metadata=files.metadata
    )
    assert created(server)[0]["metadata"] == files.metadata
