"""What a job may ask for beyond OpenAI's three hyperparameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from homutune.engine._chat import Tokens
from homutune.engine._trainer import LoraSettings


@dataclass(frozen=True, slots=True)
class Options:
    """LoRA's shape, the longest example (tokens) the dtype (``auto``, ``bf16``, ``fp32``), and
    how many epochs without a lower validation loss end the run (None: none do).

    ``rank_examples`` None leaves it to the number of epochs. ``in_4bit`` is QLoRA.
    """

    lora: LoraSettings
    max_length: int | None
    precision: str
    patience: int | None
    rank_examples: bool | None
    in_4bit: bool = False

    @classmethod
    def read(cls, requested: Mapping[str, Any]) -> Options:
        """From the hyperparameters of ``job.json``; what is absent keeps its default."""
        usual = LoraSettings()
        rank = requested.get("lora_rank") or usual.rank
        targets = requested.get("target_modules") or usual.target_modules
        return cls(
            LoraSettings(
                rank=rank,
                # Twice the rank unless said: the scale of the update then stays what it was.
                alpha=requested.get("lora_alpha") or 2 * rank,
                target_modules=targets if isinstance(targets, str) else tuple(targets),
            ),
            requested.get("max_length"),
            requested.get("precision") or "auto",
            requested.get("early_stopping_patience"),
            requested.get("rank_examples"),
            bool(requested.get("load_in_4bit")),
        )

    def ranks(self, n_epochs: int) -> bool:
        """Whether to rank the examples at the end, which takes about a quarter of an epoch."""
        return n_epochs > 1 if self.rank_examples is None else self.rank_examples

    def going_on_from(self, adapter: Path) -> Options:
        """With the LoRA settings of ``adapter``, which cannot be changed any more."""
        config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
        targets = config["target_modules"]
        lora = LoraSettings(
            config["r"],
            config["lora_alpha"],
            targets if isinstance(targets, str) else tuple(targets),
        )
        return replace(self, lora=lora)

    def as_dict(self, n_epochs: int) -> dict[str, Any]:
        """The values under the names a job asks for them by."""
        targets = self.lora.target_modules
        return {
            "lora_rank": self.lora.rank,
            "lora_alpha": self.lora.alpha,
            "target_modules": targets if isinstance(targets, str) else list(targets),
            "precision": self.precision,
            "rank_examples": self.ranks(n_epochs),
            **({} if self.max_length is None else {"max_length": self.max_length}),
            **({"load_in_4bit": True} if self.in_4bit else {}),
            **({} if self.patience is None else {"early_stopping_patience": self.patience}),
        }


def cut(tokens: Tokens, max_length: int | None) -> Tokens:
    """The example up to ``max_length`` tokens, as OpenAI cuts: from the end."""
    if max_length is None or len(tokens.ids) <= max_length:
        return tokens
    return Tokens(tokens.ids[:max_length], tokens.labels[:max_length])
