"""Does a base model fit into this machine's memory while it is trained?"""

from __future__ import annotations

import psutil

from homutune.server._engine import Engine

#: Code of the error, ours: OpenAI has no such limit.
INSUFFICIENT_MEMORY = "insufficient_memory"


class Memory:
    """The memory training may use: all of the machine's, or the limit of the settings.

    Args:
        engine: knows what a base model needs.
        limit_gb: gigabytes (10^9 bytes), None for the whole machine.
    """

    def __init__(self, engine: Engine, limit_gb: float | None) -> None:
        self._engine = engine
        self._limit = psutil.virtual_memory().total if limit_gb is None else int(limit_gb * 1e9)

    def problem(self, model: str) -> str | None:
        """Why ``model`` cannot be trained here, or None; a model not made ready yet passes."""
        needed = self._engine.training_memory(model)
        if needed is None or needed <= self._limit:
            return None
        return (
            f"The model `{model}` needs about {needed / 1e9:.1f} GB of memory to be trained, but "
            f"only {self._limit / 1e9:.1f} GB can be used here. (メモリが足りません。小さいモデルを"
            "選ぶか、HOMUTUNE_MEMORY_LIMIT_GB とこのパソコンのメモリを確認してください)"
        )
