from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest

from server.running import Local, jsonl, lines, messages, upload, wait_for, wait_until


def create(local: Local, examples: list[Any] | bytes | None = None, **options: Any) -> str:
    file_id = upload(local.client, lines(12) if examples is None else examples)
    options = {"model": "tiny", "training_file": file_id, **options}
    return local.client.fine_tuning.jobs.create(**options).id


def failed(local: Local, examples: list[Any] | bytes, **options: Any) -> tuple[str, str, str]:
    job = wait_for(local.client, create(local, examples, **options), "failed", "succeeded")
    assert job.error is not None
    assert job.error.message in messages(local.client, job.id)
    assert not list((local.home / "jobs" / job.id).glob("*.jsonl.*"))
    return job.error.code, job.error.message, job.error.param or ""


def test_a_job_goes_from_upload_to_a_usable_model(local: Local) -> None:
    job_id = create(local, suffix="houmu", seed=7, metadata={"team": "法務"})
    job = wait_for(local.client, job_id, "succeeded")
    assert job.fine_tuned_model is not None
    assert job.fine_tuned_model.startswith("ft:tiny:local:houmu:")
    assert (job.seed, job.metadata, job.trained_tokens) == (7, {"team": "法務"}, 60)
    assert job.finished_at is not None and job.error is None and job.estimated_finish is None
    assert job.hyperparameters.n_epochs == 3  # chosen by the worker
    assert job.method is not None and job.method.supervised is not None
    assert messages(local.client, job_id) == [
        f"Created fine-tuning job: {job_id}",
        f"Validating training file: {job.training_file}",
        "Files validated, moving job to queued state",
        "Fine-tuning job started",
        "Step 1/6: training loss=1.00",
        "Step 2/6: training loss=0.50",
        "Step 3/6: training loss=0.33",
        "Checkpoint created at step 3",
        "Step 4/6: training loss=0.25",
        "Step 5/6: training loss=0.20",
        "Step 6/6: training loss=0.17",
        "Checkpoint created at step 6",
        f"New fine-tuned model created: {job.fine_tuned_model}",
        "The job has successfully completed",
    ]
    [result_file] = job.result_files
    encoded = local.client.files.content(result_file).text  # as OpenAI delivers it
    assert base64.b64decode(encoded) == b"step,train_loss\n1,1.0\n"
    assert local.client.files.retrieve(result_file).purpose == "fine-tune-results"
    answer = local.client.chat.completions.create(
        model=job.fine_tuned_model, messages=[{"role": "user", "content": "質問"}]
    )
    assert answer.choices[0].message.content == f"tiny|{job_id}|質問"


def test_events_are_paged_newest_first_with_stable_ids(local: Local) -> None:
    job_id = create(local)
    wait_for(local.client, job_id, "succeeded")
    jobs = local.client.fine_tuning.jobs
    first = jobs.list_events(job_id, limit=5)
    assert first.has_more
    assert first.data[0].message == "The job has successfully completed"
    everything = [event.id for event in jobs.list_events(job_id, limit=5)]
    assert len(everything) == len(set(everything)) == 14
    assert everything == [event.id for event in jobs.list_events(job_id, limit=100)]
    step = next(e for e in jobs.list_events(job_id) if e.type == "metrics")
    assert step.model_dump()["data"]["step"] == 6


def test_checkpoints_are_listed_newest_first_and_can_be_used(local: Local) -> None:
    job_id = create(local)
    wait_for(local.client, job_id, "succeeded")
    listed = list(local.client.fine_tuning.jobs.checkpoints.list(job_id, limit=1))
    assert [checkpoint.step_number for checkpoint in listed] == [6, 3]
    name = listed[1].fine_tuned_model_checkpoint
    assert name.endswith(":ckpt-step-3")
    assert local.client.models.retrieve(name).owned_by == "local"
    answer = local.client.chat.completions.create(
        model=name, messages=[{"role": "user", "content": "質問"}]
    )
    assert answer.choices[0].message.content == "tiny|step-3|質問"
    assert local.client.models.delete(name).deleted
    with pytest.raises(openai.NotFoundError):
        local.client.models.retrieve(name)


def test_jobs_are_listed_newest_first_and_filtered_by_metadata(start: Callable[..., Local]) -> None:
    local = start("--steps", "1")
    made = [create(local, metadata={"a": str(i % 2)}) for i in range(4)] + [create(local)]
    jobs = local.client.fine_tuning.jobs
    assert [job.id for job in jobs.list(limit=2)] == made[::-1]
    assert [job.id for job in jobs.list(metadata={"a": "1"})] == [made[3], made[1]]
    assert [job.id for job in jobs.list(extra_query={"metadata": "null"})] == [made[4]]
    for job_id in made:
        wait_for(local.client, job_id, "succeeded")


def test_both_places_for_hyperparameters_reach_the_worker(local: Local) -> None:
    asked = {"n_epochs": 2, "batch_size": 8, "learning_rate_multiplier": 0.5}
    nested = {"type": "supervised", "supervised": {"hyperparameters": asked}}
    for options in ({"hyperparameters": asked}, {"method": nested}):
        job_id = create(local, **options)
        job = wait_until(lambda: wait_for(local.client, job_id, "succeeded"))  # noqa: B023
        described = json.loads((local.home / "jobs" / job.id / "job.json").read_text("utf-8"))
        assert described["hyperparameters"] == asked
        assert described["fine_tuned_model"] == job.fine_tuned_model


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"n_epochs": 1.5}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"batch_size": 0}}, "hyperparameters.batch_size"),
        (
            {"hyperparameters": {"learning_rate_multiplier": 0}},
            "hyperparameters.learning_rate_multiplier",
        ),
        ({"suffix": ""}, "suffix"),
        ({"suffix": "x" * 65}, "suffix"),
        ({"seed": -1}, "seed"),
        ({"metadata": {f"k{i}": "v" for i in range(17)}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata"),
        ({"hyperparameters": {"lora_rank": 0}}, "hyperparameters.lora_rank"),
        ({"hyperparameters": {"lora_alpha": "big"}}, "hyperparameters.lora_alpha"),
        (
            {"hyperparameters": {"learning_rate": 1e-4, "learning_rate_multiplier": 2}},
            "hyperparameters",
        ),
        ({"hyperparameters": {"max_length": 1}}, "hyperparameters.max_length"),
        ({"hyperparameters": {"precision": "int4"}}, "hyperparameters.precision"),
        (
            {"hyperparameters": {"early_stopping_patience": 1}},
            "hyperparameters.early_stopping_patience",
        ),
        ({"method": {"type": "reinforcement"}}, "method.type"),
        ({"integrations": [{"type": "wandb", "wandb": {"project": "p"}}]}, "integrations"),
        ({"training_file": "file-none"}, "training_file"),
        ({"validation_file": "file-none"}, "validation_file"),
        ({"extra_body": {"lora_rank": 8}}, "lora_rank"),
    ],
)
def test_an_argument_that_cannot_be_used_is_a_400_naming_it(
    shared: Local, options: dict[str, Any], param: str
) -> None:
    before = list(shared.client.fine_tuning.jobs.list())
    with pytest.raises(openai.BadRequestError) as caught:
        create(shared, **options)
    assert caught.value.param == param
    assert list(shared.client.fine_tuning.jobs.list()) == before


def test_an_unknown_model_is_a_404_and_a_tuned_one_is_trained_further(local: Local) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        create(local, model="gpt-4o-mini")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    tuned = wait_for(local.client, create(local), "succeeded").fine_tuned_model
    further = wait_for(local.client, create(local, model=tuned), "succeeded")
    assert further.model == tuned
    assert further.fine_tuned_model not in (None, tuned)


def test_a_file_that_was_not_meant_for_training_is_refused(shared: Local) -> None:
    other = shared.client.files.create(file=("a.jsonl", jsonl(lines(12))), purpose="user_data")
    with pytest.raises(openai.BadRequestError, match="must have 'fine-tune'"):
        create(shared, training_file=other.id)


def test_nine_examples_are_one_too_few(shared: Local) -> None:
    assert failed(shared, lines(9)) == (
        "invalid_n_examples",
        "Training file has 9 example(s), but must have at least 10 examples",
        "training_file",
    )


BAD_EXAMPLES: list[tuple[Any, str]] = [
    ({"prompt": "a"}, "Example 3 is missing key 'messages'"),
    ({**lines(1)[0], "weight": 1}, 'Example 3 contains an extra "weight".'),
    ({"messages": []}, "Example 3 key 'messages' must be a non-empty list"),
    (
        {"messages": [{"role": "user", "content": "a"}, {"content": "b"}]},
        "Example 3, message 2 Discriminator 'role' is missing in value",
    ),
    ({"messages": [{"role": "bot", "content": "a"}]}, "Example 3, message 1 No match for"),
    (
        {"messages": [{"role": "user", "content": "a"}]},
        "Example 3 must have at least one message from the assistant",
    ),
    (
        {
            "messages": [
                {"role": "user", "content": "a", "weight": 1},
                {"role": "assistant", "content": "b"},
            ]
        },
        'Example 3, message 1 contains an extra "weight".',
    ),
    (
        {"messages": [{"role": "assistant", "content": "b", "weight": 2}]},
        "Example 3, message 1 weight must be 0 or 1",
    ),
    (
        {"messages": [{"role": "assistant", "content": "b", "weight": 0}]},
        "Example 3 has weight 0 on every assistant message",
    ),
    (
        {"messages": [{"role": "assistant", "content": "x<|fim_suffix|>"}]},
        "Example 3 message contains an invalid token: <|fim_suffix|>.",
    ),
    ({"messages": [{"role": "assistant"}]}, "Example 3, message 1 content must be a string"),
    ({**lines(1)[0], "tools": []}, "Example 3 contains tools, which this server cannot train on"),
    (
        {"input": {}, "preferred_output": [], "non_preferred_output": []},
        "is in the fine-tune-preference format",
    ),
]


@pytest.mark.parametrize(("example", "text"), BAD_EXAMPLES)
def test_a_bad_example_fails_the_job_with_its_number(
    shared: Local, example: Any, text: str
) -> None:
    examples = lines(12)
    examples[2] = example
    code, message, param = failed(shared, examples)
    assert (code, param) == ("invalid_training_file", "training_file")
    assert text in message


def test_all_problems_are_told_at_once_but_no_more_than_ten(shared: Local) -> None:
    examples: list[Any] = lines(4) + [{"x": 1}] * 13
    _, message, _ = failed(shared, examples)
    assert message.count("is missing key 'messages'") == 10
    assert "Example 14 is" in message and "Example 15 is" not in message
    assert message.endswith("... and 3 more problem(s)")


def test_training_and_validation_must_not_overlap(shared: Local) -> None:
    validation = upload(shared.client, lines(3, start=10))
    code, message, param = failed(shared, lines(12), validation_file=validation)
    assert (code, param) == ("invalid_validation_file", "validation_file")
    assert "Example 1 of the validation file is also example 11 of the training file" in message


def test_a_validation_file_may_be_small_and_reaches_the_worker(local: Local) -> None:
    validation = upload(local.client, lines(2, start=50))
    job = wait_for(local.client, create(local, validation_file=validation), "succeeded")
    assert job.validation_file == validation
    assert f"Validating validation file: {validation}" in messages(local.client, job.id)
    described = json.loads((local.home / "jobs" / job.id / "job.json").read_text("utf-8"))
    assert described["valid_file"].endswith("valid.jsonl")


def test_a_byte_order_mark_and_empty_lines_are_no_reason_to_fail(shared: Local) -> None:
    content = b"\xef\xbb\xbf" + jsonl(lines(10)).replace(b"\n", b"\r\n\r\n") + b"\r\n"
    wait_for(shared.client, create(shared, content), "succeeded")


def test_an_uploaded_file_may_be_deleted_while_its_job_runs_and_then_nothing_of_it_is_left(
    start: Callable[..., Local],
) -> None:
    local = start("--steps", "10", "--step-s", "0.05")
    job_id = create(local)
    local.client.files.delete(local.client.fine_tuning.jobs.retrieve(job_id).training_file)
    wait_for(local.client, job_id, "succeeded")
    kept = [path for path in local.home.rglob("*") if path.is_file() and path.suffix != ".db-wal"]
    assert not [path for path in kept if "答え3".encode() in path.read_bytes()]


def test_a_running_job_says_when_it_will_be_done(start: Callable[..., Local]) -> None:
    local = start("--steps", "100", "--step-s", "0.05")
    job_id = create(local)
    job = wait_for(local.client, job_id, "running")
    job = wait_until(
        lambda: (j := local.client.fine_tuning.jobs.retrieve(job_id)).estimated_finish and j
    )
    assert 0 <= job.estimated_finish - job.created_at < 60
    assert job.hyperparameters.batch_size == 4
    assert job.trained_tokens is None and job.fine_tuned_model is None
    local.client.fine_tuning.jobs.cancel(job_id)
    wait_for(local.client, job_id, "cancelled")


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_after_its_step(
    start: Callable[..., Local],
) -> None:
    local = start("--steps", "200", "--step-s", "0.05")
    jobs = local.client.fine_tuning.jobs
    first, second = create(local), create(local)
    wait_for(local.client, first, "running")
    wait_for(local.client, second, "queued")
    assert jobs.cancel(second).status == "cancelled"
    jobs.cancel(first)
    job = wait_for(local.client, first, "cancelled")
    assert job.finished_at is not None and job.fine_tuned_model is None
    for job_id in (first, second):
        told = messages(local.client, job_id)
        assert told.count("The job has been cancelled") == 1
        assert told[-1] == "The job has been cancelled"
        with pytest.raises(openai.BadRequestError, match="Job has already completed"):
            jobs.cancel(job_id)


def test_jobs_run_one_after_the_other_in_the_order_they_were_created(local: Local) -> None:
    made = [create(local) for _ in range(3)]
    done = [wait_for(local.client, job_id, "succeeded") for job_id in made]
    assert [job.status for job in done] == ["succeeded"] * 3
    starts = [(local.home / "jobs" / job_id / "events.jsonl").stat().st_mtime_ns for job_id in made]
    assert starts == sorted(starts)


def test_what_the_worker_says_about_a_failure_becomes_the_jobs_error(
    start: Callable[..., Local],
) -> None:
    local = start("--fails")
    job = wait_for(local.client, create(local), "failed")
    assert job.error is not None
    assert (job.error.code, job.error.message, job.error.param) == (
        "invalid_training_file",
        "broken",
        "training_file",
    )
    assert messages(local.client, job.id)[-1] == "broken"
    assert local.client.models.list().data[-1].id == "tiny-e5"


def test_a_worker_that_dies_twice_is_resumed_and_the_job_succeeds(
    start: Callable[..., Local],
) -> None:
    local = start("--deaths", "2")
    job_id = create(local)
    wait_for(local.client, job_id, "succeeded")
    told = messages(local.client, job_id)
    assert sum("学習プロセスが途中で止まりました（終了コード -9）" in m for m in told) == 2
    assert [m for m in told if m.startswith("Step")] == [
        f"Step {i}/6: training loss={1 / i:.2f}" for i in range(1, 7)
    ]
    events = list(local.client.fine_tuning.jobs.list_events(job_id))
    assert [event.level for event in events].count("warn") == 2


def test_a_worker_that_keeps_dying_fails_the_job_after_three_restarts(
    start: Callable[..., Local],
) -> None:
    local = start("--deaths", "99")
    job = wait_for(local.client, create(local), "failed")
    assert job.error is not None and job.error.code == "worker_died"
    assert "4 回止まりました" in job.error.message
    assert (local.home / "jobs" / job.id / "starts").read_text() == "4"


def test_an_unknown_job_is_a_404_in_openais_words(shared: Local) -> None:
    for call in (
        shared.client.fine_tuning.jobs.retrieve,
        shared.client.fine_tuning.jobs.cancel,
        shared.client.fine_tuning.jobs.list_events,
        shared.client.fine_tuning.jobs.checkpoints.list,
    ):
        with pytest.raises(openai.NotFoundError, match="Could not find fine tune") as caught:
            call("ftjob-none")
        assert caught.value.code == "fine_tune_not_found"


def test_a_suffix_never_breaks_the_name_of_the_model(shared: Local) -> None:
    job = wait_for(shared.client, create(shared, suffix="法務 a:b/c"), "succeeded")
    assert job.fine_tuned_model is not None
    assert job.fine_tuned_model.split(":")[:4] == ["ft", "tiny", "local", "法務-a-b-c"]
    assert shared.client.models.retrieve(job.fine_tuned_model).id == job.fine_tuned_model


def test_personal_data_in_a_training_file_is_told_by_example_and_never_quoted(local: Local) -> None:
    examples = lines(12)
    examples[2]["messages"][1]["content"] = "担当は佐藤一郎さん、電話は03-1234-5678です。"
    job = local.client.fine_tuning.jobs.create(
        model="tiny", training_file=upload(local.client, examples)
    )
    wait_for(local.client, job.id, "succeeded")
    events = local.client.fine_tuning.jobs.list_events(job.id, limit=100).data
    told = [event for event in events if event.message.startswith("内容の検査: ")]
    assert {event.level for event in told} == {"warn"}
    assert any("電話番号" in event.message and "例 3）" in event.message for event in told)
    assert not any("1234" in event.message or "佐藤" in event.message for event in events)
    assert [e.message for e in events][-1].startswith("Created fine-tuning job")
