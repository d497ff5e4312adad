"""Logprobs, tools, and completions without a chat template."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from server import contract
from server.running import Local

QUESTION: list[Any] = [{"role": "user", "content": "民法526条"}]
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}
]


def ask(local: Local, **options: Any) -> Any:
    options = {"model": "tiny", "messages": QUESTION, **options}
    return local.client.chat.completions.create(**options)


def complete(local: Local, **options: Any) -> Any:
    return local.client.completions.create(**{"model": "tiny", "prompt": "第一条", **options})


def test_logprobs_come_token_by_token_also_in_a_stream(shared: Local) -> None:
    whole = ask(shared, logprobs=True, top_logprobs=1).choices[0]
    tokens = whole.logprobs.content
    assert "".join(token.token for token in tokens) == whole.message.content
    assert bytes(tokens[-1].bytes).decode() == tokens[-1].token
    assert [len(token.top_logprobs) for token in tokens] == [1] * len(tokens)
    assert all(token.top_logprobs == [] for token in ask_tokens(shared))
    streamed = []
    for chunk in ask(shared, logprobs=True, stream=True):
        contract.fits(type(chunk), chunk.to_dict())
        if chunk.choices[0].logprobs:
            streamed += chunk.choices[0].logprobs.content
    assert [token.token for token in streamed] == [token.token for token in tokens]
    assert ask(shared).choices[0].logprobs is None


def ask_tokens(local: Local) -> Any:
    return ask(local, logprobs=True).choices[0].logprobs.content


def test_penalties_reach_the_engine(local: Local) -> None:
    ask(local, frequency_penalty=0.5, presence_penalty=-1)
    request = local.engine.requests[-1]
    assert (request.frequency_penalty, request.presence_penalty) == (0.5, -1)


def test_a_model_with_tools_in_its_template_calls_them_and_reads_their_answer(
    local: Local,
) -> None:
    choice = ask(local, model="org/tiny-2", tools=TOOLS).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "調べます"
    [call] = choice.message.tool_calls
    assert call.function.name == "search"
    assert json.loads(call.function.arguments) == {"条": "民法526条"}
    answer = {"role": "tool", "tool_call_id": call.id, "content": "見つかりました"}
    again = ask(
        local, model="org/tiny-2", tools=TOOLS, messages=[*QUESTION, choice.message, answer]
    )
    assert again.choices[0].message.content == "org/tiny-2|-|見つかりました"
    sent = local.engine.requests[-1].messages
    assert sent[1]["tool_calls"][0]["function"]["arguments"] == {"条": "民法526条"}
    assert sent[2]["tool_call_id"] == call.id


def test_a_tool_call_is_streamed_whole(shared: Local) -> None:
    chunks = list(ask(shared, model="org/tiny-2", tools=TOOLS, stream=True))
    for chunk in chunks:
        contract.fits(type(chunk), chunk.to_dict())
    [called] = [c for c in chunks if c.choices[0].delta.tool_calls]
    assert called.choices[0].delta.tool_calls[0].function.name == "search"
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    plain = ask(shared, model="org/tiny-2", tools=TOOLS, tool_choice="none")
    assert plain.choices[0].message.tool_calls is None


def test_a_tools_answer_is_refused_where_the_template_knows_no_tools(shared: Local) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(shared, messages=[*QUESTION, {"role": "tool", "content": "a", "tool_call_id": "b"}])
    assert caught.value.param == "messages[1].role"


def test_a_text_is_continued_without_a_template(local: Local) -> None:
    whole = complete(local, max_tokens=2, logprobs=1)
    assert whole.choices[0].text == "tiny|-"
    assert whole.choices[0].finish_reason == "length"
    assert whole.choices[0].logprobs.tokens == ["tin", "y|-"]
    assert whole.choices[0].logprobs.text_offset == [0, 3]
    assert local.engine.requests[-1].prompt == "第一条"
    complete(local)
    assert local.engine.requests[-1].max_tokens == 16
    assert whole.usage.completion_tokens == 2


def test_several_prompts_and_choices_are_numbered_through(shared: Local) -> None:
    answer = complete(shared, prompt=["一", "二"], n=2)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert [choice.text[-1] for choice in answer.choices] == ["一", "一", "二", "二"]
    assert answer.usage.prompt_tokens == 14


def test_completions_are_streamed_with_the_usage_at_the_end(shared: Local) -> None:
    options: Any = {"include_usage": True}
    *chunks, last = complete(shared, stream=True, stream_options=options)
    assert "".join(chunk.choices[0].text for chunk in chunks) == "tiny|-|第一条"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.choices == [] and last.usage == complete(shared).usage


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"echo": True}, "echo"),
        ({"best_of": 3}, "best_of"),
        ({"suffix": "終わり"}, "suffix"),
        ({"logprobs": 6}, "logprobs"),
    ],
)
def test_what_completions_cannot_do_is_refused_by_name(
    shared: Local, options: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        complete(shared, **options)
    assert caught.value.param == param
