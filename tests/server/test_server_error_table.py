"""The errors people know from OpenAI's logs, word for word, each with its code."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from server.running import Local, error_message, jsonl, lines, upload, wait_for

PREFIX = "The job failed due to an invalid training file. Invalid file format. "


def preference() -> dict[str, Any]:
    return {
        "input": {"messages": [{"role": "user", "content": "質問"}]},
        "preferred_output": [{"role": "assistant", "content": "良い"}],
        "non_preferred_output": [{"role": "assistant", "content": "悪い"}],
    }


def with_example(count: int, number: int, example: Any) -> list[Any]:
    examples: list[Any] = lines(count)
    examples[number - 1] = example
    return examples


ANSWER = lines(1)[0]["messages"][1]
NO_ROLE = {"messages": [{"role": "user", "content": "a"}, {"content": "b"}, ANSWER]}
EXTRA = {**lines(1)[0], "weight": 1}
TOKEN = {"messages": [{"role": "user", "content": "<|fim_suffix|>"}, ANSWER]}

TABLE: list[tuple[str, list[Any], str, str]] = [
    (
        "too few",
        lines(3),
        "invalid_n_examples",
        "Training file has 3 example(s), but must have at least 10 examples",
    ),
    (
        "no role",
        with_example(101, 100, NO_ROLE),
        "invalid_training_file",
        f"{PREFIX}Example 100, message 2 Discriminator 'role' is missing in value",
    ),
    (
        "no messages",
        with_example(12, 1, {"prompt": "a"}),
        "invalid_training_file",
        f"{PREFIX}Example 1 is missing key 'messages'",
    ),
    (
        "extra key",
        with_example(12, 1, EXTRA),
        "invalid_training_file",
        f'{PREFIX}Example 1 contains an extra "weight".',
    ),
    (
        "special token",
        with_example(6200, 6174, TOKEN),
        "invalid_training_file",
        f"{PREFIX}Example 6174 message contains an invalid token: <|fim_suffix|>.",
    ),
]


@pytest.mark.parametrize(
    ("examples", "code", "message"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_a_bad_training_file_fails_the_job_in_openais_words(
    shared: Local, examples: list[Any], code: str, message: str
) -> None:
    job = shared.client.fine_tuning.jobs.create(
        model="tiny", training_file=upload(shared.client, examples)
    )
    job = wait_for(shared.client, job.id, "failed", "succeeded")
    assert job.error is not None
    assert (job.error.code, job.error.param) == (code, "training_file")
    assert job.error.message == message


def test_a_line_that_breaks_after_the_upload_fails_the_job_with_its_place(local: Local) -> None:
    file_id = upload(local.client, lines(1300))
    stored = local.home / "files" / file_id
    broken = stored.read_bytes().split(b"\n")
    broken[1272] = broken[1272][:-1]
    stored.write_bytes(b"\n".join(broken))
    job = local.client.fine_tuning.jobs.create(model="tiny", training_file=file_id)
    job = wait_for(local.client, job.id, "failed", "succeeded")
    assert job.error is not None and job.error.code == "invalid_training_file"
    assert "Example 1273 cannot be parsed. Error: line contains invalid json: " in job.error.message
    assert job.error.message.endswith("(line 1273)")


def test_the_wrong_kind_of_file_for_the_method_is_named(shared: Local) -> None:
    chat = upload(shared.client, lines(12))
    dpo: Any = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}}
    with pytest.raises(openai.BadRequestError) as caught:
        shared.client.fine_tuning.jobs.create(model="tiny", training_file=chat, method=dpo)
    assert error_message(caught.value) == (
        f"Input file {chat} is in the fine-tune-chat format, but the specified fine-tuning job "
        "is not using 'supervised' as the training method (provided method=dpo)."
    )
    pairs = upload(shared.client, [preference() for _ in range(12)])
    job = shared.client.fine_tuning.jobs.create(model="tiny", training_file=pairs)
    job = wait_for(shared.client, job.id, "failed", "succeeded")
    assert job.error is not None and job.error.code == "invalid_training_file"
    assert f"Input file {pairs} is in the fine-tune-preference format" in job.error.message
    assert "(provided method=supervised)" in job.error.message


def test_what_is_not_jsonl_is_refused_at_upload(shared: Local) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        upload(shared.client, b'[{"messages": []}]')
    assert caught.value.code == "invalid_file_format"
    assert error_message(caught.value) == (
        "Expected file to have JSONL format, where every line is a JSON dictionary. Line 1 is "
        'not a dictionary (HINT: line starts with: "[{"message...").'
    )


def test_the_other_refusals_keep_what_was_there(local: Local) -> None:
    jobs = local.client.fine_tuning.jobs
    training = upload(local.client, lines(12))
    overlapping = upload(local.client, lines(2, start=11))
    failed = jobs.create(model="tiny", training_file=training, validation_file=overlapping)
    job = wait_for(local.client, failed.id, "failed", "succeeded")
    assert job.error is not None
    assert (job.error.code, job.error.param) == ("invalid_validation_file", "validation_file")
    assert "must not overlap" in job.error.message
    with pytest.raises(openai.BadRequestError) as caught:
        jobs.create(model="tiny", training_file=training, suffix="x" * 65)
    assert (caught.value.param, caught.value.code) == ("suffix", "invalid_value")
    done = wait_for(local.client, jobs.create(model="tiny", training_file=training).id, "succeeded")
    with pytest.raises(openai.BadRequestError, match="Job has already completed"):
        jobs.cancel(done.id)
    assert jobs.retrieve(done.id) == done
    assert local.client.models.retrieve(str(done.fine_tuned_model)).id == done.fine_tuned_model
    local.client.files.delete(training)
    with pytest.raises(openai.BadRequestError) as caught:
        jobs.create(model="tiny", training_file=training)
    assert caught.value.code == "file_not_found"
    assert [job.id for job in jobs.list()] == [done.id, failed.id]
    assert jsonl(lines(2, start=11)) == local.client.files.content(overlapping).read()
