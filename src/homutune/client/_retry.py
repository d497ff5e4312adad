"""When a failed request is made again, after how long, and when to stop trying altogether."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homutune.client._errors import CircuitOpen

if TYPE_CHECKING:
    import openai

_RETRIED_STATUS = {408, 409, 429}
#: A server that lets ten minutes pass twice is not asked a third time.
_TIMEOUTS = 2


@dataclass(frozen=True, slots=True)
class Retry:
    """Back-off with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).

    Attributes:
        attempts: requests in all; 1 never repeats.
        first_pause_s: upper bound of the first pause; doubles each time.
        max_pause_s: upper bound of every pause.
        max_server_pause_s: a server that asks for more (Retry-After) is not waited for.
    """

    attempts: int = 4
    first_pause_s: float = 0.5
    max_pause_s: float = 20.0
    max_server_pause_s: float = 60.0

    def pause(self, error: openai.APIError, attempt: int, *, local: bool) -> float | None:
        """Seconds to wait before attempt ``attempt + 1``; None: do not try again.

        Args:
            attempt: how many requests were made, from 1.
            local: the server is on this machine; if nobody listens there, waiting is no help.
        """
        import openai

        if attempt >= self.attempts or not _worth_repeating(error, local):
            return None
        if isinstance(error, openai.APITimeoutError) and attempt >= _TIMEOUTS:
            return None
        asked = _retry_after(error)
        if asked is not None:
            return asked if asked <= self.max_server_pause_s else None
        return random.uniform(0, min(self.max_pause_s, self.first_pause_s * 2 ** (attempt - 1)))


def _worth_repeating(error: openai.APIError, local: bool) -> bool:
    import openai

    if isinstance(error, openai.APIStatusError):
        wish = error.response.headers.get("x-should-retry")
        if wish in ("true", "false"):
            return wish == "true"
        if error.code == "insufficient_quota":
            return False
        return error.status_code in _RETRIED_STATUS or error.status_code >= 500
    if isinstance(error, openai.APITimeoutError):
        return True
    return isinstance(error, openai.APIConnectionError) and not local


def _retry_after(error: openai.APIError) -> float | None:
    """Seconds the server asks for: ``retry-after-ms``, or ``retry-after`` in seconds."""
    import openai

    if not isinstance(error, openai.APIStatusError):
        return None
    headers = error.response.headers
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    return None


def is_outage(error: BaseException) -> bool:
    """Whether the server, not the request, is to blame."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return error.status_code >= 500
    return isinstance(error, openai.APIConnectionError)  # timeouts included


class CircuitBreaker:
    """After ``failures`` questions in a row that the server failed, refuses at once for a while.

    Afterwards one question is let through; its success closes the circuit again.
    """

    def __init__(
        self,
        failures: int = 5,
        rest_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = failures
        self._rest_s = rest_s
        self._clock = clock
        self._failed = 0
        self._open_until = 0.0
        self._lock = threading.Lock()

    def check(self) -> None:
        """Pass, or refuse.

        Raises:
            CircuitOpen: the server has failed too often; nothing was sent.
        """
        with self._lock:
            left = self._open_until - self._clock()
            if self._failed < self._limit:
                return
            if left > 0:
                raise CircuitOpen(
                    f"サーバーが{self._failed}回続けて失敗したため、送信を止めています。",
                    remedy=f"約{max(1, round(left))}秒後にもう一度実行してください。"
                    "続くときはサーバーの状態を確認してください。",
                )
            # Half open: whoever comes next, before this one's result is known, is refused.
            self._open_until = self._clock() + self._rest_s

    def succeeded(self) -> None:
        """The server answered."""
        with self._lock:
            self._failed = 0
            self._open_until = 0.0

    def failed(self) -> None:
        """The server failed to answer."""
        with self._lock:
            self._failed += 1
            if self._failed >= self._limit:
                self._open_until = self._clock() + self._rest_s
