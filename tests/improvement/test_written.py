"""Pairs that people wrote go the way of the drafts: checked, held apart, recorded, applied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from homutune.cli._app import run
from homutune.data import Dataset
from homutune.errors import UserError
from homutune.improvement import Loop, add_written, apply_loop
from homutune.settings import Settings


def pair(dataset: Dataset, card: str, text: str) -> dict[str, object]:
    like = next(e for e in dataset.examples if e.meta.group == card)
    return {
        "id": f"own-{card}",
        "kind": like.meta.kind,
        "field": like.meta.field,
        "cards": list(like.meta.cards),
        "articles": list(like.meta.articles),
        "question": f"支店の担当者から、{text}と尋ねられました。どう答えますか。",
        "answer": like.answer.replace("結論：", "結論：はい。"),
    }


def write(path: Path, *pairs: dict[str, object]) -> Path:
    path.write_text(yaml.safe_dump({"pairs": list(pairs)}, allow_unicode=True), "utf-8")
    return path


@pytest.fixture
def free(dataset: Dataset) -> str:
    """A group on the training side."""
    return next(e.meta.group for e in dataset.train if e.meta.group)


def test_written_pairs_become_training_pairs_of_the_next_version(
    loop: Loop, dataset: Dataset, settings: Settings, free: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "own.yaml", pair(dataset, free, "書面を明日までに送るべきか"))
    assert run(["improve", "add", str(path), "--by", "山田"]) == 0
    assert run(["improve", "add", str(path), "--by", "山田"]) == 0, "again is harmless"
    (draft,) = loop.drafts().values()
    assert loop.decisions()[draft.id].by == "山田"
    assert draft.example.meta.group == free
    applied = apply_loop(settings.home, loop)
    assert draft.id in {e.meta.id for e in applied.dataset.train}
    assert len(applied.dataset.train) == len(dataset.train) + 1
    assert applied.preferences == {}, "nothing was corrected, so there is nothing to prefer"


def test_a_pair_about_a_validation_card_is_refused_and_nothing_is_kept(
    loop: Loop, dataset: Dataset, free: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = dataset.valid[0].meta.group or ""
    path = write(
        tmp_path / "own.yaml",
        pair(dataset, free, "書面を明日までに送るべきか"),
        pair(dataset, held, "口頭の連絡だけで足りるか"),
    )
    assert run(["improve", "add", str(path), "--by", "山田"]) == 2
    said = capsys.readouterr().err
    assert f"own-{held}" in said and "検証用" in said and "1件も足していません" in said
    assert not loop.drafts() and not loop.decisions()


def test_a_pair_without_a_card_is_refused(
    loop: Loop, dataset: Dataset, settings: Settings, free: str
) -> None:
    example = next(e for e in dataset.train if e.meta.group == free)
    bare = replace(example, meta=replace(example.meta, id="own", cards=()))
    with pytest.raises(UserError, match="cards"):
        add_written(settings.home, loop, [bare], by="山田")
