"""``LegalModel`` against a scripted server on a real port: requests, forms, failures, names."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from client.upstream import Fail, Say, Upstream
from homutune.client import (
    BadReply,
    Budget,
    BudgetExceeded,
    CircuitBreaker,
    CircuitOpen,
    ExternalSendForbidden,
    Knowledge,
    LegalModel,
    ModelError,
    ModelNotFound,
    Options,
    Price,
    QuotaExhausted,
    RateLimited,
    Retry,
    ServerFault,
    TimedOut,
    TooLarge,
    Unreachable,
)
from homutune.errors import UserError
from homutune.settings import Settings, is_loopback
from ports import free_port

FAST = Retry(attempts=4, first_pause_s=0.01, max_pause_s=0.05)
TUNED = "ft:gemma3-270m:local:keiyaku:"


def legal_model(settings: Settings, name: str = "m", **options: Any) -> LegalModel:
    options.setdefault("retry", FAST)
    return LegalModel(name, settings=settings, **options)


# --- Requests ------------------------------------------------------------------------------------


def test_every_option_reaches_the_server_and_unset_ones_do_not(
    settings: Settings, upstream: Upstream
) -> None:
    options = Options(temperature=0.3, top_p=0.9, max_tokens=64, seed=7, stop=("終",))
    reply = legal_model(settings, system="簡潔に。").ask("質問です。", options=options)
    (body,) = upstream.bodies
    assert body["messages"] == [
        {"role": "system", "content": "簡潔に。"},
        {"role": "user", "content": "質問です。"},
    ]
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.3, 0.9, 64)
    assert (body["seed"], body["stop"]) == (7, ["終"])
    assert reply.text == "はい。"
    assert reply.usage.total_tokens == 120
    assert reply.cost_jpy == 0.0
    assert reply.request_id == "req_1"
    legal_model(settings, options=Options(max_tokens=None)).ask("質問")
    assert set(upstream.bodies[-1]) == {"model", "messages", "temperature"}


def test_a_prepared_prompt_and_plain_messages_can_be_asked(
    settings: Settings, upstream: Upstream
) -> None:
    @dataclass
    class Prepared:
        messages: tuple[dict[str, str], ...]

    model = legal_model(settings, system="使われない")
    turn = ({"role": "system", "content": "資料"}, {"role": "user", "content": "質問"})
    model.ask(Prepared(turn))
    model.ask(list(turn))
    assert upstream.bodies[0]["messages"] == upstream.bodies[1]["messages"] == list(turn)


def test_an_empty_question_is_not_sent(settings: Settings, upstream: Upstream) -> None:
    with pytest.raises(UserError, match="質問が空"):
        legal_model(settings).ask("  ")
    assert upstream.bodies == []


def test_parameters_a_reasoning_model_does_not_know_are_changed_not_fatal(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [
        Fail(400, "unsupported_parameter", "max_tokens"),
        Fail(400, "unsupported_value", "temperature"),
        Say("はい。"),
    ]
    assert legal_model(settings).ask("質問").text == "はい。"
    last = upstream.bodies[-1]
    assert "temperature" not in last
    assert "max_tokens" not in last
    assert last["max_completion_tokens"] == 512


# --- Forms ---------------------------------------------------------------------------------------


def test_bullets_are_asked_for_and_read(settings: Settings, upstream: Upstream) -> None:
    upstream.script = [Say("- 一つ目\n・二つ目\n1. 三つ目\n② 四つ目")]
    reply = legal_model(settings).ask("質問", form="箇条書き")
    assert reply.items == ("一つ目", "二つ目", "三つ目", "四つ目")
    assert "箇条書き" in upstream.bodies[0]["messages"][0]["content"]


def test_a_model_that_writes_no_bullets_gets_its_sentences_listed_with_a_remark(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [Say("初日は数えません。末日で満了します。")]
    reply = legal_model(settings).ask("質問", form="箇条書き")
    assert reply.items == ("初日は数えません。", "末日で満了します。")
    assert "文ごとに" in reply.notes[0]


def test_a_table_is_read_and_ragged_rows_are_filled(settings: Settings, upstream: Upstream) -> None:
    upstream.script = [Say("| 項目 | 期間 |\n|---|:--:|\n| 検査 | 6か月 |\n| 通知 |\n")]
    table = legal_model(settings).ask("質問", form="表").table
    assert table is not None
    assert table.header == ("項目", "期間")
    assert table.rows == (("検査", "6か月"), ("通知", ""))


def test_an_answer_out_of_form_is_asked_for_again_once_with_the_reason(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [Say("表は書けません。"), Say("| a | b |\n|---|---|\n| 1 | 2 |")]
    reply = legal_model(settings).ask("質問", form="表")
    assert reply.table is not None
    assert reply.attempts == 2
    assert reply.usage.total_tokens == 240
    assert "もう一度" in reply.notes[0]
    second = upstream.bodies[1]["messages"]
    assert second[-2] == {"role": "assistant", "content": "表は書けません。"}
    assert "区切り" in second[-1]["content"]


def test_a_model_that_never_keeps_the_form_is_a_typed_error_with_its_text(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [Say("書けません。")]
    with pytest.raises(BadReply) as caught:
        legal_model(settings).ask("質問", form="表")
    assert caught.value.text == "書けません。"
    assert len(upstream.bodies) == 2


class Term(BaseModel):
    name: str
    days: int


class Terms(BaseModel):
    terms: list[Term]


def test_a_pydantic_model_makes_the_schema_and_the_answer_is_an_instance(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [Say('{"terms": [{"name": "検査", "days": 10}]}')]
    reply = legal_model(settings).ask("質問", schema=Terms)
    assert reply.data == Terms(terms=[Term(name="検査", days=10)])
    wanted = upstream.bodies[0]["response_format"]["json_schema"]
    assert wanted["strict"] is True
    assert wanted["schema"]["additionalProperties"] is False
    assert reply.as_dict()["data"] == {"terms": [{"name": "検査", "days": 10}]}
    json.dumps(reply.as_dict(), ensure_ascii=False)


def test_json_in_a_fence_or_between_words_is_found_and_checked_against_a_json_schema(
    settings: Settings, upstream: Upstream
) -> None:
    schema = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]}
    model = legal_model(settings)
    upstream.script = [Say('```json\n{"days": 3}\n```')]
    assert model.ask("質問", schema=schema).data == {"days": 3}
    upstream.script = [Say('答えは {"days": 4} です。')]
    assert model.ask("質問", schema=schema).data == {"days": 4}
    upstream.script = [Say('{"days": "四"}')]
    with pytest.raises(BadReply, match="days"):
        model.ask("質問", schema=schema)


def test_a_schema_that_is_none_is_refused_before_anything_is_sent(
    settings: Settings, upstream: Upstream
) -> None:
    with pytest.raises(UserError, match="スキーマ"):
        legal_model(settings).ask("質問", schema={"type": "整数"})
    assert upstream.bodies == []


def test_json_cut_off_by_the_limit_is_not_asked_for_again(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [Say('{"days": ', finish="length")]
    with pytest.raises(BadReply, match="途切れ"):
        legal_model(settings).ask("質問", form="JSON")
    assert len(upstream.bodies) == 1


# --- Failures ------------------------------------------------------------------------------------


def test_a_server_that_recovers_is_asked_again_with_growing_random_pauses(
    settings: Settings, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.script = [Fail(500), Fail(503), Fail(429), Say("はい。")]
    bounds: list[float] = []

    def longest(low: float, high: float) -> float:
        bounds.append(high)
        return high

    monkeypatch.setattr(random, "uniform", longest)
    retry = Retry(attempts=4, first_pause_s=0.05, max_pause_s=0.15)
    reply = legal_model(settings, retry=retry).ask("質問")
    assert reply.attempts == 4
    assert bounds == [0.05, 0.1, 0.15]
    gaps = [b - a for a, b in zip(upstream.times, upstream.times[1:], strict=False)]
    assert all(gap >= bound for gap, bound in zip(gaps, bounds, strict=True))


def test_the_sdk_repeats_nothing_on_top(settings: Settings, upstream: Upstream) -> None:
    upstream.script = [Fail(503)]
    with pytest.raises(ServerFault):
        legal_model(settings, retry=Retry(attempts=3, first_pause_s=0.01)).ask("質問")
    assert len(upstream.bodies) == 3
    upstream.bodies.clear()
    with pytest.raises(ServerFault):
        legal_model(settings, retry=Retry(attempts=1)).ask("質問")
    assert len(upstream.bodies) == 1


def test_retry_after_is_obeyed_and_an_unreasonable_one_is_not_waited_for(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [Fail(429, headers={"retry-after": "0.3"}), Say("はい。")]
    legal_model(settings).ask("質問")
    assert upstream.times[1] - upstream.times[0] >= 0.3
    upstream.script = [Fail(429, headers={"retry-after": "3600"})]
    started = time.monotonic()
    with pytest.raises(RateLimited, match="多すぎる"):
        legal_model(settings).ask("質問")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Fail(429, "insufficient_quota"), QuotaExhausted),
        (Fail(400, "context_length_exceeded", "messages"), TooLarge),
        (Fail(403), ModelError),
        (Fail(400, "invalid"), ModelError),
    ],
)
def test_what_waiting_cannot_mend_is_not_repeated(
    settings: Settings, upstream: Upstream, failure: Fail, expected: type[ModelError]
) -> None:
    upstream.script = [failure]
    with pytest.raises(expected) as caught:
        legal_model(settings).ask("質問")
    assert len(upstream.bodies) == 1
    assert caught.value.status == failure.status


def test_a_slow_server_is_a_timeout_after_all_attempts(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [Say("遅い", after=0.6)]
    model = legal_model(settings, timeout_s=0.15, retry=Retry(attempts=2, first_pause_s=0.01))
    with pytest.raises(TimedOut, match="時間内"):
        model.ask("質問")
    assert len(upstream.bodies) == 2


def test_a_local_server_that_is_not_running_is_told_at_once(home: Path) -> None:
    port = free_port()
    slow = Retry(attempts=5, first_pause_s=30)
    model = legal_model(Settings(home=home, base_url=f"http://127.0.0.1:{port}/v1"), retry=slow)
    with pytest.raises(Unreachable, match="接続できません"):
        model.ask("質問")


def test_a_response_without_an_answer_is_a_typed_error(
    settings: Settings, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openai.types.chat import ChatCompletion

    upstream.script = [Say("x")]
    model = legal_model(settings)
    model.ask("質問")
    empty = ChatCompletion.model_construct(choices=[], usage=None)
    client: Any = model._walker._client
    monkeypatch.setattr(client.chat.completions, "create", lambda **_: empty)
    with pytest.raises(BadReply, match="空の応答"):
        model.ask("質問")


# --- Circuit breaker -----------------------------------------------------------------------------


def test_after_too_many_failures_nothing_is_sent_until_a_trial_succeeds(
    settings: Settings, upstream: Upstream
) -> None:
    clock = [0.0]
    breaker = CircuitBreaker(failures=2, rest_s=30, clock=lambda: clock[0])
    model = legal_model(settings, retry=Retry(attempts=1), breaker=breaker)
    upstream.script = [Fail(500)]
    for _ in range(2):
        with pytest.raises(ServerFault):
            model.ask("質問")
    with pytest.raises(CircuitOpen, match="止めています"):
        model.ask("質問")
    assert len(upstream.bodies) == 2
    clock[0] = 31
    with pytest.raises(ServerFault):  # the trial fails: closed for another while
        model.ask("質問")
    with pytest.raises(CircuitOpen):
        model.ask("質問")
    clock[0] = 62
    upstream.script = [Say("はい。")]
    assert model.ask("質問").text == "はい。"
    assert model.ask("質問").text == "はい。"


def test_while_a_trial_is_under_way_nobody_else_is_let_through() -> None:
    clock = [0.0]
    breaker = CircuitBreaker(failures=1, rest_s=30, clock=lambda: clock[0])
    breaker.failed()
    clock[0] = 31
    breaker.check()
    with pytest.raises(CircuitOpen):
        breaker.check()


def test_a_refused_request_is_no_reason_to_stop_asking(
    settings: Settings, upstream: Upstream
) -> None:
    model = legal_model(settings, breaker=CircuitBreaker(failures=1))
    upstream.script = [Fail(400, "invalid"), Say("はい。")]
    with pytest.raises(ModelError):
        model.ask("質問")
    assert model.ask("質問").text == "はい。"


# --- Budget --------------------------------------------------------------------------------------

PRICE = Price(input=100.0, output=400.0, usd_jpy=150.0, date="2026-11-01")


@pytest.fixture
def elsewhere(home: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The scripted server under a name that is not this machine's."""
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return real("127.0.0.1" if name == "models.example" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("NO_PROXY", "*")
    url = upstream.base_url.replace("127.0.0.1", "models.example")
    return Settings(home=home, base_url=url, api_key="sk-test-1234567890")


def test_cost_is_counted_in_yen_and_an_unknown_price_is_unknown_not_zero(
    elsewhere: Settings, upstream: Upstream
) -> None:
    priced = legal_model(elsewhere, knowledge=Knowledge(price=lambda model: PRICE))
    # 100 prompt tokens at 100 USD and 20 answer tokens at 400 USD a million, 150 yen a dollar
    assert priced.ask("質問").cost_jpy == pytest.approx((100 * 100 + 20 * 400) / 1e6 * 150)
    assert legal_model(elsewhere).ask("質問").cost_jpy is None


def test_a_question_that_may_exceed_the_budget_is_not_sent(
    elsewhere: Settings, upstream: Upstream
) -> None:
    model = legal_model(
        elsewhere,
        knowledge=Knowledge(price=lambda model: PRICE),
        budget=Budget(jpy=35.0),
        options=Options(max_tokens=512),
    )
    # at most about 31 yen, in the end 2.7
    model.ask("質問")
    model.ask("質問")
    with pytest.raises(BudgetExceeded, match="予算"):
        model.ask("質問")
    assert len(upstream.bodies) == 2


def test_the_monthly_budget_counts_what_other_processes_logged(
    elsewhere: Settings, upstream: Upstream
) -> None:
    limited = elsewhere.model_copy(update={"monthly_budget_jpy": 33.0})
    knowledge = Knowledge(price=lambda model: PRICE)
    legal_model(limited, knowledge=knowledge).ask("質問")
    with pytest.raises(BudgetExceeded, match="今月"):
        legal_model(limited, knowledge=knowledge).ask("質問")
    assert len(upstream.bodies) == 1


def test_a_budget_in_yen_with_an_unknown_price_refuses(
    elsewhere: Settings, upstream: Upstream
) -> None:
    with pytest.raises(BudgetExceeded, match="料金が分からない"):
        legal_model(elsewhere, budget=Budget(jpy=100)).ask("質問")
    assert upstream.bodies == []


def test_failed_requests_give_their_share_of_the_budget_back(
    settings: Settings, upstream: Upstream
) -> None:
    model = legal_model(settings, budget=Budget(tokens=700))
    upstream.script = [Fail(500), Fail(500), Fail(500), Say("はい。")]
    assert model.ask("質問").text == "はい。"


def test_questions_at_the_same_time_cannot_overdraw(settings: Settings, upstream: Upstream) -> None:
    upstream.script = [Say("はい。", after=0.2)]
    model = legal_model(settings, budget=Budget(requests=3))
    outcomes: list[str] = []

    def ask() -> None:
        try:
            outcomes.append(model.ask("質問").text)
        except BudgetExceeded:
            outcomes.append("予算")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["はい。"] * 3 + ["予算"] * 5
    assert len(upstream.bodies) == 3


# --- Names ---------------------------------------------------------------------------------------


@dataclass
class Entry:
    model: str
    job_id: str
    suffix: str | None


def test_an_alias_leads_to_its_model(settings: Settings, upstream: Upstream) -> None:
    aliased = settings.model_copy(update={"model_aliases": {"標準": "普通", "普通": "m"}})
    assert legal_model(aliased, "標準").ask("質問").model == "m"


def test_the_registry_knows_suffix_job_and_the_newest(
    settings: Settings, upstream: Upstream
) -> None:
    new, old = Entry(TUNED + "2", "ftjob-2", "keiyaku"), Entry(TUNED + "1", "ftjob-1", "keiyaku")
    upstream.models = {new.model: 2, old.model: 1}
    knowledge = Knowledge(registered=lambda url: [new, old])
    for name, expected in (
        ("keiyaku", new.model),
        ("latest", new.model),
        ("ftjob-1", old.model),
        (old.model, old.model),
    ):
        assert legal_model(settings, name, knowledge=knowledge).ask("質問").model == expected


def test_without_a_registry_the_servers_list_gives_the_newest_of_a_suffix(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.models = {
        "m": 9,
        TUNED + "1": 1,
        TUNED + "3": 3,
        TUNED + "2": 2,
        "ft:m:o:rodo:x": 4,
    }
    assert legal_model(settings, "keiyaku").resolve() == TUNED + "3"
    assert legal_model(settings, "latest").resolve() == "ft:m:o:rodo:x"
    assert legal_model(settings, "m").resolve() == "m"


def test_with_no_tuned_model_the_base_model_answers_and_says_so(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.models = {"gemma3-270m": 1}
    reply = legal_model(settings, "latest").ask("質問")
    assert reply.model == "gemma3-270m"
    assert "ベースモデル" in reply.notes[0]


def test_a_vanished_model_is_replaced_by_the_newest_of_its_suffix_and_that_is_told(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.models = {TUNED + "2": 2, TUNED + "1": 1}
    model = legal_model(settings, TUNED + "0")
    reply = model.ask("質問")
    assert reply.model == TUNED + "2"
    assert reply.requested == TUNED + "0"
    assert TUNED + "0" in reply.notes[0]
    assert model.ask("質問").notes == reply.notes
    assert upstream.asked == [TUNED + "0", TUNED + "2", TUNED + "2"]
    # it vanishes while the program runs
    del upstream.models[TUNED + "2"]
    assert model.ask("質問").model == TUNED + "1"


def test_the_fallback_list_comes_next_and_only_what_the_server_has(
    settings: Settings, upstream: Upstream
) -> None:
    model = legal_model(settings, "gone", fallback=["also-gone", "m"])
    assert model.ask("質問").model == "m"
    assert upstream.asked == ["gone", "m"]


def test_with_nobody_left_the_error_names_the_command_that_lists_models(
    settings: Settings, upstream: Upstream
) -> None:
    with pytest.raises(ModelNotFound, match="gone") as caught:
        legal_model(settings, "gone").ask("質問")
    assert "homutune tune models" in (caught.value.remedy or "")


def test_a_gateway_without_a_list_of_models_is_asked_by_the_name_as_it_is(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.models = None
    assert legal_model(settings, "any-name").ask("質問").model == "any-name"


# --- Leaving the building ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "http://192.168.1.9:8400/v1",
        "http://127.0.0.1:8400@models.example/v1",
        "http://localhost.models.example/v1",
        "http://127.0.0.1.models.example/v1",
        "http://[::1]@models.example/v1",
    ],
)
def test_external_sending_forbidden_refuses_every_other_address(home: Path, url: str) -> None:
    assert not is_loopback(url)
    with pytest.raises(ExternalSendForbidden, match="外部送信禁止"):
        LegalModel("m", settings=Settings(home=home, base_url=url, no_external=True))
    with pytest.raises(ExternalSendForbidden):
        LegalModel("m", settings=Settings(home=home, base_url=url), no_external=True)


def test_the_mark_of_the_settings_cannot_be_taken_away_by_a_caller(home: Path) -> None:
    marked = Settings(home=home, base_url="https://api.openai.com/v1", no_external=True)
    with pytest.raises(ExternalSendForbidden):
        LegalModel("m", settings=marked, no_external=False)


def test_this_machine_is_allowed_and_its_redirects_elsewhere_are_not_followed(
    settings: Settings, upstream: Upstream
) -> None:
    model = legal_model(settings, no_external=True, retry=Retry(attempts=1))
    assert model.ask("質問").text == "はい。"
    away = {"location": "http://models.example/v1/chat/completions"}
    upstream.script = [Fail(307, headers=away)]
    with pytest.raises(ModelError) as caught:
        model.ask("質問")
    assert caught.value.status == 307


def hide(messages: Any) -> tuple[list[Any], dict[str, str]]:
    hidden = [{**m, "content": m["content"].replace("佐藤健一", "【氏名1】")} for m in messages]
    return hidden, {"【氏名1】": "佐藤健一"}


def test_personal_data_is_replaced_on_the_way_out_and_put_back_in_text_and_data(
    settings: Settings, upstream: Upstream
) -> None:
    model = legal_model(settings, knowledge=Knowledge(pseudonymize=hide), pseudonymize=True)
    upstream.script = [Say(lambda body: f"{body['messages'][-1]['content']}ですね")]
    reply = model.ask("佐藤健一さんの契約")
    assert "佐藤" not in json.dumps(upstream.bodies[0], ensure_ascii=False)
    assert reply.text == "【氏名1】さんの契約ですね".replace("【氏名1】", "佐藤健一")
    upstream.script = [Say('{"name": "【氏名1】", "days": 3}')]
    assert model.ask("佐藤健一さん", schema=Term).data == Term(name="佐藤健一", days=3)
    upstream.script = [Say("- 【氏名1】\n- 他")]
    assert model.ask("佐藤健一さん", form="箇条書き").items == ("佐藤健一", "他")


def test_a_placeholder_cut_by_the_pieces_of_a_stream_is_put_back(
    settings: Settings, upstream: Upstream
) -> None:
    model = legal_model(settings, knowledge=Knowledge(pseudonymize=hide), pseudonymize=True)
    for text, expected in (
        ("甲は【氏名1】です。【氏", "甲は佐藤健一です。【氏"),
        ("【【氏名1】【氏名12】", "【佐藤健一【氏名12】"),
    ):
        upstream.script = [Say(text)]
        stream = model.stream("佐藤健一さん")
        pieces = list(stream)
        assert "".join(pieces) == expected == stream.reply.text


def test_other_machines_get_placeholders_unless_told_otherwise(
    elsewhere: Settings, upstream: Upstream
) -> None:
    knowledge = Knowledge(pseudonymize=hide)
    legal_model(elsewhere, knowledge=knowledge).ask("佐藤健一さん")
    legal_model(elsewhere, knowledge=knowledge, pseudonymize=False).ask("佐藤健一さん")
    sent = [body["messages"][-1]["content"] for body in upstream.bodies]
    assert sent == ["【氏名1】さん", "佐藤健一さん"]


def test_demanding_placeholders_without_the_part_for_it_refuses(settings: Settings) -> None:
    with pytest.raises(UserError, match="仮名化"):
        LegalModel("m", settings=settings, pseudonymize=True)


# --- Streams and asyncio -------------------------------------------------------------------------


def test_a_stream_brings_pieces_and_then_the_same_reply(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [Fail(503), Say("初日は数えません。", finish="length")]
    with legal_model(settings).stream("質問") as stream:
        with pytest.raises(RuntimeError):
            _ = stream.reply
        pieces = list(stream)
    assert len(pieces) > 1
    reply = stream.reply
    assert reply.text == "".join(pieces) == "初日は数えません。"
    assert reply.truncated
    assert reply.usage.total_tokens == 120
    assert reply.attempts == 2


def test_a_stream_that_breaks_is_a_typed_error_and_logged_once(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [Say("初日は数えません。", breaks_after=2)]
    pieces: list[str] = []
    # what was reserved is settled: a second question still fits
    model = legal_model(settings, budget=Budget(tokens=800))
    with pytest.raises(ModelError), model.stream("質問") as stream:
        for piece in stream:
            pieces.append(piece)
    assert "".join(pieces) == "初日は数えま"
    (call,) = model.log.read()
    assert call.outcome == "Unreachable"
    assert call.completion_tokens > 0  # estimated: the server worked for it
    upstream.script = [Say("はい。")]
    assert model.ask("質問").text == "はい。"


def test_a_stream_left_early_is_logged_as_such(settings: Settings, upstream: Upstream) -> None:
    upstream.script = [Say("初日は数えません。" * 50)]
    model = legal_model(settings, budget=Budget(requests=5, tokens=2000))
    with model.stream("質問") as stream:
        next(iter(stream))
    assert [call.outcome for call in model.log.read()] == ["abandoned"]


def test_asyncio_has_the_same_answers_retries_and_streams(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [Fail(500), Say("はい。"), Say("- 一つ\n- 二つ"), Say("いいえ。")]

    async def work() -> tuple[Any, Any, str]:
        model = legal_model(settings)
        first = await model.aask("質問")
        second = await model.aask("質問", form="箇条書き")
        stream = await model.astream("質問")
        text = "".join([piece async for piece in stream])
        assert stream.reply.text == text
        await model.aclose()
        return first, second, text

    first, second, text = asyncio.run(work())
    assert (first.text, first.attempts) == ("はい。", 2)
    assert second.items == ("一つ", "二つ")
    assert text == "いいえ。"


def test_one_model_serves_several_event_loops(settings: Settings, upstream: Upstream) -> None:
    model = legal_model(settings)
    assert [asyncio.run(model.aask("質問")).text for _ in range(3)] == ["はい。"] * 3


def test_many_at_once_run_side_by_side(settings: Settings, upstream: Upstream) -> None:
    upstream.script = [Say("はい。", after=0.4)]

    async def work() -> list[Any]:
        model = legal_model(settings)
        replies = await asyncio.gather(*(model.aask("質問") for _ in range(8)))
        await model.aclose()
        return replies

    started = time.monotonic()
    assert len(asyncio.run(work())) == 8
    assert time.monotonic() - started < 8 * 0.4


# --- The log -------------------------------------------------------------------------------------


def test_calls_are_logged_without_contents_and_with_them_only_when_asked(
    settings: Settings, upstream: Upstream, home: Path
) -> None:
    model = legal_model(settings, retry=Retry(attempts=1))
    upstream.script = [Say("秘密の答え"), Fail(500), Say("秘密の答え")]
    model.ask("秘密の質問")
    with pytest.raises(ServerFault):
        model.ask("秘密の質問")
    failed, done = model.log.read()
    assert (done.outcome, done.model, done.prompt_tokens, done.sent) == ("ok", "m", 100, None)
    assert (failed.outcome, failed.status) == ("ServerFault", 500)
    for file in home.rglob("*"):
        if file.is_file():
            assert "秘密".encode() not in file.read_bytes()
            assert b"sk-test" not in file.read_bytes()
    keeping = settings.model_copy(update={"log_contents": True})
    legal_model(keeping).ask("秘密の質問")
    latest = model.log.read(1)[0]
    assert "秘密の質問" in (latest.sent or "")
    assert latest.received == "秘密の答え"


def test_a_log_that_cannot_be_written_costs_nobody_the_answer(
    settings: Settings, upstream: Upstream, home: Path
) -> None:
    model = legal_model(settings)
    (home / "assistant.db").parent.mkdir(parents=True, exist_ok=True)
    (home / "assistant.db").write_bytes(b"not a database" * 100)
    reply = model.ask("質問")
    assert reply.text == "はい。"
    assert any("記録できませんでした" in note for note in reply.notes)
