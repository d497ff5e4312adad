"""Tokens and yen by month and model: questions from the log, training and evaluation besides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from homutune.client import CallLog
from homutune.data import PriceList, load_prices
from homutune.errors import UserError
from homutune.evaluation import list_runs
from homutune.settings import is_loopback
from homutune.tuning import list_models

_N = TypeVar("_N", int, float)
ASKED, TRAINED, EVALUATED = "質問", "学習", "評価"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one model was used for in one month (UTC, ``YYYY-MM``).

    Attributes:
        times: questions, jobs or answers; ``failed`` of them brought nothing.
        prompt_tokens, completion_tokens: as the server counted them, None where it did not; of
            training all in the first.
        jpy: yen at the listed prices; None where nothing of it is known.
        unpriced: of ``times``, those that ``jpy`` leaves out, because their price is not known.
    """

    month: str
    purpose: str
    model: str
    times: int
    failed: int
    prompt_tokens: int | None
    completion_tokens: int | None
    jpy: float | None
    unpriced: int = 0


def usage_of(home: Path) -> list[Usage]:
    """Everything of this home, the latest month first.

    Raises:
        UserError: the log or the registry cannot be read.
    """
    prices = load_prices()
    order = (ASKED, TRAINED, EVALUATED)
    found = [*_asked(home), *_trained(home, prices), *_evaluated(home, prices)]
    found.sort(key=lambda each: (order.index(each.purpose), each.model))
    return sorted(found, key=lambda each: each.month, reverse=True)


def _asked(home: Path) -> Iterator[Usage]:
    for each in CallLog(home).totals():
        jpy = None if each.unpriced == each.calls else each.cost_jpy
        yield Usage(
            each.month,
            ASKED,
            each.model,
            each.calls,
            each.failed,
            each.prompt_tokens,
            each.completion_tokens,
            jpy,
            each.unpriced,
        )


def _trained(home: Path, prices: PriceList) -> Iterator[Usage]:
    for entry in list_models(home):
        tokens = entry.trained_tokens
        jpy: float | None = 0.0 if is_loopback(entry.base_url) else None
        if jpy is None and tokens is not None:
            with suppress(UserError):
                jpy = tokens / 1_000_000 * prices.find(entry.base).train * prices.usd_jpy
        month = datetime.fromtimestamp(entry.created_at, UTC).strftime("%Y-%m")
        yield Usage(month, TRAINED, entry.model, 1, 0, tokens, None, jpy)


def _evaluated(home: Path, prices: PriceList) -> Iterator[Usage]:
    totals: dict[tuple[str, str], Usage] = {}
    for run in list_runs(home):
        if not run.complete:
            continue
        config, summary = run.config, run.summary
        usd = summary.get("cost_usd")
        jpy = 0.0 if is_loopback(config.base_url) else None if usd is None else usd * prices.usd_jpy
        prompt, completion = summary.get("tokens") or (None, None)
        key = config.created_at[:7], config.model
        before = totals.get(key, Usage(key[0], EVALUATED, config.model, 0, 0, 0, 0, 0.0))
        totals[key] = Usage(
            key[0],
            EVALUATED,
            config.model,
            before.times + config.n * config.generations,
            before.failed + summary["missing"] * config.generations,
            _sum(before.prompt_tokens, prompt),
            _sum(before.completion_tokens, completion),
            _sum(before.jpy, jpy),
        )
    yield from totals.values()


def _sum(one: _N | None, other: _N | None) -> _N | None:
    """None where either is not known: a part would look like the whole."""
    return None if one is None or other is None else one + other
