"""Two and four arms: the 2x2, its interaction, and the gate."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openai
import pytest

from evaluation.legal_models import Models, chat
from evaluation.test_comparison import Page
from homutune.cli._app import run as homutune
from homutune.data import Dataset, Example, Split, create_dataset
from homutune.errors import UserError
from homutune.evaluation import (
    CONDITIONS,
    Run,
    check_gate,
    compare_arms,
    compare_runs,
    find_arm,
    find_pairs,
    interaction_sentence,
    open_run,
    run_condition,
    write_arms_report,
)
from homutune.settings import Settings
from scripted import Reply

Measure = Callable[..., Run]


@pytest.fixture
def measure(settings: Settings, client: openai.OpenAI, dataset: Dataset) -> Measure:
    def measure(model: str, condition: str, limit: int | None = None) -> Run:
        chosen = CONDITIONS[condition]
        return run_condition(settings, client, dataset, chosen, model=model, limit=limit)

    return measure


@pytest.fixture
def four(measure: Measure, models: Models) -> list[Run]:
    """The tuned model is right with notes only: all of its gain is interaction."""
    arms = [("base", "plain"), ("base", "grounded"), ("tuned", "plain"), ("tuned", "grounded")]
    found = []
    for model, condition in arms:
        lost = chat("お答えが思いつきません。")
        models.hook = lambda m, item, bad=condition == "plain", lost=lost: lost if bad else None
        found.append(measure(model, condition))
    return found


def test_the_interaction_is_the_difference_of_the_differences(
    four: list[Run], dataset: Dataset
) -> None:
    comparison = compare_arms(dataset, four)
    result = {
        name: contrast.criteria["correctness"] for name, contrast in comparison.contrasts.items()
    }
    assert result["prompt_base"].difference == pytest.approx(0.0)
    assert result["prompt_tuned"].difference == pytest.approx(1.0)
    assert result["tuning_plain"].difference == pytest.approx(0.0)
    assert result["tuning_prompt"].difference == pytest.approx(1.0)
    assert result["interaction"].difference == pytest.approx(1.0)
    assert result["both"] == comparison.primary
    assert len(comparison.common) == 12 and comparison.unpaired == ()
    sentence = interaction_sentence(comparison)
    # Six groups cannot reach 5 % after Holm's correction, so nothing is claimed.
    assert sentence is not None and "違いがあるとは言えません" in sentence


def test_effects_that_add_up_show_no_interaction(
    measure: Measure, models: Models, dataset: Dataset
) -> None:
    good = {item.meta.id: item.answer for item in dataset.valid}
    runs = []
    for model, condition, solved in (
        ("base", "plain", ()),
        ("base", "grounded", (0,)),
        ("tuned", "plain", (1,)),
        ("tuned", "grounded", (0, 1)),
    ):

        def hook(_: str, item: Example, solved: tuple[int, ...] = solved) -> Reply:
            key = item.meta.id
            return chat(good[key] if int(key[-1]) in solved else "お答えが思いつきません。")

        models.hook = hook
        runs.append(measure(model, condition))
    result = compare_arms(dataset, runs).contrasts["interaction"].criteria["correctness"]
    assert result.difference == pytest.approx(0.0)
    assert result.p == 1.0


def test_four_arms_in_another_order_are_refused(four: list[Run], dataset: Dataset) -> None:
    with pytest.raises(UserError, match="2×2"):
        compare_arms(dataset, [four[0], four[2], four[3], four[1]])


def test_only_items_that_every_arm_answered_are_compared(four: list[Run], dataset: Dataset) -> None:
    fewer = replace(four[3], scores=dict(list(four[3].scores.items())[:5]))
    comparison = compare_arms(dataset, [*four[:3], fewer])
    assert len(comparison.common) == 5 and len(comparison.unpaired) == 7
    assert {c.criteria["correctness"].n_items for c in comparison.contrasts.values()} == {5}
    none = replace(four[3], scores={})
    with pytest.raises(UserError, match="同じ質問がひとつもありません"):
        compare_arms(dataset, [*four[:3], none])


def test_the_arms_report_is_whole_and_hostile_text_stays_text(
    four: list[Run], dataset: Dataset, tmp_path: Path
) -> None:
    key = next(iter(four[0].answers))
    hostile = replace(four[0].answers[key], text="<script>alert(1)</script>{{ 7*7 }}")
    runs = [replace(four[0], answers={**four[0].answers, key: hostile}), *four[1:]]
    path = tmp_path / "arms.html"
    write_arms_report(path, compare_arms(dataset, runs), runs)
    html = path.read_text("utf-8")
    page = Page(html)
    assert page.open == [] and page.outside == [] and "script" not in page.tags
    assert "{{ 7*7 }}" in html
    for expected in ("交互作用", "測っていません", "+1.00", dataset.name, "D − C"):
        assert expected in html, expected
    assert html.count("<svg") == 7  # the crossing lines and six contrasts


def test_the_command_takes_two_or_four_arms(
    four: list[Run],
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    read = capsys.readouterr
    arms = ["base@plain", "base@grounded", "tuned@plain", "tuned@grounded"]
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "base")
    assert homutune(["eval", "compare", *arms, "--json", "--out", "r.html"]) == 0
    contrasts = json.loads(read().out)["comparison"]["contrasts"]
    assert contrasts["interaction"]["criteria"]["correctness"]["difference"] == 1.0
    assert Path("r.html").exists()
    assert homutune(["eval", "compare", "base@grounded", four[3].config.id]) == 0
    assert "+1.00" in read().out
    assert homutune(["eval", "compare", "base@grounded", "tuned@other"]) == 2
    assert "条件「other」で評価した結果がありません" in read().err
    assert homutune(["eval", "compare", "base", "tuned", "third"]) == 2
    assert homutune(["eval", "compare", "base@withheld", "tuned@grounded"]) == 2
    assert "homutune eval run --model base" in read().err


def test_a_run_about_other_questions_is_refused_and_says_which(
    measure: Measure, home: Path, dataset: Dataset, models: Models
) -> None:
    run = measure("tuned", "plain")
    fewer = Split(dataset.split.train, dataset.split.valid[2:])
    kept = [e for e in dataset.examples if e.meta.id not in dataset.split.valid[:2]]
    other = create_dataset(home, kept, dataset.cards, fewer)
    with pytest.raises(UserError, match=f"{dataset.name} のもの") as caught:
        open_run(home, other, run.config.id)
    assert f"--dataset {dataset.name}" in str(caught.value)


def test_an_unmeasured_arm_names_the_command(home: Path, dataset: Dataset) -> None:
    with pytest.raises(UserError, match="homutune eval run --model nobody"):
        find_arm(home, dataset, model="nobody", condition="grounded")


def gated(settings: Settings, dataset: Dataset, base: str, candidate: str) -> int:
    pairs, absent = find_pairs(settings.home, dataset, base=base, tuned=candidate)
    result = check_gate(compare_runs(dataset, pairs, absent), pairs)
    return sum(not line.passed for line in result.lines)


def test_the_gate_opens_for_an_equal_model_and_shuts_for_a_worse_one(
    measure: Measure,
    settings: Settings,
    dataset: Dataset,
    models: Models,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "base")
    for model in ("base", "tuned"):
        measure(model, "grounded")
        measure(model, "withheld")
    assert gated(settings, dataset, "tuned", "tuned") == 0
    assert gated(settings, dataset, "base", "tuned") == 0
    assert gated(settings, dataset, "tuned", "base") > 1
    assert homutune(["eval", "gate", "tuned", "tuned"]) == 0
    assert homutune(["eval", "gate", "tuned", "base"]) == 1
    told = capsys.readouterr().out
    assert "不合格" in told and "kaiko-0" in told
    assert homutune(["eval", "gate", "tuned", "base", "--margin", "2"]) == 2
    assert homutune(["eval", "gate", "tuned", "nobody"]) == 2


def test_one_failed_check_or_one_lost_answer_shuts_the_gate(
    measure: Measure, dataset: Dataset, models: Models
) -> None:
    good = measure("tuned", "grounded")

    def failing(candidate: Run, **options: float) -> list[str]:
        pairs = {"grounded": (good, candidate)}
        result = check_gate(compare_runs(dataset, pairs, {}), pairs, **options)
        return [line.name for line in result.lines if not line.passed]

    score = good.scores["kaiko-0"]
    wrong = replace(score, flags={**score.flags, "right_card": False})
    careless = replace(good, scores={**good.scores, "kaiko-0": wrong})
    assert failing(good) == []
    assert failing(careless) == ["正しい資料番号"]
    assert failing(careless, allowed=1) == []
    silent = replace(good, scores={k: v for k, v in good.scores.items() if k != "kaiko-0"})
    assert failing(silent) == ["欠測"]
    # Half the groups lose 0.2: the mean loss is 0.1, the lower limit far below.
    worse = {
        key: replace(value, criteria={**value.criteria, "correctness": 0.8})
        if key < "kensa"
        else value
        for key, value in good.scores.items()
    }
    assert failing(replace(good, scores=worse), margin=0.1) == ["正確性"]
    assert failing(replace(good, scores=worse), margin=0.4) == []
