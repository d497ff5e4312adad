"""The real trainer and llama.cpp behind the real server, on a tiny model."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, OpenAI

from homutune.engine import training_memory
from homutune.server import create_app
from homutune.settings import Settings
from homutune.tuning import example_losses
from server.running import InThread, lines, messages, upload, wait_for, wait_until
from tiny import build_tiny_base

pytestmark = pytest.mark.slow


@pytest.fixture
def client(home: Path) -> Iterator[OpenAI]:
    build_tiny_base(home)
    server = InThread(create_app(Settings(home=home, threads=1)))
    yield server.client
    server.stop()


def test_the_engine_honours_the_hyperparameters_of_a_job_and_reports_those_it_used(
    client: OpenAI, home: Path
) -> None:
    own = {
        "n_epochs": 1,
        "batch_size": 4,
        "lora_rank": 4,
        "lora_alpha": 4,
        "target_modules": ["q_proj", "v_proj"],
        "learning_rate": 0.001,
        "max_length": 40,
        "precision": "fp32",
    }
    job = client.fine_tuning.jobs.create(
        model="tiny-gemma",
        training_file=upload(client, lines(12)),
        extra_body={"hyperparameters": own},
    )
    job = wait_for(client, job.id, "succeeded", "failed", seconds=120)
    assert job.error is None
    used = job.hyperparameters.to_dict()
    assert used["learning_rate_multiplier"] == pytest.approx(0.001 / 7.5e-4)
    assert {name: used[name] for name in own} == own
    config = json.loads((home / "adapters" / job.id / "adapter_config.json").read_text("utf-8"))
    assert (config["r"], config["lora_alpha"]) == (4, 4)
    assert sorted(config["target_modules"]) == ["q_proj", "v_proj"]
    assert any("fp32: 指定のとおり" in message for message in messages(client, job.id))
    base = (home / "bases" / "tiny-gemma").resolve()
    estimate = training_memory(base)
    assert estimate is not None and 1_000_000_000 < estimate < 1_100_000_000


def test_the_real_trainer_pauses_at_a_checkpoint_and_goes_on_from_it(client: OpenAI) -> None:
    jobs = client.fine_tuning.jobs
    job_id = jobs.create(
        model="tiny-gemma",
        training_file=upload(client, lines(12)),
        hyperparameters={"n_epochs": 12, "batch_size": 4},
    ).id
    wait_until(lambda: "Step 3/36" in " ".join(messages(client, job_id)), seconds=120)
    jobs.pause(job_id)
    wait_for(client, job_id, "paused", "succeeded", seconds=60)
    stopped = [m for m in messages(client, job_id) if m.startswith("Step ")]
    assert 3 <= len(stopped) < 36
    jobs.resume(job_id)
    job = wait_for(client, job_id, "succeeded", "failed", seconds=120)
    assert job.error is None and job.fine_tuned_model is not None
    told = messages(client, job_id)
    assert f"Fine-tuning job resumed from step {len(stopped)}" in told
    steps = [m.partition(":")[0] for m in told if m.startswith("Step ")]
    assert steps == [f"Step {i}/36" for i in range(1, 37)]


def test_the_real_engine_enforces_json_gives_logprobs_and_continues_texts(client: OpenAI) -> None:
    ask: Any = client.chat.completions.create
    asked: Any = {"model": "tiny-gemma", "messages": [{"role": "user", "content": "契約"}]}
    schema = {
        "type": "object",
        "properties": {"a": {"type": "boolean"}, "b": {"enum": ["あ", "い"]}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    for seed in range(3):
        text = ask(**asked, response_format=wanted, seed=seed).choices[0].message.content
        assert json.loads(text)["b"] in ("あ", "い")
    assert ask(**asked, response_format=wanted, seed=1) != ask(**asked, seed=1)
    choice = ask(**asked, logprobs=True, top_logprobs=3, max_tokens=5, temperature=0).choices[0]
    content = choice.logprobs.content
    assert len(content) == 5 and all(len(token.top_logprobs) == 3 for token in content)
    assert all(token.logprob == token.top_logprobs[0].logprob <= 0 for token in content)
    free = client.completions.create(model="tiny-gemma", prompt="契約", max_tokens=8, seed=1)
    assert free.usage is not None and free.usage.prompt_tokens == 3  # <bos> and two characters
    # The same seed gives the same text, and a stop sequence ends it before itself.
    again = client.completions.create(model="tiny-gemma", prompt="契約", max_tokens=8, seed=1)
    assert again.choices[0].text == free.choices[0].text
    stopped = client.completions.create(
        model="tiny-gemma", prompt="契約", max_tokens=8, seed=1, stop=free.choices[0].text[2]
    )
    assert stopped.choices[0].text == free.choices[0].text[:2]
    assert stopped.choices[0].finish_reason == "stop"
    with pytest.raises(BadRequestError) as caught:
        ask(**{**asked, "messages": [{"role": "user", "content": "契" * 5000}]})
    assert caught.value.code == "context_length_exceeded"


def test_tools_go_through_a_template_that_knows_them(client: OpenAI, home: Path) -> None:
    template = home / "bases" / "tiny-gemma" / "chat_template.jinja"
    template.write_text(
        "{% if tools %}{{ tools | tojson }}<tool_call>{% endif %}" + template.read_text("utf-8"),
        "utf-8",
    )
    tools: Any = [{"type": "function", "function": {"name": "search"}}]
    ask: Any = client.chat.completions.create
    asked: Any = {
        "model": "tiny-gemma",
        "messages": [{"role": "user", "content": "契約"}],
        "max_tokens": 4,
    }
    assert ask(**asked, tools=tools).usage.prompt_tokens > ask(**asked).usage.prompt_tokens + 20


def test_a_max_length_that_ends_before_the_answer_is_told(client: OpenAI) -> None:
    job = client.fine_tuning.jobs.create(
        model="tiny-gemma",
        training_file=upload(client, lines(12)),
        extra_body={"hyperparameters": {"n_epochs": 1, "max_length": 16}},
    )
    job = wait_for(client, job.id, "succeeded", "failed", seconds=120)
    assert job.error is not None and "max_length 16" in job.error.message


def test_a_tuned_model_is_trained_and_answers_otherwise_than_its_base(client: OpenAI) -> None:
    job = client.fine_tuning.jobs.create(
        model="tiny-gemma",
        training_file=upload(client, lines(12)),
        validation_file=upload(client, lines(2, start=20)),
        hyperparameters={"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 20.0},
        seed=1,
    )
    job = wait_for(client, job.id, "succeeded", "failed", seconds=120)
    assert job.error is None and job.status == "succeeded"
    told = messages(client, job.id)
    assert told[4] == "Fine-tuning job started"
    assert told[-1] == "The job has successfully completed"
    assert len(told) == len(set(told))
    listed = client.fine_tuning.jobs.checkpoints.list(job.id).data
    assert len(listed) == 2 and listed[0].metrics.full_valid_loss is not None
    assert [row.example for row in sorted(example_losses(client, job))] == list(range(1, 13))
    csv = base64.b64decode(client.files.content(job.result_files[0]).text).decode()
    assert csv.startswith("step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n")

    def answer(model: str, stream: bool) -> str:
        asked = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "質問"}],
            temperature=0,
            max_tokens=8,
            stream=stream,
        )
        if not stream:
            assert asked.usage.completion_tokens <= 8
            return asked.choices[0].message.content
        return "".join(chunk.choices[0].delta.content or "" for chunk in asked)

    assert job.fine_tuned_model is not None
    base, tuned = answer("tiny-gemma", False), answer(job.fine_tuned_model, False)
    assert base != tuned
    assert answer(job.fine_tuned_model, True) == tuned
    assert answer("tiny-gemma", True) == base
    assert answer(listed[0].fine_tuned_model_checkpoint, False) == tuned


def test_preferences_are_trained_after_supervised_training_and_change_the_answer(
    client: OpenAI,
) -> None:
    jobs = client.fine_tuning.jobs
    options: Any = {"n_epochs": 6, "batch_size": 4, "learning_rate_multiplier": 20.0}
    first = jobs.create(
        model="tiny-gemma", training_file=upload(client, lines(12)), hyperparameters=options, seed=1
    )
    first = wait_for(client, first.id, "succeeded", "failed", seconds=120)
    pairs: list[Any] = [
        {
            "input": {"messages": line["messages"][:-1]},
            "preferred_output": [{"role": "assistant", "content": "いいえ"}],
            "non_preferred_output": line["messages"][-1:],
        }
        for line in lines(15)
    ]
    second = jobs.create(
        model=str(first.fine_tuned_model),
        training_file=upload(client, pairs[:12]),
        validation_file=upload(client, pairs[12:]),
        method={"type": "dpo", "dpo": {"hyperparameters": {**options, "beta": 0.2}}},
        seed=1,
    )
    second = wait_for(client, second.id, "succeeded", "failed", seconds=120)
    assert second.error is None and second.status == "succeeded"
    assert second.method is not None and second.method.dpo is not None
    assert second.method.dpo.hyperparameters is not None
    assert second.method.dpo.hyperparameters.beta == 0.2
    scored = jobs.checkpoints.list(second.id).data[0].metrics
    assert scored.full_valid_loss is not None and scored.full_valid_loss < 0.3
    assert scored.full_valid_mean_token_accuracy == 1.0
    asked = [
        client.chat.completions.create(
            model=str(job.fine_tuned_model),
            messages=pairs[0]["input"]["messages"],
            temperature=0,
            max_tokens=12,
        )
        for job in (first, second)
    ]
    assert asked[0].choices[0].message.content != asked[1].choices[0].message.content
