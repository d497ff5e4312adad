"""Runs over a real port with the unmodified SDK: kept, resumed, reused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import openai
import pytest

from evaluation.legal_models import Models, chat
from homutune.data import Dataset, Example, load_prices
from homutune.errors import UserError
from homutune.evaluation import CONDITIONS, Run, run_condition, summarize
from homutune.settings import Settings
from scripted import Reply, ScriptedServer, openai_error

Evaluate = Callable[..., Run]


@pytest.fixture
def evaluate(settings: Settings, client: openai.OpenAI) -> Evaluate:
    def evaluate(
        dataset: Dataset,
        condition: str = "grounded",
        *,
        model: str = "tuned",
        temperature: float = 0.0,
        **options: Any,
    ) -> Run:
        chosen = CONDITIONS[condition]
        chosen = replace(chosen, plan=replace(chosen.plan, temperature=temperature))
        return run_condition(settings, client, dataset, chosen, model=model, **options)

    return evaluate


def test_a_run_keeps_what_was_asked_and_answered(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    seen: list[tuple[int, int]] = []
    run = evaluate(dataset, progress=lambda done, total: seen.append((done, total)))
    assert run.complete and not run.missing
    assert seen[0] == (0, 12) and seen[-1] == (12, 12)
    stored = json.loads((run.path / "run.json").read_text("utf-8"))
    assert stored["dataset"] == dataset.name
    assert (stored["model"], stored["condition"], stored["n"]) == ("tuned", "grounded", 12)
    assert stored["plan"]["max_tokens"] == 256
    lines = (run.path / "answers.jsonl").read_text("utf-8").splitlines()
    first = json.loads(lines[0])
    assert first["finish_reason"] == "stop" and first["completion_tokens"] == 50
    assert len(first["shown"]) == 3 and first["latency_s"] > 0
    assert (run.path / "scores.json").exists()


def test_the_request_is_greedy_and_seeded(
    evaluate: Evaluate, dataset: Dataset, models: Models, scripted_server: ScriptedServer
) -> None:
    evaluate(dataset, limit=1)
    body = json.loads(scripted_server.sent("POST", "/chat/completions")[0].body)
    assert (body["temperature"], body["max_tokens"], body["seed"]) == (0.0, 256, 42)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_the_three_conditions_see_different_notes(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    right = {item.meta.id: item.meta.cards[0] for item in dataset.valid}
    plain = evaluate(dataset, "plain")
    assert all(not answer.shown for answer in plain.answers.values())
    grounded = summarize(evaluate(dataset, "grounded"))
    assert (grounded.flags["right_card"].count, grounded.flags["over_abstained"].count) == (12, 0)
    withheld = evaluate(dataset, "withheld")
    assert all(right[key] not in answer.shown for key, answer in withheld.answers.items())
    assert summarize(withheld).flags["abstained"].count == 12
    assert summarize(withheld).criteria == {}


def test_a_finished_run_is_reused_and_fresh_starts_a_new_one(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    first = evaluate(dataset)
    asked = len(models.asked)
    again = evaluate(dataset)
    assert again.config.id == first.config.id and len(models.asked) == asked
    fresh = evaluate(dataset, fresh=True)
    assert fresh.config.id != first.config.id and len(models.asked) == 2 * asked
    assert evaluate(dataset).config.id == fresh.config.id
    assert len(models.asked) == 2 * asked


def test_limits_and_models_are_runs_of_their_own(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    ids = {
        evaluate(dataset, model=model, limit=limit).config.id
        for model in ("base", "tuned")
        for limit in (2, 4)
    }
    assert len(ids) == 4
    small, large = ({item.meta.id for item in evaluate(dataset, limit=n).items} for n in (2, 4))
    assert small < large


def test_a_killed_run_goes_on_behind_its_torn_last_line(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    first = evaluate(dataset)
    log = first.path / "answers.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:5]) + lines[5][:40])
    (first.path / "scores.json").unlink()
    models.asked.clear()
    run = evaluate(dataset)
    kept = {json.loads(line)["item"] for line in lines[:5]}
    assert len(models.asked) == 7
    assert not kept & {item for _, item in models.asked}
    assert run.complete and run.scores == first.scores
    assert all(json.loads(line) for line in log.read_text("utf-8").splitlines())


def test_an_item_that_fails_is_missing_and_asked_again_next_time(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    refusal = openai_error(400, "This prompt is too long", "context_length_exceeded")
    models.hook = lambda model, item: refusal if item.meta.id == "kaiko-0" else None
    run = evaluate(dataset)
    assert run.missing == ("kaiko-0",)
    assert "too long" in (run.answers["kaiko-0"].error or "")
    assert summarize(run).missing == 1
    models.hook = lambda model, item: None
    models.asked.clear()
    assert evaluate(dataset).missing == ()
    assert models.asked == [("tuned", "kaiko-0")]


def test_a_model_that_disappears_stops_the_run_and_keeps_the_answers(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    gone = openai_error(404, "The model tuned does not exist", "model_not_found", param="model")
    models.hook = lambda model, item: gone if len(models.asked) > 4 else None
    with pytest.raises(UserError, match="モデルがサーバーにありません") as caught:
        evaluate(dataset, concurrency=1)
    assert "12件のうち4件の答えは保存してあります" in str(caught.value)
    assert len(models.asked) < 8
    models.hook = lambda model, item: None
    models.asked.clear()
    assert evaluate(dataset).complete
    assert len(models.asked) == 8


def test_a_server_that_is_not_there_is_said_in_japanese(
    evaluate: Evaluate, dataset: Dataset, scripted_server: ScriptedServer
) -> None:
    scripted_server.stop()
    with pytest.raises(UserError, match="接続できません"):
        evaluate(dataset, concurrency=2)


def test_a_model_that_answers_nothing_at_all_is_an_error(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    models.hook = lambda model, item: openai_error(400, "bad request")
    with pytest.raises(UserError, match="どの項目にも"):
        evaluate(dataset)


def test_requests_run_side_by_side_and_each_item_once(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    evaluate(dataset, concurrency=6)
    assert set(Counter(models.asked).values()) == {1}


def test_several_generations_of_an_item_are_averaged_and_seeded_apart(
    evaluate: Evaluate, dataset: Dataset, models: Models, scripted_server: ScriptedServer
) -> None:
    wobbling = {item.meta.id: 0 for item in dataset.valid}

    def hook(model: str, item: Example) -> Reply | None:
        wobbling[item.meta.id] += 1
        return chat("わかりません。") if wobbling[item.meta.id] == 1 else chat(item.answer)

    models.hook = hook
    run = evaluate(dataset, limit=3, generations=4, temperature=0.7, concurrency=1)
    assert len(models.asked) == 12
    score = run.scores[run.items[0].meta.id]
    assert score.criteria["correctness"] == pytest.approx(0.75)
    assert score.spread["correctness"] == pytest.approx(0.5)
    assert score.flags["over_abstained"] is False  # one of four
    summary = summarize(run)
    assert (summary.n_items, summary.generations, summary.tokens) == (3, 4, (1200, 600))
    sent = [json.loads(r.body) for r in scripted_server.sent("POST", "/chat/completions")]
    assert {body["seed"] for body in sent} == {42, 43, 44, 45}
    assert evaluate(dataset, limit=3, generations=4, temperature=0.7).scores == run.scores
    assert len(models.asked) == 12
    with pytest.raises(UserError, match="毎回同じ"):
        evaluate(dataset, limit=3, generations=2)


def test_an_interrupted_generation_is_asked_again_alone(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    run = evaluate(dataset, limit=2, generations=3, temperature=0.7)
    log = run.path / "answers.jsonl"
    kept = log.read_bytes().splitlines(keepends=True)[:4]
    log.write_bytes(b"".join(kept))
    models.asked.clear()
    again = evaluate(dataset, limit=2, generations=3, temperature=0.7)
    assert len(models.asked) == 2
    assert {len(samples) for samples in again.samples.values()} == {3}


def test_a_question_asked_before_is_not_sent_again_by_another_run(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    small = evaluate(dataset, limit=4)
    large = evaluate(dataset)
    assert len(models.asked) == 12
    for key in small.scores:
        assert large.answers[key] == small.answers[key]
    evaluate(dataset, model="base", limit=4)  # another model knows nothing of it
    assert len(models.asked) == 16
    evaluate(dataset, limit=4, fresh=True)
    assert len(models.asked) == 20


def test_a_busy_server_is_given_time(
    evaluate: Evaluate, dataset: Dataset, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("homutune.evaluation._answers.time.sleep", waited.append)
    busy = openai_error(429, "Rate limit reached", "rate_limit_exceeded")
    models.hook = lambda model, item: busy if len(models.asked) <= 2 else None
    assert evaluate(dataset, limit=2, concurrency=1).missing == ()
    assert len(waited) == 2 and 3 < waited[0] < 7 < 11 < waited[1] < 19
    spent = openai_error(429, "You exceeded your quota", "insufficient_quota")
    models.hook = lambda model, item: spent
    with pytest.raises(UserError, match="利用枠"):
        evaluate(dataset, limit=3, model="base", concurrency=1)
    assert len(waited) == 2


def test_the_cost_of_a_model_with_a_listed_price_is_recorded(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    models.hook = lambda model, item: chat(item.answer)
    name = "ft:gpt-4.1-mini-2025-04-14:org::abc"
    price = load_prices().find(name)
    cost = summarize(evaluate(dataset, limit=2, model=name)).cost_usd
    assert cost == pytest.approx((200 * price.input + 100 * price.output) / 1e6)
    assert summarize(evaluate(dataset, limit=2)).cost_usd is None


def test_hostile_text_survives_storing(
    evaluate: Evaluate, dataset: Dataset, models: Models
) -> None:
    hostile = 'a\nb\u2028c\x00<script>alert("x")</script>\ud83d'
    models.hook = lambda model, item: chat(hostile)
    run = evaluate(dataset, limit=1)
    assert [answer.text for answer in run.answers.values()] == [hostile]


def test_a_dataset_without_cards_cannot_be_asked_with_notes(
    evaluate: Evaluate, dataset: Dataset
) -> None:
    bare = replace(dataset, cards=())
    with pytest.raises(UserError, match="解説カードがない"):
        evaluate(bare)
