"""Dataset versions on disk: named by their content and never changed.

The manifest is written last: a folder without one is incomplete.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from homutune.data._checks import UNNAMED
from homutune.data._split import Split, find_leaks
from homutune.data._types import Card, Example, Manifest, Message, Meta
from homutune.errors import UserError
from homutune.files import write_atomic

_MANIFEST = "manifest.json"
_CONTENT = ("examples.jsonl", "cards.jsonl", "split.json")
_SPLIT_REMEDY = "homutune data split で作れます。"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A complete dataset version: ``<home>/datasets/<name>``."""

    path: Path
    manifest: Manifest
    examples: tuple[Example, ...]
    #: All cards: what an evaluation may retrieve from.
    cards: tuple[Card, ...]
    split: Split

    @property
    def name(self) -> str:
        """``ds-`` and 12 hexadecimal digits of the content's hash."""
        return self.manifest.name

    @property
    def train(self) -> list[Example]:
        """Examples of the training side."""
        return self._side(self.split.train)

    @property
    def valid(self) -> list[Example]:
        """Examples of the validation side."""
        return self._side(self.split.valid)

    @property
    def train_cards(self) -> list[Card]:
        """The cards that training may show: those its examples name, as answer or near miss.

        No card that answers a validation question, and none that no example names: questions
        kept elsewhere for a later evaluation may be about it.
        """
        kept_back = {card for example in self.valid for card in example.meta.cards}
        named = {
            card for example in self.train for card in (*example.meta.cards, *example.meta.near)
        }
        return [card for card in self.cards if card.id in named - kept_back]

    def _side(self, ids: Sequence[str]) -> list[Example]:
        chosen = set(ids)
        return [example for example in self.examples if example.meta.id in chosen]


def create_dataset(
    home: Path,
    examples: Sequence[Example],
    cards: Sequence[Card],
    split: Split,
    *,
    sources: Sequence[str] = (),
    checks: Mapping[str, int] | None = None,
    parents: Sequence[str] = (),
) -> Dataset:
    """Write a dataset version, or return the one with this content.

    Args:
        sources: where the examples came from, as the user named it.
        checks: numbers of errors and warnings (``CheckReport.summary``).
        parents: names of the versions this one was made from.

    Raises:
        UserError: the split leaks or does not cover the examples, or the disk is full.
    """
    ids = sorted(example.meta.id for example in examples)
    if ids != sorted((*split.train, *split.valid)):
        raise UserError(
            "分割と質問・回答の id が一致しません。", remedy="分割をやり直してください。"
        )
    if leaks := find_leaks(examples, split):
        raise UserError(leaks[0], remedy="group をそろえて、分割をやり直してください。")
    content = _content(examples, cards, split)
    name = _name(content)
    folder = home / "datasets" / name
    if (folder / _MANIFEST).is_file():
        return open_dataset(home, name)
    # A folder without a manifest was interrupted: nothing in it can be relied on.
    shutil.rmtree(folder, ignore_errors=True)
    for file, text in content.items():
        write_atomic(folder / file, text)
    manifest = Manifest(
        name=name,
        created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        counts=_counts(examples, cards, split),
        seed=split.seed,
        valid_ratio=split.valid_ratio,
        # The set is as old as its oldest answer.
        as_of=min((e.meta.as_of for e in examples if e.meta.as_of), default=None),
        parents=list(parents),
        checks={**(checks or {}), "leaks": 0},
        sources=list(sources),
    )
    write_atomic(folder / _MANIFEST, _json(asdict(manifest), indent=2) + "\n")
    return open_dataset(home, name)


def open_dataset(home: Path, name: str | None = None) -> Dataset:
    """Open the version ``name`` (a unique beginning is enough).

    For None or "latest" the newest that has a training side.

    Raises:
        UserError: there is none, the beginning is ambiguous, or its files were changed.
    """
    folder = _find(home, name)
    manifest = Manifest(**json.loads((folder / _MANIFEST).read_text("utf-8")))
    try:
        content = {file: (folder / file).read_text("utf-8") for file in _CONTENT}
    except OSError:
        content = {}
    if _name(content) != manifest.name:
        raise UserError(
            f"データセット {manifest.name} の中身が変わっています。",
            remedy=f"このフォルダーを消して作り直してください。{_SPLIT_REMEDY}",
            file=folder,
        )
    sides = json.loads(content["split.json"])
    return Dataset(
        path=folder,
        manifest=manifest,
        examples=tuple(_example(record) for record in _records(content["examples.jsonl"])),
        cards=tuple(_card(record) for record in _records(content["cards.jsonl"])),
        split=Split(
            tuple(sides["train"]), tuple(sides["valid"]), manifest.seed, manifest.valid_ratio
        ),
    )


def _find(home: Path, name: str | None) -> Path:
    manifests = sorted((home / "datasets").glob(f"ds-*/{_MANIFEST}"))
    if not manifests:
        raise UserError("データセットがまだありません。", remedy=_SPLIT_REMEDY)
    if name in (None, "latest"):
        read = {path: json.loads(path.read_text("utf-8")) for path in manifests}
        # A version kept for evaluation is asked for by its name only.
        usable = [path for path in manifests if read[path]["counts"]["train"]] or manifests
        return max(usable, key=lambda path: str(read[path]["created_at"])).parent
    found = [path.parent for path in manifests if path.parent.name.startswith(str(name))]
    if len(found) != 1:
        known = ", ".join(path.parent.name for path in manifests)
        problem = "が見つかりません" if not found else "に当てはまるものが複数あります"
        raise UserError(
            f"データセット「{name}」{problem}（あるもの: {known}）。",
            remedy=f"名前を確認してください。{_SPLIT_REMEDY}",
        )
    return found[0]


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=indent)


def _content(examples: Sequence[Example], cards: Sequence[Card], split: Split) -> dict[str, str]:
    """The three files, in an order that does not depend on the order read."""
    pairs = [
        {"messages": list(example.messages), "meta": _known(asdict(example.meta))}
        for example in sorted(examples, key=lambda example: example.meta.id)
    ]
    notes = [_known(asdict(card)) for card in sorted(cards, key=lambda card: card.id)]
    sides = {"train": list(split.train), "valid": list(split.valid)}
    return {
        "examples.jsonl": "".join(_json(pair) + "\n" for pair in pairs),
        "cards.jsonl": "".join(_json(note) + "\n" for note in notes),
        "split.json": _json(sides, indent=1) + "\n",
    }


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, (), "")}


def _name(content: Mapping[str, str]) -> str:
    digest = hashlib.sha256(_json(dict(content)).encode("utf-8"))
    return f"ds-{digest.hexdigest()[:12]}"


def _counts(examples: Sequence[Example], cards: Sequence[Card], split: Split) -> dict[str, int]:
    """Totals, and examples by side and kind as ``train/契約書に関する質問``."""
    counts = {
        "examples": len(examples),
        "train": len(split.train),
        "valid": len(split.valid),
        "cards": len(cards),
    }
    valid = set(split.valid)
    for example in sorted(examples, key=lambda e: e.meta.kind or ""):
        side = "valid" if example.meta.id in valid else "train"
        key = f"{side}/{example.meta.kind or UNNAMED}"
        counts[key] = counts.get(key, 0) + 1
    return counts


def _records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.split("\n") if line]


def _tuples(record: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}


def _example(record: Mapping[str, Any]) -> Example:
    messages = cast("list[Message]", record["messages"])
    return Example(tuple(messages), Meta(**_tuples(record["meta"])))


def _card(record: Mapping[str, Any]) -> Card:
    return Card(**{"field": "", **_tuples(record)})
