"""データ・学習の準備: what a model reads and learns of a dataset, its cost, and how it is split."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from homutune.data import (
    CostEstimate,
    Dataset,
    Separation,
    TrainingLine,
    build_lines,
    estimate_cost,
    load_prices,
    open_dataset,
    prove_separation,
)
from homutune.web._context import web_of

router = APIRouter(prefix="/data")
Recipe = Literal["grounded", "plain"]


@router.get("/datasets/{name}/lines")
def show(
    request: Request,
    name: str,
    recipe: Recipe | None = None,
    number: Annotated[int, Query(ge=1)] = 1,
) -> Response:
    """One training line with what is learned of it marked, tokens and cost, and the split."""
    web = web_of(request)
    dataset = open_dataset(web.home, name)
    linked = any(example.meta.cards for example in dataset.train)
    chosen: Recipe = recipe or ("grounded" if linked else "plain")
    lines = training_lines(web.home, dataset.name, chosen)
    number = min(number, max(1, len(lines)))
    return web.page(
        request,
        "data/lines.html",
        dataset=dataset,
        recipe=chosen,
        linked=linked,
        line=lines[number - 1] if lines else None,
        number=number,
        count=len(lines),
        costs=_costs(web.home, dataset.name, chosen),
        prices=load_prices(),
        kinds=_kinds(dataset),
        separation=_separation(web.home, dataset.name),
    )


# A version of a dataset never changes, so what was worked out for it holds.


@lru_cache(maxsize=4)
def training_lines(home: Path, name: str, recipe: Recipe) -> tuple[TrainingLine, ...]:
    """The lines of the training side, as they are uploaded."""
    dataset = open_dataset(home, name)
    return tuple(build_lines(dataset.train, dataset.train_cards, recipe=recipe))


@lru_cache(maxsize=4)
def _costs(home: Path, name: str, recipe: Recipe) -> tuple[CostEstimate, ...]:
    conversations = [line.messages for line in training_lines(home, name, recipe)]
    prices = load_prices()
    if not conversations:
        return ()
    return tuple(estimate_cost(conversations, p.name, prices=prices) for p in prices.models)


@lru_cache(maxsize=4)
def _separation(home: Path, name: str) -> Separation | None:
    dataset = open_dataset(home, name)
    if not (dataset.train and dataset.valid):
        return None
    return prove_separation(dataset.train, dataset.valid)


def _kinds(dataset: Dataset) -> list[tuple[str, int, int]]:
    """Kind, questions to train on, questions to validate with; the most frequent kind first."""
    train = Counter(example.meta.kind or "種類なし" for example in dataset.train)
    valid = Counter(example.meta.kind or "種類なし" for example in dataset.valid)
    return [(kind, train[kind], valid[kind]) for kind, _ in (train + valid).most_common()]
