"""What is asked: the conditions of a test, its items, and the prompts made for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from homutune.data import Dataset, Example, Retriever
from homutune.errors import UserError
from homutune.prompting import PLANS, Prompt, PromptPlan, build

Case = Literal["answerable", "withheld"]


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


def choose_items(items: Sequence[Example], limit: int | None) -> tuple[Example, ...]:
    """The first ``limit`` items in an order that mixes fields, stable and nested in ``limit``."""
    chosen = sorted(items, key=lambda item: sha256(item.meta.id.encode()).hexdigest())
    return tuple(chosen[:limit])


def make_exam(dataset: Dataset, condition: Condition, limit: int | None = None) -> Exam:
    """Choose the items and build their prompts.

    With the right cards withheld only items that name their cards can be asked.

    Raises:
        UserError: the dataset has nothing to ask under this condition.
    """
    items = choose_items(dataset.valid, limit)
    if condition.case == "withheld":
        items = tuple(item for item in items if item.meta.cards)
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
    retriever = Retriever(dataset.cards) if condition.plan.form == "grounded" else None
    prompts = tuple(
        build(
            condition.plan,
            item.question,
            retriever,
            exclude=item.meta.cards if condition.case == "withheld" else (),
        )
        for item in items
    )
    return Exam(condition, items, prompts)
