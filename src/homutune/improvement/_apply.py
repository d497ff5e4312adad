"""From accepted drafts to a new dataset version and, where a draft was corrected, DPO pairs."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from homutune.data import (
    Dataset,
    Example,
    Preference,
    Recipe,
    build_lines,
    check_examples,
    create_dataset,
    open_dataset,
    preferences,
    write_dpo_jsonl,
)
from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.improvement._drafts import rewrite
from homutune.improvement._firewall import Firewall
from homutune.improvement._loops import Loop
from homutune.law import check_citation


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a loop.

    Attributes:
        dataset: the new version; its manifest names its parent.
        accepted, edited: ids of the pairs taken as drafted, and after a correction.
        preferences: files of preference pairs (corrected before drafted), by recipe.
    """

    dataset: Dataset
    parent: str
    accepted: tuple[str, ...]
    edited: tuple[str, ...]
    preferences: dict[str, Path]


def apply_loop(home: Path, loop: Loop) -> Applied:
    """Make the next dataset version from the decisions; again is harmless.

    The validation side stays as it was, so that scores before and after are of the same items.

    Raises:
        UserError: nothing was accepted, or an accepted pair shares something with an evaluation
            item; nothing is written then.
    """
    parent = open_dataset(home, loop.weaknesses.dataset)
    drafts = loop.drafts()
    taken = {
        key: decision
        for key, decision in loop.decisions().items()
        if decision.verdict != "reject" and key in drafts
    }
    if not taken:
        raise UserError(
            "採用した下書きがまだありません。",
            remedy="homutune improve review で採用・修正・却下を決めてください。",
        )
    new = {key: loop.final(drafts[key], decision) for key, decision in taken.items()}
    # Decisions may be older than a held-out version: the firewall is asked again.
    firewall = Firewall.of(home, parent)
    for key, example in new.items():
        if breaches := firewall.breaches(example):
            raise UserError(
                f"{key} は評価用の質問と重なるため、学習に入れられません：{breaches[0]}",
                remedy="homutune improve reject で却下してから、もう一度実行してください。",
            )
    examples = [*parent.examples, *new.values()]
    split = replace(parent.split, train=tuple(sorted((*parent.split.train, *new))))
    made = create_dataset(
        home,
        examples,
        parent.cards,
        split,
        sources=[f"improve:{loop.id}"],
        checks=check_examples(examples, parent.cards, verdict=check_citation).summary,
        parents=[parent.name],
    )
    drafted = {
        key: rewrite(drafts[key].example, question=taken[key].question)
        for key in new
        if taken[key].answer is not None
    }
    corrected = [new[key] for key in drafted]
    files = {}
    for recipe in ("grounded", "plain"):
        pairs = _preferences(made, list(drafted.values()), corrected, recipe)
        if pairs:
            files[recipe] = loop.folder / f"dpo-{recipe}.jsonl"
            write_dpo_jsonl(files[recipe], pairs)
    edited = tuple(key for key, decision in taken.items() if decision.verdict == "edit")
    applied = Applied(made, parent.name, tuple(k for k in taken if k not in edited), edited, files)
    record = {
        "dataset": made.name,
        "parent": parent.name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "accepted": list(applied.accepted),
        "edited": list(applied.edited),
        "preferences": {name: path.name for name, path in files.items()},
    }
    text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    write_atomic(loop.folder / "applied.json", text)
    return applied


def _preferences(
    dataset: Dataset, drafted: list[Example], corrected: list[Example], recipe: Recipe
) -> list[Preference]:
    """The corrected answer before the drafted one, in the form the recipe trains."""
    cards = dataset.train_cards
    lines = [build_lines(side, cards, recipe=recipe, withheld=0) for side in (drafted, corrected)]
    return preferences(*lines)
