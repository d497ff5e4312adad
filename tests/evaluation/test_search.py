"""The search over prompt plans: chosen on one half, reported on the other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import openai
import pytest

from evaluation.legal_models import RULES, Models, chat, make_card, make_example
from homutune.cli._app import run as homutune
from homutune.data import Dataset, Example, Split, create_dataset, hold_out
from homutune.errors import UserError
from homutune.evaluation import CONDITIONS, condition_of, find_pairs, run_condition, search_plans
from homutune.evaluation._exams import make_exam, part_of
from homutune.evaluation._shot_pool import apart_from
from homutune.prompting import PLANS, PromptPlan
from homutune.settings import Settings
from scripted import Reply, Request, ScriptedServer, openai_error

FEW = PromptPlan("few", "grounded", shots=1)
THINK = PromptPlan("think", "grounded", max_tokens=640, reasoning=True)


@pytest.fixture
def dataset(home: Path) -> Dataset:
    """As in the other tests, but the training questions are not worded like those asked."""
    examples = [make_example(rule, number) for rule in RULES for number in (0, 1)]
    for place, example in enumerate(examples[:4]):
        question = {"role": "user", "content": f"{example.meta.must[1]}を第{place}支店で教えたい。"}
        examples[place] = replace(example, messages=(question, example.messages[1]))
    ids = [example.meta.id for example in examples]
    split = Split(tuple(ids[:4]), tuple(ids[4:]), valid_ratio=0.75)
    return create_dataset(home, examples, [make_card(rule) for rule in RULES], split)


def better_with_shots(models: Models, scripted_server: ScriptedServer) -> None:
    """Two messages get the question back, examples before the question the right answer."""

    def answer(request: Request) -> Reply:
        body = json.loads(request.body)
        if len(body["messages"]) > 2:
            return models(request)
        return chat("お答えできません。")

    scripted_server.routes[("POST", "/chat/completions")] = answer


def test_the_halves_share_no_group_and_are_the_whole(dataset: Dataset) -> None:
    tuning, fresh = (part_of(dataset.valid, part) for part in ("tuning", "fresh"))
    assert len(tuning) == len(fresh) == 6
    assert not {e.meta.group for e in tuning} & {e.meta.group for e in fresh}


def test_the_best_plan_is_chosen_on_one_half_and_reported_on_the_other(
    settings: Settings,
    client: openai.OpenAI,
    dataset: Dataset,
    models: Models,
    scripted_server: ScriptedServer,
) -> None:
    better_with_shots(models, scripted_server)
    result, _ = search_plans(settings, client, dataset, [FEW], model="tuned")
    assert result.best == FEW
    assert [trial.plan.name for trial in result.trials] == ["grounded", "few"]
    assert all(trial.summary and trial.summary.n_items == 6 for trial in result.trials)
    chosen_on = {item.meta.id for item in part_of(dataset.valid, "tuning")}
    assert result.comparison is not None
    assert not chosen_on & set(result.comparison.common) and len(result.comparison.common) == 6
    primary = result.comparison.primary
    assert primary is not None and (primary.base_mean, primary.tuned_mean) == (0.0, 1.0)
    # Halves are no ordinary runs: a comparison of models does not take them up.
    with pytest.raises(UserError, match="homutune eval run"):
        find_pairs(settings.home, dataset, base="tuned", tuned="tuned")
    asked = len(models.asked)
    again, _ = search_plans(settings, client, dataset, [FEW], model="tuned")
    assert again.best == FEW and len(models.asked) == asked


def test_the_baseline_stays_where_nothing_is_better_and_a_failing_plan_is_reported(
    settings: Settings,
    client: openai.OpenAI,
    dataset: Dataset,
    models: Models,
    scripted_server: ScriptedServer,
) -> None:
    too_long = openai_error(400, "This prompt is too long", "context_length_exceeded")

    def answer(request: Request) -> Reply:
        return too_long if len(json.loads(request.body)["messages"]) > 2 else models(request)

    scripted_server.routes[("POST", "/chat/completions")] = answer
    result, runs = search_plans(settings, client, dataset, [FEW], model="tuned")
    assert result.best == PLANS["grounded"] and result.comparison is None and len(runs) == 1
    assert "too long" in (result.trials[1].error or "")


def test_no_evaluation_item_is_ever_shown_as_an_example(dataset: Dataset) -> None:
    exam = make_exam(dataset, condition_of(replace(FEW, shots=4)))
    train = {example.meta.id for example in dataset.train}
    assert all(prompt.shots and set(prompt.shots) <= train for prompt in exam.prompts)
    # Not even where the training side of another version holds it.
    other = replace(dataset, split=replace(dataset.split, train=dataset.split.valid, valid=()))
    with pytest.raises(UserError, match="--shots-from"):
        make_exam(dataset, condition_of(FEW), shots_from=other)
    copy = dataset.valid[0]
    disguised = replace(
        copy,
        meta=replace(copy.meta, id="new", group=None, cards=()),
        messages=({"role": "user", "content": copy.question + "ね"}, copy.messages[1]),
    )
    assert apart_from([disguised], dataset.valid) == []


def test_a_held_out_set_takes_its_examples_from_another_version(
    home: Path, dataset: Dataset
) -> None:
    held = create_dataset(home, dataset.valid, dataset.cards, hold_out(dataset.valid))
    with pytest.raises(UserError, match="--shots-from"):
        make_exam(held, condition_of(FEW))
    exam = make_exam(held, condition_of(FEW), shots_from=dataset)
    assert {shot for p in exam.prompts for shot in p.shots} <= {e.meta.id for e in dataset.train}


def test_reasoning_is_kept_in_the_log_and_not_in_the_answer(
    settings: Settings,
    client: openai.OpenAI,
    dataset: Dataset,
    models: Models,
    scripted_server: ScriptedServer,
) -> None:
    def hook(model: str, item: Example) -> Reply:
        thought = {"reasoning": "秘密の検討メモ", "answer": item.answer}
        return chat(json.dumps(thought, ensure_ascii=False))

    models.hook = hook
    run = run_condition(settings, client, dataset, condition_of(THINK), model="tuned", limit=3)
    body = json.loads(scripted_server.sent("POST", "/chat/completions")[0].body)
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["reasoning", "answer"]
    assert all(a.text == item.answer for item in run.items for a in [run.answers[item.meta.id]])
    assert "秘密の検討メモ" in (run.path / "answers.jsonl").read_text("utf-8")
    assert run.config.label == "think" and run.config.plan == THINK


def test_the_command_saves_the_plan_that_a_run_then_uses(
    settings: Settings,
    client: openai.OpenAI,
    dataset: Dataset,
    models: Models,
    scripted_server: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    better_with_shots(models, scripted_server)
    Path("plans.yaml").write_text("- {name: few, form: grounded, shots: 1}\n", "utf-8")
    search = ["eval", "search", "plans.yaml", "--model", "tuned"]
    assert homutune([*search, "--save", "best.yaml", "--out", "s.html"]) == 0
    told = capsys.readouterr().out
    assert "few ←選んだ" in told and "（0.00 → 1.00）" in told
    assert "<script" not in Path("s.html").read_text("utf-8")
    assert homutune(["eval", "run", "--model", "tuned", "--plan", "best.yaml"]) == 0
    run_condition(settings, client, dataset, CONDITIONS["grounded"], model="tuned")
    capsys.readouterr()
    assert homutune(["eval", "compare", "tuned@grounded", "tuned@few", "--json"]) == 0
    contrast = json.loads(capsys.readouterr().out)["comparison"]["contrasts"]["difference"]
    assert contrast["criteria"]["correctness"]["difference"] == pytest.approx(1.0)
    assert homutune(["eval", "run", "--model", "tuned", "--plan", "other"]) == 2
    assert "プラン「other」はありません" in capsys.readouterr().err
