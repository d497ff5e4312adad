"""Base models made ready beside the runner: the first time that takes half a minute."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

from homutune.server._engine import Engine, Weights

#: Most base models are ready; only one that is not is worth telling about.
_AT_ONCE_S = 0.2


class Preparation:
    """At most one preparation per base model.

    Args:
        wake: called when one has ended.
    """

    def __init__(self, engine: Engine, wake: Callable[[], None]) -> None:
        self._engine = engine
        self._wake = wake
        self._running: dict[str, Future[Weights]] = {}

    def get(self, name: str) -> Weights | None:
        """The weights of the base model ``name``, or None while they are being made.

        Raises:
            Exception: what the engine raised; the next call tries again.
        """
        future = self._running.get(name)
        if future is None:
            future = self._running[name] = Future()
            # A daemon: a server that is stopped does not wait for a conversion.
            threading.Thread(target=self._run, args=(name, future), daemon=True).start()
        wait([future], _AT_ONCE_S)
        if not future.done():
            return None
        del self._running[name]
        return future.result()

    def _run(self, name: str, future: Future[Weights]) -> None:
        try:
            future.set_result(self._engine.prepare(name))
        except BaseException as error:
            future.set_exception(error)
        self._wake()
