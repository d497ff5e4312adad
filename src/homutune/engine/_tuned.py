"""The tuned models of a home: adapters and the checkpoints of jobs, found by their name."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class TunedModel:
    """A complete adapter.

    ``name`` is the one the server answers to, ``base`` the id of its base model, ``job`` the
    folder of the job that made it and ``step`` the checkpoint's, None for the final adapter.
    """

    name: str
    base: str
    adapter: Path
    job: Path
    step: int | None
    seed: int

    @property
    def created(self) -> float:
        """Seconds since 1970."""
        return (self.adapter / "adapter.json").stat().st_mtime

    def description(self) -> dict[str, Any]:
        """The adapter's LoRA settings and, as far as they are known, the hyperparameters."""
        config = json.loads((self.adapter / "adapter_config.json").read_text("utf-8"))
        state = _json(self.job / "state.json")
        return {
            "lora_rank": config["r"],
            "lora_alpha": config["lora_alpha"],
            "target_modules": config["target_modules"],
            "seed": self.seed,
            **(state.get("hyperparameters") or {}),
        }

    def metrics(self) -> list[dict[str, float]]:
        """The steps that led to it, as in OpenAI's result file; what is empty is left out."""
        path = self.job / "metrics.csv"
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as table:
            rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(table)]
        return [row for row in rows if self.step is None or row["step"] <= self.step]


def tuned_models(home: Path) -> list[TunedModel]:
    """All complete adapters and checkpoints below ``home``, newest first.

    They are found on the disk, so that they can be taken along without server and database.
    """
    found = [
        _read(proof.parent, home / "jobs" / proof.parent.name, None)
        for proof in home.glob("adapters/*/adapter.json")
    ]
    for proof in home.glob("jobs/*/checkpoints/step-*/checkpoint.json"):
        step = int(proof.parent.name.removeprefix("step-"))
        found.append(_read(proof.parent, proof.parents[2], step))
    return sorted(found, key=lambda model: (-model.created, model.name))


def _read(adapter: Path, job: Path, step: int | None) -> TunedModel:
    stored = _json(adapter / "adapter.json")
    name = stored["model"] if step is None else f"{stored['model']}:ckpt-step-{step}"
    return TunedModel(name, stored["base"], adapter, job, step, stored.get("seed", 0))


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return content
