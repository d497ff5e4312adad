import json
from dataclasses import replace

import pytest

from homutune.data import create_dataset, open_dataset, split_examples
from homutune.errors import UserError
from pairs import linked


def create(home, count=20, seed=42):
    examples, cards = linked(count)
    split = split_examples(examples, seed=seed)
    return create_dataset(
        home, examples, cards, split, sources=["corpus"], checks={"errors": 0, "warnings": 2}
    )


def test_a_dataset_comes_back_as_it_was_written(home):
    examples, cards = linked(20)
    dataset = create(home)
    opened = open_dataset(home)
    assert opened == dataset
    assert list(opened.examples) == examples
    assert list(opened.cards) == cards
    assert {e.meta.id for e in opened.train} == set(dataset.split.train)
    assert {e.meta.id for e in opened.valid} == set(dataset.split.valid)
    manifest = opened.manifest
    assert manifest.counts["examples"] == 20
    assert manifest.counts["train"] + manifest.counts["valid"] == 20
    assert manifest.counts["valid/契約書に関する質問"] == 2
    assert manifest.checks == {"errors": 0, "warnings": 2, "leaks": 0}
    assert opened.name.startswith("ds-")
    assert opened.path == home / "datasets" / opened.name


def test_training_cards_leave_out_those_of_validation_questions(home):
    dataset = create(home)
    kept_back = {card for e in dataset.valid for card in e.meta.cards}
    assert kept_back
    assert kept_back.isdisjoint(card.id for card in dataset.train_cards)
    assert {card for e in dataset.train for card in e.meta.cards} <= {
        card.id for card in dataset.train_cards
    }


def test_training_cards_leave_out_those_no_example_names(home):
    examples, cards = linked(20)
    unnamed = replace(cards[0], id="card-of-questions-kept-elsewhere")
    dataset = create_dataset(home, examples, [*cards, unnamed], split_examples(examples))
    assert unnamed in dataset.cards
    assert unnamed not in dataset.train_cards


def test_the_same_content_in_another_order_is_the_same_dataset(home):
    first = create(home)
    stamp = (first.path / "manifest.json").stat().st_mtime_ns
    examples, cards = linked(20)
    split = split_examples(examples)
    again = create_dataset(home, examples[::-1], cards[::-1], split, sources=["other"])
    assert again.name == first.name
    assert again.manifest == first.manifest
    assert (first.path / "manifest.json").stat().st_mtime_ns == stamp


def test_another_split_is_another_dataset_and_the_newest_is_opened(home):
    first, second = create(home), create(home, seed=7)
    assert first.name != second.name
    assert open_dataset(home).name == open_dataset(home, "latest").name == second.name
    assert open_dataset(home, first.name[:9]).name == first.name


def test_a_folder_without_manifest_is_built_again(home):
    dataset = create(home)
    (dataset.path / "manifest.json").unlink()
    (dataset.path / "examples.jsonl").write_text("broken")
    (dataset.path / "rest.tmp").write_text("left over")
    with pytest.raises(UserError, match="まだありません"):
        open_dataset(home)
    assert create(home).examples == dataset.examples
    assert not (dataset.path / "rest.tmp").exists()


def test_a_changed_file_is_noticed(home):
    dataset = create(home)
    path = dataset.path / "split.json"
    sides = json.loads(path.read_text())
    sides["train"].append(sides["valid"].pop())
    path.write_text(json.dumps(sides))
    with pytest.raises(UserError, match="変わっています"):
        open_dataset(home)


def test_unknown_and_ambiguous_names_are_told(home):
    create(home)
    create(home, seed=7)
    with pytest.raises(UserError, match="見つかりません"):
        open_dataset(home, "ds-nope")
    with pytest.raises(UserError, match="複数"):
        open_dataset(home, "ds-")


def test_a_leaking_or_incomplete_split_is_refused(home):
    from homutune.data import Split

    examples, cards = linked(4)
    with pytest.raises(UserError, match="両方にあります"):
        create_dataset(home, examples, cards, Split(("q-000", "q-002", "q-003"), ("q-001",)))
    with pytest.raises(UserError, match="一致しません"):
        create_dataset(home, examples, cards, Split(("q-000",), ("q-001",)))
    assert not (home / "datasets").exists()


def test_a_full_disk_is_told_calmly_and_leaves_no_dataset(home, monkeypatch):
    import errno
    import os

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="ディスクの空き容量が足りな"):
            create(home)
    with pytest.raises(UserError, match="まだありません"):
        open_dataset(home)
    assert create(home).manifest.counts["examples"] == 20


def test_line_separators_in_a_text_survive(home):
    from pairs import pair

    examples = [pair(n, answer=f"一行目\u2028二行目\x85{n}") for n in range(2)]
    dataset = create_dataset(home, examples, [], split_examples(examples, valid_ratio=0.5))
    assert [e.answer for e in open_dataset(home, dataset.name).examples] == [
        e.answer for e in examples
    ]
