"""How much may be spent: checked before a request is made, with what it could cost at most."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from homutune.client._call_log import CallLog
from homutune.client._errors import BudgetExceeded
from homutune.client._types import Price, Usage


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one :class:`LegalModel`; None is no limit.

    Attributes:
        jpy: yen in all.
        tokens: prompt and answer tokens in all.
        requests: questions in all.
    """

    jpy: float | None = None
    tokens: int | None = None
    requests: int | None = None


class Purse:
    """Keeps what was spent, and what is under way, within the budget and the month's limit."""

    def __init__(self, budget: Budget, monthly_jpy: float | None, log: CallLog) -> None:
        self._budget = budget
        self._monthly_jpy = monthly_jpy
        self._log = log
        self._lock = threading.Lock()
        self._tokens = 0
        self._jpy = 0.0
        self._requests = 0
        self._reserved_jpy = 0.0

    def reserve(self, most: Usage, price: Price | None) -> Usage:
        """Set aside what a request can cost at most; hand it back with :meth:`settle`.

        Raises:
            BudgetExceeded: it would not fit, or its price is not known; nothing was sent.
        """
        jpy = price.jpy(most) if price else 0.0
        limited = self._budget.jpy is not None or self._monthly_jpy is not None
        if price is None and limited:
            raise BudgetExceeded(
                "このモデルの料金が分からないため、予算を守れません。",
                remedy="料金表にあるモデルかローカルのモデルを使うか、予算の設定を外してください。",
            )
        month = 0.0
        if self._monthly_jpy is not None:
            first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            month = self._log.spent_jpy(first.isoformat(timespec="seconds"))
        with self._lock:
            for spent, more, limit, unit in (
                (self._jpy, jpy, self._budget.jpy, "円"),
                (month + self._reserved_jpy, jpy, self._monthly_jpy, "円（今月）"),
                (self._tokens, most.total_tokens, self._budget.tokens, "トークン"),
                (self._requests, 1, self._budget.requests, "回"),
            ):
                if limit is not None and spent + more > limit:
                    raise BudgetExceeded(
                        f"予算を超えるため、送信しませんでした（上限 {limit:,.10g}{unit}、"
                        f"使用済み {spent:,.10g}、今回 最大 {more:,.10g}）。",
                        remedy="質問や max_tokens を短くするか、予算を増やしてください。",
                    )
            self._jpy += jpy
            self._reserved_jpy += jpy
            self._tokens += most.total_tokens
            self._requests += 1
        return most

    def settle(self, reserved: Usage, used: Usage, price: Price | None) -> None:
        """Replace what was set aside by what was used."""
        with self._lock:
            self._tokens += used.total_tokens - reserved.total_tokens
            if price:
                self._reserved_jpy -= price.jpy(reserved)
                self._jpy += price.jpy(used) - price.jpy(reserved)
