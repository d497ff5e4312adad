"""Chat handed to another OpenAI-compatible server; here, to a second one of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from homutune.client import ExternalSendForbidden, LegalModel, Retry, ServerFault
from homutune.errors import UserError
from homutune.settings import load_settings
from ports import free_port
from server.running import Local, lines, upload, wait_until


@pytest.fixture
def upstream(home: Path, tmp_path: Path) -> Iterator[Local]:
    # An open address, so that it asks for its key.
    local = Local(tmp_path / "upstream", host="0.0.0.0", server_api_key="鍵")
    yield local
    local.stop()


@pytest.fixture
def front(home: Path, upstream: Local) -> Iterator[Local]:
    there = {"url": f"{upstream.url}/v1", "api_key": "鍵", "models": {"keiyaku": "org/tiny-2"}}
    down = {"url": f"http://127.0.0.1:{free_port()}/v1", "models": ["down"]}
    wrong = {"url": f"{upstream.url}/v1", "api_key": "x", "models": ["tiny-there"]}
    local = Local(home, upstreams=[there, down, wrong])
    yield local
    local.stop()


def ask(local: Local, model: str, **options: Any) -> Any:
    return local.client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "質問です"}], **options
    )


def test_a_configured_model_is_answered_by_the_upstream_under_our_name(
    front: Local, upstream: Local
) -> None:
    answer = ask(front, "keiyaku", temperature=0)
    assert answer.choices[0].message.content == "org/tiny-2|-|質問です"
    assert answer.model == "keiyaku" and answer.usage.prompt_tokens == 7
    assert len(upstream.engine.requests) == 1 and front.engine.requests == []
    assert upstream.engine.requests[0].temperature == 0


def test_streams_come_piece_by_piece_with_their_usage(front: Local) -> None:
    chunks = list(ask(front, "keiyaku", stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == (
        "org/tiny-2|-|質問です"
    )
    assert {chunk.model for chunk in chunks} == {"keiyaku"}
    assert chunks[-1].usage is not None and chunks[-1].usage.prompt_tokens == 7


def test_a_stream_that_is_given_up_stops_the_work_there(front: Local, upstream: Local) -> None:
    stream = front.client.chat.completions.create(
        model="keiyaku", messages=[{"role": "user", "content": "終わらない"}], stream=True
    )
    next(iter(stream))
    stream.close()
    wait_until(lambda: upstream.engine.closed == 1)


def test_all_other_models_are_answered_here(front: Local, upstream: Local) -> None:
    assert ask(front, "tiny").choices[0].message.content == "tiny|-|質問です"
    assert upstream.engine.requests == []
    with pytest.raises(openai.NotFoundError):
        ask(front, "unknown")


def test_what_the_upstream_refuses_reaches_the_caller_as_it_is(front: Local) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        ask(front, "tiny-there")
    assert caught.value.code == "invalid_api_key"
    with pytest.raises(openai.BadRequestError):
        ask(front, "keiyaku", temperature=9)


def test_an_upstream_that_is_down_is_told_in_openais_shape(front: Local) -> None:
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError) as caught:
            ask(front, "down", stream=stream)
        assert (caught.value.status_code, caught.value.code) == (502, "upstream_unavailable")


def test_the_callers_key_is_not_passed_on(front: Local, upstream: Local) -> None:
    seen = httpx2.post(
        f"{front.url}/v1/chat/completions",
        headers={"authorization": "Bearer 秘密".encode()},
        json={"model": "tiny-there", "messages": [{"role": "user", "content": "a"}]},
    )
    assert seen.status_code == 401, "the upstream saw its own, wrong key"


def test_upstream_models_are_listed_but_cannot_be_trained_or_deleted(front: Local) -> None:
    listed = {model.id: model.owned_by for model in front.client.models.list()}
    assert listed["keiyaku"] == "upstream" and listed["tiny"] == "tests"
    assert front.client.models.retrieve("keiyaku").id == "keiyaku"
    with pytest.raises(openai.NotFoundError):
        front.client.models.delete("keiyaku")
    with pytest.raises(openai.NotFoundError):
        front.client.fine_tuning.jobs.create(
            model="keiyaku", training_file=upload(front.client, lines(12))
        )


def test_what_is_not_json_gets_our_own_error(front: Local) -> None:
    for content in (b"{", b"[]", json.dumps({"model": 3}).encode()):
        answer = httpx2.post(f"{front.url}/v1/chat/completions", content=content)
        assert answer.status_code == 400


def test_upstreams_are_read_from_the_settings_file(home: Path) -> None:
    toml = Path("homutune.toml")
    toml.write_text(
        '[[upstreams]]\nurl = "http://gpu:8000/v1"\nmodels = ["a", "b"]\n'
        '[[upstreams]]\nurl = "http://other/v1"\nmodels = { c = "d" }\napi_key = "k"\n'
    )
    first, second = load_settings().upstreams
    assert first.models == {"a": "a", "b": "b"} and second.models == {"c": "d"}
    assert "k" not in repr(second.api_key)
    toml.write_text('[[upstreams]]\nurl = "ftp://x"\nmodels = ["a"]\n')
    with pytest.raises(UserError, match="upstreams"):
        load_settings()


FAR = {"url": "http://models.example/v1", "models": ["far"]}


def test_with_external_sending_forbidden_a_server_does_not_start_with_a_far_upstream(
    home: Path, upstream: Local
) -> None:
    with pytest.raises(UserError, match="外部送信禁止"):
        Local(home, upstreams=[FAR], no_external=True)
    near = {"url": f"{upstream.url}/v1", "api_key": "鍵", "models": ["org/tiny-2"]}
    local = Local(home, upstreams=[near], no_external=True)
    assert ask(local, "org/tiny-2").choices[0].message.content == "org/tiny-2|-|質問です"
    local.stop()


def test_a_question_marked_as_not_to_be_sent_out_stops_at_our_server(home: Path) -> None:
    local = Local(home, upstreams=[FAR])
    settings = load_settings(home=home, base_url=f"{local.url}/v1")
    with pytest.raises(ExternalSendForbidden, match="外部送信禁止"):
        LegalModel("far", settings=settings, no_external=True).ask("質問です")
    # without the mark it would have gone out: nobody answers there
    with pytest.raises(ServerFault):
        LegalModel("far", settings=settings, retry=Retry(attempts=1)).ask("質問です")
    local.stop()
