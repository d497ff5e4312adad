"""What keeps evaluation items out of training: nothing new may share anything with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from homutune.data import Dataset, Example, open_dataset, prove_separation


@dataclass(frozen=True, slots=True)
class Firewall:
    """The items that must never train, by the name of where they stand.

    Attributes:
        protected: name for the reader -> validation or held-out examples.
    """

    protected: dict[str, tuple[Example, ...]]

    @classmethod
    def of(cls, home: Path, dataset: Dataset) -> Firewall:
        """The validation side of ``dataset``, and every held-out version under ``home``."""
        protected = {f"検証用（{dataset.name}）": tuple(dataset.valid)}
        for name in held_out_versions(home):
            if name != dataset.name:
                protected[f"評価専用（{name}）"] = tuple(open_dataset(home, name).valid)
        return cls({name: items for name, items in protected.items() if items})

    @property
    def cards(self) -> frozenset[str]:
        """Ids of the cards that answer protected questions."""
        return frozenset(
            card for items in self.protected.values() for item in items for card in item.meta.cards
        )

    def breaches(self, example: Example) -> list[str]:
        """What ``example`` shares with protected items, as Japanese sentences; [] lets it pass.

        Ids, groups, cards and questions in common, and nearly equal questions or answers.
        """
        found: list[str] = []
        for name, items in self.protected.items():
            proof = prove_separation([example], items)
            found += [f"{name}と重なります：{text}" for text in proof.shared]
            parts = {"question": "質問", "answer": "回答"}
            found += [
                f"{name}の {pair.right} と{parts[pair.part]}がほぼ同じです"
                f"（一致 {pair.jaccard:.2f}）。"
                for pair in proof.near
            ]
        return found


def held_out_versions(home: Path) -> Sequence[str]:
    """Names of the dataset versions without a training side."""
    found = []
    for path in sorted((home / "datasets").glob("ds-*/manifest.json")):
        if not json.loads(path.read_text("utf-8"))["counts"].get("train"):
            found.append(path.parent.name)
    return found
