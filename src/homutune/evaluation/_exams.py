"""What is asked: the conditions of a test, its items, and the prompts made for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from homutune.data import Dataset, Example, Retriever
from homutune.embedding import TextVectors
from homutune.errors import UserError
from homutune.evaluation._shot_pool import apart_from
from homutune.prompting import PLANS, Prompt, PromptPlan, Shots, build

Case = Literal["answerable", "withheld"]
#: Half of the items to choose a plan on, the other half to report it on.
Part = Literal["all", "tuning", "fresh"]


@dataclass(frozen=True, slots=True)
class Condition:
    """How the model is tested: a prompt plan, and whether the right cards may be shown."""

    name: str
    plan: PromptPlan
    case: Case
    #: What a reader sees.
    label: str


#: The three conditions in the order in which they are measured and shown: the real use first.
CONDITIONS: dict[str, Condition] = {
    "grounded": Condition("grounded", PLANS["grounded"], "answerable", "資料つき"),
    "withheld": Condition("withheld", PLANS["grounded"], "withheld", "正しい資料を外す"),
    "plain": Condition("plain", PLANS["plain"], "answerable", "資料なし"),
}


@dataclass(frozen=True, slots=True)
class Exam:
    """The items of one condition with the prompts that are sent for them."""

    condition: Condition
    items: tuple[Example, ...]
    prompts: tuple[Prompt, ...]

    @property
    def prompts_hash(self) -> str:
        """12 hex digits over item ids and messages."""
        content = [
            [item.meta.id, [dict(message) for message in prompt.messages]]
            for item, prompt in zip(self.items, self.prompts, strict=True)
        ]
        return sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:12]


def conditions_for(dataset: Dataset) -> list[Condition]:
    """All that can be asked of ``dataset``; without cards only the question alone."""
    if not dataset.cards:
        return [CONDITIONS["plain"]]
    return [
        condition
        for condition in CONDITIONS.values()
        if condition.case == "answerable" or any(item.meta.cards for item in dataset.valid)
    ]


def exam_items(
    dataset: Dataset, case: Case, limit: int | None = None, part: Part = "all"
) -> tuple[Example, ...]:
    """The items of one condition: those of the part, so many of them, that can be asked.

    With the right cards withheld only items that name their cards can be asked.
    """
    items = choose_items(part_of(dataset.valid, part), limit)
    return tuple(item for item in items if case == "answerable" or item.meta.cards)


def part_of(items: Sequence[Example], part: Part) -> list[Example]:
    """``tuning`` and ``fresh`` are halves that share no group; both together are ``all``."""
    if part == "all":
        return list(items)
    groups = sorted(
        {item.meta.group or item.meta.id for item in items},
        key=lambda group: sha256(f"part:{group}".encode()).hexdigest(),
    )
    chosen = set(groups[0 if part == "tuning" else 1 :: 2])
    return [item for item in items if (item.meta.group or item.meta.id) in chosen]


def choose_items(items: Sequence[Example], limit: int | None) -> tuple[Example, ...]:
    """The first ``limit`` items in an order that mixes fields, stable and nested in ``limit``."""
    chosen = sorted(items, key=lambda item: sha256(item.meta.id.encode()).hexdigest())
    return tuple(chosen[:limit])


def make_exam(
    dataset: Dataset,
    condition: Condition,
    limit: int | None = None,
    *,
    part: Part = "all",
    shots_from: Dataset | None = None,
    vectors: TextVectors | None = None,
) -> Exam:
    """Choose the items and build their prompts.

    Args:
        shots_from: whose training side a plan with few-shot examples takes them from;
            ``dataset`` itself without it. What shares anything with an item is left out.
        vectors: how cards and examples are also found by meaning.

    Raises:
        UserError: the dataset has nothing to ask under this condition.
    """
    items = exam_items(dataset, condition.case, limit, part)
    if not items:
        raise UserError(
            f"データセット {dataset.name} に、「{condition.label}」で評価できる質問がありません。",
            remedy="検証用の例（「正しい資料を外す」では cards を書いた例）を増やして、"
            "データセットを作り直してください。",
        )
    if condition.plan.form == "grounded" and not dataset.cards:
        raise UserError(
            f"データセット {dataset.name} に解説カードがないため、資料つきの評価はできません。",
            remedy="--plan plain を付けて評価するか、"
            "解説カードを加えてデータセットを作り直してください。",
        )
    grounded = condition.plan.form == "grounded"
    retriever = Retriever(dataset.cards, vectors=vectors) if grounded else None
    shots = _shots(shots_from or dataset, dataset, vectors) if condition.plan.shots else None
    prompts = tuple(
        build(
            condition.plan,
            item.question,
            retriever,
            exclude=item.meta.cards if condition.case == "withheld" else (),
            shots=shots,
        )
        for item in items
    )
    return Exam(condition, items, prompts)


def _shots(source: Dataset, dataset: Dataset, vectors: TextVectors | None) -> Shots:
    pool = apart_from(source.train, dataset.valid)
    if not pool:
        raise UserError(
            f"データセット {source.name} に、例として見せられる学習用の組がありません。",
            remedy="--shots-from で、学習用の組があるデータセットを指定してください。",
        )
    asked = {card for item in dataset.valid for card in item.meta.cards}
    return Shots(pool, [c for c in source.train_cards if c.id not in asked], vectors)
