"""What training on a dataset would take; worked out once, because a version never changes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from homutune.data import (
    CostEstimate,
    TrainingLine,
    build_lines,
    estimate_cost,
    load_prices,
    open_dataset,
)

Recipe = Literal["grounded", "plain"]


@lru_cache(maxsize=4)
def training_lines(
    home: Path, name: str, recipe: Recipe
) -> tuple[tuple[TrainingLine, ...], tuple[str, ...]]:
    """The lines of the training side, as they are uploaded, and remarks on them."""
    dataset = open_dataset(home, name)
    notes: list[str] = []
    lines = build_lines(dataset.train, dataset.train_cards, recipe=recipe, notes=notes)
    return tuple(lines), tuple(notes)


@lru_cache(maxsize=4)
def training_costs(home: Path, name: str, recipe: Recipe) -> tuple[CostEstimate, ...]:
    """Tokens and price at OpenAI of those lines, one estimate for each model of the list."""
    conversations = [line.messages for line in training_lines(home, name, recipe)[0]]
    prices = load_prices()
    if not conversations:
        return ()
    return tuple(estimate_cost(conversations, p.name, prices=prices) for p in prices.models)
