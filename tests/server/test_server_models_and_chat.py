from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from server.running import Local, client_for, lines, upload, wait_for, wait_until

QUESTION: list[Any] = [{"role": "user", "content": "売買の検査はいつまで？"}]


def ask(local: Local, **options: Any) -> Any:
    options = {"model": "tiny", "messages": QUESTION, **options}
    return local.client.chat.completions.create(**options)


def tuned(local: Local) -> str:
    file_id = upload(local.client, lines(10))
    job = local.client.fine_tuning.jobs.create(model="tiny", training_file=file_id)
    return wait_for(local.client, job.id, "succeeded").fine_tuned_model or ""


def test_base_and_tuned_models_are_listed_and_found(local: Local) -> None:
    name = tuned(local)
    assert [model.id for model in local.client.models.list()] == [
        "tiny",
        "org/tiny-2",
        "tiny-e5",
        name,
    ]
    assert local.client.models.retrieve("org/tiny-2").owned_by == "tests"
    assert local.client.models.retrieve(name).owned_by == "local"
    with pytest.raises(openai.NotFoundError) as caught:
        local.client.models.retrieve("ft:tiny:local::none")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_deleting_a_tuned_model_removes_its_weights(local: Local) -> None:
    name = tuned(local)
    assert local.client.models.delete(name).deleted
    assert list((local.home / "adapters").iterdir()) == []
    assert name not in [model.id for model in local.client.models.list()]
    with pytest.raises(openai.NotFoundError):
        ask(local, model=name)
    with pytest.raises(openai.NotFoundError):
        local.client.models.delete(name)


def test_a_base_model_cannot_be_deleted(local: Local) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        local.client.models.delete("tiny")
    assert caught.value.code == "insufficient_permissions"


def test_an_answer_and_its_stream_say_the_same(local: Local) -> None:
    whole = ask(local)
    assert whole.choices[0].message.content == "tiny|-|売買の検査はいつまで？"
    assert whole.choices[0].finish_reason == "stop"
    chunks = list(ask(local, stream=True))
    for chunk in chunks:
        type(chunk).model_validate(chunk.to_dict(), strict=True)
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_ends_with_the_usage_when_asked(local: Local) -> None:
    usage = ask(local).usage
    *chunks, last = ask(local, stream=True, stream_options={"include_usage": True})
    assert last.choices == [] and last.usage == usage
    assert all("usage" in chunk.to_dict() and chunk.usage is None for chunk in chunks)


def test_every_parameter_reaches_the_engine(local: Local) -> None:
    ask(
        local,
        messages=[
            {"role": "developer", "content": [{"type": "text", "text": "短く。"}]},
            {"role": "user", "content": "一"},
            {"role": "assistant", "content": "二", "refusal": None},
            *QUESTION,
        ],
        temperature=0,
        top_p=0.5,
        max_tokens=9,
        stop="。",
        seed=3,
        user="someone",
    )
    request = local.engine.requests[-1]
    assert [message["role"] for message in request.messages] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    assert request.messages[0]["content"] == "短く。"
    assert (request.temperature, request.top_p, request.max_tokens) == (0, 0.5, 9)
    assert (list(request.stop), request.seed) == (["。"], 3)
    ask(local)
    request = local.engine.requests[-1]
    assert (request.temperature, request.top_p, request.max_tokens) == (1.0, 1.0, None)


def test_a_cut_answer_says_so(local: Local) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        answer = ask(local, **{name: 1})
        assert answer.choices[0].message.content == "tin"
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage.completion_tokens == 1


def test_json_is_asked_of_the_engine(local: Local) -> None:
    schema = {"type": "object", "properties": {"答え": {"type": "string"}}}
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    answer = ask(local, response_format=wanted)
    assert "答え" in json.loads(answer.choices[0].message.content)
    assert local.engine.requests[-1].json_schema == schema
    ask(local, response_format={"type": "json_object"})
    assert local.engine.requests[-1].json_object


def test_n_gives_several_choices_with_seeds_of_their_own(local: Local) -> None:
    answer = ask(local, n=3, seed=10)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert [request.seed for request in local.engine.requests] == [10, 11, 12]
    assert answer.usage.prompt_tokens == 7
    assert answer.usage.completion_tokens == 3 * ask(local).usage.completion_tokens
    indices = {chunk.choices[0].index for chunk in ask(local, n=2, stream=True)}
    assert indices == {0, 1}


@pytest.mark.parametrize(
    ("options", "param", "code"),
    [
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            "tools",
            "unsupported_parameter",
        ),
        ({"tool_choice": "required"}, "tool_choice", "unsupported_parameter"),
        ({"logit_bias": {"1": 2}}, "logit_bias", "unsupported_parameter"),
        ({"presence_penalty": 2.5}, "presence_penalty", "invalid_value"),
        ({"top_logprobs": 2}, None, "invalid_value"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "invalid_value"),
        ({"stop": [""]}, "stop[0]", "invalid_value"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": {"type": "nonsense"}},
                }
            },
            "response_format",
            None,
        ),
        ({"reasoning_effort": "low"}, "reasoning_effort", "unsupported_parameter"),
        ({"extra_body": {"top_k": 3}}, "top_k", "unknown_parameter"),
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"n": 9}, "n", "invalid_value"),
        ({"stop": ["a"] * 5}, "stop", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content",
            "invalid_value",
        ),
        ({"max_tokens": "many"}, "max_tokens", "invalid_type"),
        ({"response_format": {"type": "json_schema"}}, "response_format", "invalid_value"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(
    shared: Local, options: dict[str, Any], param: str | None, code: str | None
) -> None:
    before = len(shared.engine.requests)
    with pytest.raises(openai.BadRequestError) as caught:
        ask(shared, **options)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert len(shared.engine.requests) == before


def test_parameters_that_ask_for_nothing_are_taken(local: Local) -> None:
    assert ask(local, frequency_penalty=0, logprobs=False, tool_choice="none", tools=[])


def test_an_unknown_model_is_a_404(local: Local) -> None:
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError) as caught:
            ask(local, model="gpt-4o-mini", stream=stream)
        assert caught.value.code == "model_not_found"


def test_the_engines_refusal_is_a_400_also_for_a_stream(local: Local) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="会話形式に合いません"):
            ask(local, messages=[{"role": "user", "content": "断る"}], stream=stream)


def test_a_prompt_longer_than_the_context_is_told_in_openais_words(local: Local) -> None:
    for stream in (False, True):
        with pytest.raises(
            openai.BadRequestError, match="maximum context length is 4096"
        ) as caught:
            ask(local, messages=[{"role": "user", "content": "長すぎる"}], stream=stream)
        assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    with pytest.raises(openai.BadRequestError) as caught:
        local.client.completions.create(model="tiny", prompt="長すぎる")
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "prompt")


def test_an_unforeseen_error_is_a_calm_500_and_no_content_gets_into_the_log(
    local: Local, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError) as caught:
            ask(local, messages=[{"role": "user", "content": "爆発"}], stream=stream)
        assert "had an error" in caught.value.message
        assert str(caught.value.request_id) in caught.value.message
        assert "機密" not in caught.value.message
    with pytest.raises(openai.APIError, match="had an error"):
        list(ask(local, messages=[{"role": "user", "content": "途中で爆発"}], stream=True))
    assert "RuntimeError" in caplog.text
    assert str(caught.value.request_id) in caplog.text
    assert "機密" not in caplog.text and "爆発" not in caplog.text


def test_a_client_that_goes_away_stops_its_answer(local: Local) -> None:
    endless: Any = {"messages": [{"role": "user", "content": "終わらない"}]}
    with ask(local, stream=True, **endless) as stream:
        next(iter(stream))
    wait_until(lambda: local.engine.closed == 1)
    impatient = client_for(local.url, timeout=0.3)
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(model="tiny", **endless)
    wait_until(lambda: local.engine.closed == 2)


def test_more_requests_than_slots_are_all_answered(local: Local) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask(local), range(20)))
    assert {answer.choices[0].message.content for answer in answers} == {
        "tiny|-|売買の検査はいつまで？"
    }
