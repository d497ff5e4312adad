"""What is weak, and what the work list makes of it."""

from __future__ import annotations

from dataclasses import replace

import openai
import pytest

from evaluation.legal_models import chat
from homutune.data import Dataset, Example, hold_out
from homutune.data import create_dataset as create
from homutune.errors import UserError
from homutune.evaluation import CONDITIONS, Run, run_condition
from homutune.improvement import Firewall, Loop, find_weaknesses, make_worklist, open_loop
from homutune.settings import Settings
from improvement.conftest import Writer
from scripted import Reply


@pytest.fixture
def answered(
    settings: Settings, client: openai.OpenAI, dataset: Dataset, writer: Writer
) -> dict[str, Run]:
    """One field contradicts, one is right, one is cut off after a wrong word."""

    def hook(model: str, item: Example) -> Reply | None:
        if item.meta.field == "労働":
            return chat(item.answer.replace("30日前", "10日前"))
        if item.meta.id == "shoshu-0":
            return chat("結論：100年以内に", "length")
        return None

    writer.models.hook = hook
    return {
        name: run_condition(settings, client, dataset, CONDITIONS[name], model="tuned")
        for name in ("plain", "withheld")
    }


def test_weak_fields_and_types_of_error_are_found_with_their_items(
    answered: dict[str, Run],
) -> None:
    weak = find_weaknesses(answered["plain"])
    assert weak.failed == ("kaiko-0", "kaiko-1", "shoshu-0") and weak.n_items == 6
    fields = weak.of("field")
    assert [(w.name, len(w.failed), w.n_items) for w in fields] == [("労働", 2, 2), ("会社", 1, 2)]
    assert fields[0].at_least > fields[1].at_least > 0
    assert weak.contradictions == {"period": ("kaiko-0", "kaiko-1", "shoshu-0")}
    assert weak.errors["contradicts"] == ("kaiko-0", "kaiko-1", "shoshu-0")
    assert weak.errors["must_not"] == weak.errors["cut"] == ("shoshu-0",)
    assert "kensa-0" not in {key for ids in weak.errors.values() for key in ids}


def test_answers_without_a_source_count_as_an_error_of_their_own(
    answered: dict[str, Run],
) -> None:
    weak = find_weaknesses(answered["plain"], answered["withheld"])
    assert "kaiko-0" in weak.errors["unfounded"] and "kensa-0" not in weak.errors["unfounded"]


def test_items_without_rubric_and_articles_are_not_taken_for_failures(
    answered: dict[str, Run],
) -> None:
    run = answered["plain"]
    unknown = {
        key: replace(score, criteria={**score.criteria, "correctness": None})
        for key, score in run.scores.items()
    }
    part = dict(list(unknown.items())[:2])
    assert find_weaknesses(replace(run, scores={**run.scores, **part})).n_items == 4
    with pytest.raises(UserError, match="must"):
        find_weaknesses(replace(run, scores=unknown))


def test_the_list_names_counts_proof_and_only_cards_that_may_train(
    answered: dict[str, Run], dataset: Dataset
) -> None:
    work = make_worklist(dataset, find_weaknesses(answered["plain"]))
    assert [item.id for item in work] == [f"w{n:02d}" for n in range(1, len(work) + 1)]
    first = work[0]
    assert (first.action, first.field, first.count) == ("add", "労働", 4)
    assert first.proof == ("kaiko-0", "kaiko-1") and first.cards == ("chingin",)
    evaluated = {card for item in dataset.valid for card in item.meta.cards}
    assert not evaluated & {card for item in work for card in item.cards}
    # The two kinds that nobody wrote for a weak field.
    assert {item.kind for item in work if item.field == "労働" and item.kind} == {
        "契約書に関する質問",
        "法律解釈に関する質問",
    }


def test_a_rare_case_is_asked_for_in_the_share_it_has_in_validation(
    answered: dict[str, Run], dataset: Dataset
) -> None:
    run = answered["plain"]
    cased = [
        replace(item, meta=replace(item.meta, case="near_miss"))
        if item.meta.id.startswith("kaiko")
        else item
        for item in dataset.examples
    ]
    changed = replace(dataset, examples=tuple(cased))
    items = tuple(e for e in cased if e.meta.id in run.scores)
    work = make_worklist(changed, find_weaknesses(replace(run, items=items)))
    (line,) = [item for item in work if item.case == "near_miss"]
    assert (line.action, line.count) == ("diversify", 4)  # a third of 10, rounded up


def test_faults_of_training_pairs_are_on_the_list(
    answered: dict[str, Run], dataset: Dataset
) -> None:
    wrong = [
        replace(
            e,
            messages=(
                e.messages[0],
                {"role": "assistant", "content": e.answer.replace("毎月1回以上", "毎月3回以上")},
            ),
        )
        if e.meta.id == "chingin-0"
        else e
        for e in dataset.examples
    ]
    work = make_worklist(
        replace(dataset, examples=tuple(wrong)), find_weaknesses(answered["plain"])
    )
    assert any(item.action == "fix" and "chingin-0" in item.proof for item in work)


def test_nothing_is_written_about_cards_of_a_held_out_set(
    answered: dict[str, Run], dataset: Dataset, settings: Settings
) -> None:
    kept = [
        replace(e, meta=replace(e.meta, id=f"held-{e.meta.id}"))
        for e in dataset.train
        if e.meta.cards == ("chingin",)
    ]
    create(settings.home, kept, dataset.cards, hold_out(kept))
    firewall = Firewall.of(settings.home, dataset)
    assert "chingin" in firewall.cards
    work = make_worklist(dataset, find_weaknesses(answered["plain"]), barred=tuple(firewall.cards))
    assert work[0].field == "労働" and not work[0].can_be_drafted
    assert "カードを足します" in work[0].reason


def test_a_plan_read_back_is_the_plan_that_was_stored(loop: Loop, settings: Settings) -> None:
    again = open_loop(settings.home, loop.id)
    assert again == loop
    assert loop.weaknesses.errors["form"] and loop.work
