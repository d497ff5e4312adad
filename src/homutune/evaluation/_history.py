"""How models of several dataset versions did on the same questions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from homutune.data import open_dataset
from homutune.errors import UserError
from homutune.evaluation._run_files import Run, RunConfig, load_run, read_config, runs_folder
from homutune.evaluation._summary import Estimate


@dataclass(frozen=True, slots=True)
class VersionScore:
    """One model in the history of a dataset.

    Attributes:
        dataset: version it learned from; None for a base model, or where it is not known.
        parent: version that one was made from.
        n_train: training pairs of that version.
        created_at: when the model was made, ISO 8601; "" for a base model.
        criteria: criterion -> estimate on the same questions.
    """

    model: str
    dataset: str | None
    parent: str | None
    n_train: int | None
    created_at: str
    run: str
    n_items: int
    criteria: dict[str, Estimate]

    @property
    def trained_on(self) -> str:
        """What a reader sees of the version it learned from."""
        return self.dataset or ("不明" if self.model.startswith("ft:") else "学習前")


def runs_of_same_exam(home: Path, config: RunConfig) -> list[Run]:
    """Finished runs that asked what ``config`` asked with the same notes, newest of each model.

    Versions of one dataset share their validation items as long as only the training side grows.
    """
    newest: dict[str, RunConfig] = {}
    for marker in sorted(runs_folder(home).glob("*/scores.json")):
        other = read_config(marker.parent)
        same = (other.prompts_hash, other.plan, other.condition, other.generations) == (
            config.prompts_hash,
            config.plan,
            config.condition,
            config.generations,
        )
        known = newest.get(other.model)
        if same and (known is None or known.created_at <= other.created_at):
            newest[other.model] = other
    runs = []
    for found in newest.values():
        try:
            runs.append(load_run(runs_folder(home) / found.id, open_dataset(home, found.dataset)))
        except UserError:  # its dataset was deleted: the answers cannot be scored any more
            continue
    return runs
