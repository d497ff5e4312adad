"""Pausing and resuming, our own hyperparameters, preference files, memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from server.running import Local, lines, messages, upload, wait_for, wait_until


def create(local: Local, **options: Any) -> str:
    options = {"model": "tiny", **options}
    if "training_file" not in options:
        options["training_file"] = upload(local.client, lines(12))
    return local.client.fine_tuning.jobs.create(**options).id


def step_of(local: Local, job_id: str) -> int:
    return sum(message.startswith("Step ") for message in messages(local.client, job_id))


def test_a_running_job_pauses_lets_others_run_and_goes_on_where_it_stopped(
    start: Callable[..., Local],
) -> None:
    local = start("--steps", "8", "--hold-at", "4")
    jobs = local.client.fine_tuning.jobs
    first = create(local)
    wait_until(lambda: step_of(local, first) == 4)
    jobs.pause(first)
    paused = wait_for(local.client, first, "paused")
    assert paused.finished_at is None and paused.hyperparameters.batch_size == 4
    assert messages(local.client, first)[-1] == "Fine-tuning job paused"
    (local.home / "go").touch()
    wait_for(local.client, create(local), "succeeded")
    assert jobs.retrieve(first).status == "paused"
    assert jobs.resume(first).status == "queued"
    wait_for(local.client, first, "succeeded")
    told = messages(local.client, first)
    assert [m for m in told if m.startswith("Step")] == [
        f"Step {i}/8: training loss={1 / i:.2f}" for i in range(1, 9)
    ]
    assert not [m for m in told if "途中で止まりました" in m]


def test_a_waiting_job_pauses_at_once_and_can_be_cancelled(start: Callable[..., Local]) -> None:
    local = start("--steps", "200", "--step-s", "0.05")
    jobs = local.client.fine_tuning.jobs
    first, second = create(local), create(local)
    wait_for(local.client, second, "queued")
    assert jobs.pause(second).status == "paused"
    assert jobs.pause(second).status == "paused"
    assert [job.status for job in jobs.list() if job.id == second] == ["paused"]
    jobs.cancel(first)
    wait_for(local.client, first, "cancelled")
    assert jobs.cancel(second).status == "cancelled"
    for refused in (jobs.pause, jobs.resume):
        with pytest.raises(openai.BadRequestError, match=second):
            refused(second)


def test_a_paused_job_is_still_paused_after_a_restart(start: Callable[..., Local]) -> None:
    local = start("--steps", "8", "--hold-at", "2")
    job_id = create(local)
    wait_until(lambda: step_of(local, job_id) == 2)
    local.client.fine_tuning.jobs.pause(job_id)
    wait_for(local.client, job_id, "paused")
    local.stop()
    (local.home / "go").touch()
    again = start("--steps", "8", "--hold-at", "2")
    assert again.client.fine_tuning.jobs.retrieve(job_id).status == "paused"
    again.client.fine_tuning.jobs.resume(job_id)
    wait_for(again.client, job_id, "succeeded")


def test_only_a_paused_job_can_be_resumed(start: Callable[..., Local]) -> None:
    local = start("--hold-at", "2")
    job_id = create(local)
    wait_for(local.client, job_id, "running")
    with pytest.raises(openai.BadRequestError, match="Job is not paused"):
        local.client.fine_tuning.jobs.resume(job_id)


def test_our_own_hyperparameters_reach_the_worker_and_are_reported(
    start: Callable[..., Local],
) -> None:
    local = start()
    own = {
        "n_epochs": 2,
        "lora_rank": 8,
        "lora_alpha": 32,
        "target_modules": ["q_proj", "v_proj"],
        "learning_rate": 1e-4,
        "max_length": 512,
        "precision": "fp32",
        "load_in_4bit": True,
    }
    job_id = create(local, extra_body={"hyperparameters": own})
    shown = local.client.fine_tuning.jobs.retrieve(job_id).hyperparameters
    assert shown.model_extra is not None and shown.model_extra["lora_rank"] == 8
    wait_for(local.client, job_id, "succeeded")
    described = json.loads((local.home / "jobs" / job_id / "job.json").read_text("utf-8"))
    auto = {"batch_size": "auto", "learning_rate_multiplier": "auto"}
    assert described["hyperparameters"] == {**auto, **own}


def preference(number: int) -> dict[str, Any]:
    return {
        "input": {"messages": [{"role": "user", "content": f"質問{number}"}]},
        "preferred_output": [{"role": "assistant", "content": "良い答え"}],
        "non_preferred_output": [{"role": "assistant", "content": "悪い答え"}],
    }


DPO: Any = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}}


def refused_dpo(local: Local, examples: list[Any]) -> openai.BadRequestError:
    before = list(local.client.fine_tuning.jobs.list())
    with pytest.raises(openai.BadRequestError) as caught:
        create(local, method=DPO, training_file=upload(local.client, examples))
    assert list(local.client.fine_tuning.jobs.list()) == before
    return caught.value


def test_conversations_for_a_dpo_job_are_refused_in_openais_words(shared: Local) -> None:
    error = refused_dpo(shared, lines(12))
    assert (error.code, error.param) == ("invalid_training_file", "training_file")
    assert "is in the fine-tune-chat format, but the specified fine-tuning job" in error.message
    assert "(provided method=dpo)" in error.message


BAD_PREFERENCES: list[tuple[Any, str]] = [
    ({**preference(3), "weight": 1}, 'Example 3 contains an extra "weight".'),
    (
        {k: v for k, v in preference(3).items() if k != "preferred_output"},
        "Example 3 is missing key 'preferred_output'",
    ),
    ({**preference(3), "input": {}}, "Example 3 key 'input.messages' must be a non-empty list"),
    (
        {**preference(3), "non_preferred_output": [{"role": "user", "content": "a"}]},
        "Example 3, non_preferred_output must be a message from the assistant",
    ),
    (
        {**preference(3), "preferred_output": []},
        "Example 3 key 'preferred_output' must be a list of one message",
    ),
    (
        {**preference(3), "non_preferred_output": preference(3)["preferred_output"]},
        "Example 3 has the same preferred_output and non_preferred_output",
    ),
]


@pytest.mark.parametrize(("example", "text"), BAD_PREFERENCES)
def test_a_bad_preference_is_told_with_its_number(shared: Local, example: Any, text: str) -> None:
    examples = [preference(i) for i in range(12)]
    examples[2] = example
    assert text in refused_dpo(shared, examples).message


def test_too_few_preferences_are_refused(shared: Local) -> None:
    assert "at least 10 examples" in refused_dpo(shared, [preference(i) for i in range(9)]).message


def test_a_good_preference_file_is_trained_on_by_dpo(local: Local) -> None:
    job_id = create(
        local,
        method=DPO,
        training_file=upload(local.client, [preference(i) for i in range(12)]),
        validation_file=upload(local.client, [preference(i) for i in range(20, 22)]),
    )
    described = wait_for_description(local, job_id)
    assert (described["method"], described["hyperparameters"]["beta"]) == ("dpo", 0.1)
    job = wait_for(local.client, job_id, "succeeded", "failed")
    assert job.status == "succeeded"
    assert job.method is not None and job.method.type == "dpo" and job.method.dpo is not None
    assert job.method.supervised is None


def test_preferences_in_both_files_are_refused(local: Local) -> None:
    both = [preference(i) for i in range(12)]
    job_id = create(
        local,
        method=DPO,
        training_file=upload(local.client, both),
        validation_file=upload(local.client, both[4:6]),
    )
    job = wait_for(local.client, job_id, "failed", "succeeded")
    assert job.error is not None and job.error.code == "invalid_validation_file"
    assert "is also example 5 of the training file" in job.error.message


def test_a_tuned_model_is_trained_further_with_its_own_lora_settings(local: Local) -> None:
    first = wait_for(local.client, create(local), "succeeded").fine_tuned_model
    assert first is not None
    with pytest.raises(openai.BadRequestError) as caught:
        create(local, model=first, extra_body={"hyperparameters": {"lora_rank": 8}})
    assert caught.value.param == "hyperparameters.lora_rank"
    job_id = create(local, model=first)
    described = wait_for_description(local, job_id)
    assert described["model"] == "tiny"
    start = Path(described["start_adapter"])
    assert start.parent.name == job_id, "a copy: the first model may be deleted meanwhile"
    job = wait_for(local.client, job_id, "succeeded")
    wait_until(lambda: not start.exists())
    assert job.model == first and str(job.fine_tuned_model).startswith("ft:tiny:local::")
    answer = local.client.chat.completions.create(
        model=str(job.fine_tuned_model), messages=[{"role": "user", "content": "質問"}]
    )
    assert answer.choices[0].message.content == f"tiny|{job_id}|質問"


def wait_for_description(local: Local, job_id: str) -> Any:
    path = local.home / "jobs" / job_id / "job.json"
    wait_until(path.exists)
    return json.loads(path.read_text("utf-8"))


def test_early_stopping_without_a_validation_file_is_refused(shared: Local) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        create(shared, extra_body={"hyperparameters": {"early_stopping_patience": 2}})
    assert caught.value.param == "hyperparameters.early_stopping_patience"


@pytest.mark.parametrize("beta", [0, 2.1, "high"])
def test_beta_keeps_openais_limits(shared: Local, beta: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        create(shared, method={"type": "dpo", "dpo": {"hyperparameters": {"beta": beta}}})
    assert caught.value.param == "method.dpo.hyperparameters.beta"


def test_a_model_that_does_not_fit_in_memory_is_refused_before_anything_is_queued(
    start: Callable[..., Local],
) -> None:
    local = start(memory_limit_gb=2)
    file_id = upload(local.client, lines(12))
    with pytest.raises(openai.BadRequestError, match=r"about 5\.0 GB .* only 2\.0 GB") as caught:
        create(local, training_file=file_id)
    assert (caught.value.code, caught.value.param) == ("insufficient_memory", "model")
    assert local.client.fine_tuning.jobs.list().data == []
    assert local.client.files.retrieve(file_id).id == file_id
    assert list((local.home / "jobs").glob("*")) == []


def test_a_job_for_a_deleted_file_is_refused(shared: Local) -> None:
    file_id = upload(shared.client, lines(12))
    shared.client.files.delete(file_id)
    with pytest.raises(openai.BadRequestError) as caught:
        create(shared, training_file=file_id)
    assert (caught.value.code, caught.value.param) == ("file_not_found", "training_file")
