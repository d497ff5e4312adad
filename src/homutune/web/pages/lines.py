"""データ・学習の準備: what a model reads and learns of a dataset, its cost, and how it is split."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from homutune.data import (
    NEAR_LISTED,
    Dataset,
    Separation,
    load_prices,
    open_dataset,
    prove_separation,
)
from homutune.web._context import web_of
from homutune.web._lines import Recipe, training_costs, training_lines

router = APIRouter(prefix="/data")


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
    lines, _ = training_lines(web.home, dataset.name, chosen)
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
        costs=training_costs(web.home, dataset.name, chosen),
        prices=load_prices(),
        kinds=_kinds(dataset),
        separation=_separation(web.home, dataset.name),
        listed=NEAR_LISTED,
    )


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
