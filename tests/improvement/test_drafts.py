"""Drafts: checked before anybody reads them, trained on only when a person accepted them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from openpyxl import load_workbook

from homutune.cli._app import run
from homutune.data import ABSTENTION, Dataset, create_dataset, hold_out, open_dataset
from homutune.errors import UserError
from homutune.improvement import (
    Draft,
    DraftChecker,
    Firewall,
    Loop,
    accepted_pairs,
    apply_loop,
    read_sheet,
    write_sheet,
)
from homutune.settings import Settings
from improvement.conftest import Writer
from scripted import Reply, ScriptedServer

Drafting = Callable[..., list[Draft]]


def test_drafts_are_pairs_about_training_cards_with_what_the_checks_found(
    draft: Drafting, dataset: Dataset, loop: Loop, writer: Writer
) -> None:
    made = draft(limit=1)
    assert made and len({d.id for d in made}) == len(made)
    example = made[0].example
    assert example.answer.startswith("結論：") and "\n根拠：" in example.answer
    assert example.meta.cards[0] in {card.id for card in dataset.train_cards}
    assert example.meta.group == example.meta.cards[0] and example.meta.origin == "draft"
    assert len(example.meta.must) == 1  # the point that the answer does not meet is dropped
    assert loop.pending() == made
    asked = "\n".join(writer.prompt(number) for number in range(len(writer.drafted)))
    for item in dataset.valid:
        assert item.question not in asked and item.answer not in asked


def test_what_was_drafted_is_not_asked_for_again(draft: Drafting, writer: Writer) -> None:
    first = draft(limit=1)
    asked = len(writer.drafted)
    assert draft(limit=1) == [] and len(writer.drafted) == asked
    assert len(first) == asked


def test_prose_and_half_a_pair_are_no_drafts(draft: Drafting, writer: Writer) -> None:
    writer.hook = lambda number, pair: "申し訳ありませんが、お答えできません。"
    assert draft(limit=1) == []
    writer.hook = lambda number, pair: {**pair, "basis": ""}
    assert draft(limit=1) == []


def test_a_draft_that_contradicts_its_card_or_invents_an_article_says_so(
    draft: Drafting, writer: Writer
) -> None:
    def wrong(number: int, pair: dict[str, Any]) -> dict[str, Any]:
        # No edition of the code has an article 9999.
        lines = {name: pair[name].replace("1年", "3年") for name in ("conclusion", "basis")}
        return {**pair, **lines, "caution": "民法9999条にも注意します。"}

    writer.hook = wrong
    found = [text for made in draft(limit=1) for text in (*made.problems, *made.remarks)]
    assert any("食い違います：1年 → 3年" in text for text in found)
    assert any("9999条" in text for text in found)


def test_the_firewall_names_what_is_shared_with_evaluation_items(
    dataset: Dataset, settings: Settings, draft: Drafting, loop: Loop
) -> None:
    made = draft(limit=1)[0]
    asked = dataset.valid[0]
    copied = replace(
        made.example,
        messages=({"role": "user", "content": asked.question}, made.example.messages[1]),
    )
    firewall = Firewall.of(settings.home, dataset)
    assert any("検証用" in text and "質問" in text for text in firewall.breaches(copied))
    about = replace(made.example, meta=replace(made.example.meta, cards=asked.meta.cards))
    assert any("カード" in text for text in firewall.breaches(about))
    assert firewall.breaches(made.example) == []
    # What is held out in a version of its own is protected as well.
    held = replace(made.example, meta=replace(made.example.meta, id="h-1", cards=(), group=None))
    create_dataset(settings.home, [held], dataset.cards, hold_out([held]))
    firewall = Firewall.of(settings.home, dataset)
    assert any("評価専用" in text for text in firewall.breaches(made.example))
    problems, _ = DraftChecker(dataset, firewall).check(made.example)
    assert any("評価専用" in text for text in problems)
    with pytest.raises(UserError, match="評価専用"):
        loop.decide(settings.home, made, "accept", by="山田")
    assert not loop.decisions()


def test_only_what_a_person_accepted_is_in_the_next_version(
    dataset: Dataset, settings: Settings, draft: Drafting, loop: Loop
) -> None:
    with pytest.raises(UserError, match="採用した下書きがまだありません"):
        apply_loop(settings.home, loop)
    first, second, third, *_ = draft(limit=2)
    loop.decide(settings.home, first, "accept", by="山田")
    better = first.example.answer.replace("必要があります", "必要があります。期限は暦で数えます")
    loop.decide(settings.home, second, "edit", by="山田", answer=better)
    loop.decide(settings.home, third, "reject", by="山田", comment="実務では使わない")
    applied = apply_loop(settings.home, loop)
    made = open_dataset(settings.home, applied.dataset.name)
    assert made.manifest.parents == [dataset.name] and made.manifest.checks["leaks"] == 0
    new = {e.meta.id: e for e in made.train if e.meta.origin == "draft"}
    assert set(new) == {first.id, second.id}
    assert new[second.id].answer == better
    assert made.valid == dataset.valid and len(made.train) == len(dataset.train) + 2
    assert (applied.accepted, applied.edited) == ((first.id,), (second.id,))
    # What the model had written is what to avoid.
    lines = applied.preferences["plain"].read_text("utf-8").splitlines()
    (pair,) = map(json.loads, lines)
    assert pair["preferred_output"][0]["content"] == better
    assert pair["non_preferred_output"][0]["content"] == second.example.answer
    assert pair["input"]["messages"][-1]["content"] == second.example.question
    assert "参照：" in applied.preferences["grounded"].read_text("utf-8")
    assert apply_loop(settings.home, loop).dataset.name == made.name
    assert loop.applied is not None and loop.applied["dataset"] == made.name


def test_an_accepted_answer_stands_beside_answers_on_its_card_but_not_once_it_is_held_out(
    dataset: Dataset,
    settings: Settings,
    draft: Drafting,
    loop: Loop,
    scripted_server: ScriptedServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second, third, *_ = draft(limit=2)
    loop.decide(settings.home, first, "accept", by="山田")
    better = second.example.answer.replace("必要があります", "必要があります。期限は暦で数えます")
    loop.decide(settings.home, second, "edit", by="佐藤", answer=better)
    loop.decide(settings.home, third, "reject", by="山田")
    accepted = {pair.meta.id: (pair, by) for pair, by in accepted_pairs(settings.home)}
    assert set(accepted) == {first.id, second.id}
    assert accepted[second.id][0].answer == better

    cards = tmp_path / "cards.yaml"
    cards.write_text(yaml.safe_dump([asdict(card) for card in dataset.cards]), "utf-8")
    chunk = {
        **{"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"},
        "choices": [{"index": 0, "delta": {"content": ABSTENTION}, "finish_reason": "stop"}],
    }
    body = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
    scripted_server.routes["POST", "/chat/completions"] = Reply(
        body, headers={"content-type": "text/event-stream"}
    )
    card = next(card for card in dataset.cards if card.id in second.example.meta.cards)
    asked = ["ask", f"{card.title} {card.text}", "--model", "m", "--cards", str(cards)]
    assert run(asked) == 0
    said = capsys.readouterr().out
    assert any(f"確認済みの回答例（{made.id}、採用" in said for made in (first, second))
    assert run([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["vetted"]["id"] in accepted

    held = [accepted[first.id][0], accepted[second.id][0]]
    create_dataset(settings.home, held, dataset.cards, hold_out(held))
    assert accepted_pairs(settings.home) == []
    assert run([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["vetted"] is None


def test_a_later_decision_counts_and_an_edit_must_change_something(
    settings: Settings, draft: Drafting, loop: Loop
) -> None:
    made = draft(limit=1)[0]
    with pytest.raises(UserError, match="どこも直されていません"):
        loop.decide(settings.home, made, "edit", by="山田", answer=made.example.answer)
    loop.decide(settings.home, made, "accept", by="山田")
    loop.decide(settings.home, made, "reject", by="佐藤")
    assert loop.decisions()[made.id].verdict == "reject"
    with pytest.raises(UserError, match="まだありません"):
        apply_loop(settings.home, loop)


def test_a_faulty_draft_can_be_accepted_only_after_it_was_mended(
    settings: Settings, dataset: Dataset, draft: Drafting, loop: Loop, writer: Writer
) -> None:
    known = dataset.train[0].question
    writer.hook = lambda number, pair: {**pair, "question": known}
    made = draft(limit=1)[0]
    assert any(dataset.train[0].meta.id in text for text in made.problems)
    with pytest.raises(UserError, match="採用できません"):
        loop.decide(settings.home, made, "accept", by="山田")
    mended = "工場を移すときは、どの通知を先に済ませますか。"
    assert loop.decide(settings.home, made, "edit", by="山田", question=mended).question == mended


def test_a_sheet_goes_out_and_its_decisions_come_back(
    settings: Settings, draft: Drafting, loop: Loop, tmp_path: Path
) -> None:
    made = draft(limit=2)
    path = tmp_path / "下書き.xlsx"
    assert write_sheet(settings.home, loop, path) == len(made)
    book = load_workbook(path)
    sheet = book["確認"]
    rows = {sheet.cell(row, 1).value: row for row in range(2, sheet.max_row + 1)}
    accepted, edited, dropped, unclear = (made[n].id for n in range(4))
    sheet.cell(rows[accepted], 8).value = "採用"
    sheet.cell(rows[edited], 8).value = "修正"
    better = made[1].example.answer.replace("残しておきます", "必ず残しておきます")
    sheet.cell(rows[edited], 5).value = better
    sheet.cell(rows[dropped], 8).value = "除外"
    sheet.cell(rows[unclear], 4).value = "判定のない質問の直しです。どうなりますか。"
    book.save(path)
    result = read_sheet(settings.home, path, by="山田")
    assert [(d.draft, d.verdict) for d in result.decisions] == [
        (accepted, "accept"),
        (edited, "edit"),
        (dropped, "reject"),
    ]
    assert loop.decisions()[edited].answer == better and not result.refused
    assert any(unclear in text and "保留" in text for text in result.notes)
    assert read_sheet(settings.home, path, by="山田").decisions == ()
    assert len(loop.pending()) == len(made) - 3
