"""Training and validation sides that share nothing a model could have memorised."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from homutune.data._types import Example
from homutune.errors import UserError
from homutune.law import normalize


@dataclass(frozen=True, slots=True)
class Split:
    """Ids of the examples on each side, sorted."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    seed: int = 42
    valid_ratio: float = 0.2


def split_examples(
    examples: Sequence[Example], *, valid_ratio: float = 0.2, seed: int = 42
) -> Split:
    """Split by whole families, stratified by kind as far as the families allow.

    A family is everything linked by a group, a card or the same question. The result depends
    on the examples, the ratio and the seed, not on the order of the examples.

    Raises:
        UserError: fewer than two families, ids that are not unique, or a ratio outside (0, 1).
    """
    if not 0 < valid_ratio < 1:
        raise UserError(
            f"検証用の割合 {valid_ratio} は使えません。",
            remedy="0 より大きく 1 より小さい値（例: 0.2）にしてください。",
        )
    if len({example.meta.id for example in examples}) < len(examples):
        raise UserError(
            "id が重なっているため分割できません。",
            remedy="homutune data check で重なりを確認してください。",
        )
    families = _families(examples)
    if len(families) < 2:
        raise UserError(
            "すべてが1つのグループなので、学習用と検証用に分けられません。",
            remedy="group か cards の異なる質問を足してください。",
        )
    # Shuffled by hash: adding an example elsewhere does not reshuffle the rest.
    families.sort(key=lambda family: _rank(seed, min(e.meta.id for e in family)))
    valid = _choose(families, valid_ratio)
    sides: dict[bool, list[str]] = {True: [], False: []}
    for index, family in enumerate(families):
        sides[index in valid].extend(example.meta.id for example in family)
    return Split(tuple(sorted(sides[False])), tuple(sorted(sides[True])), seed, valid_ratio)


def hold_out(examples: Sequence[Example]) -> Split:
    """All on the validation side: a set for evaluation that never trains."""
    return Split((), tuple(sorted(example.meta.id for example in examples)), valid_ratio=1.0)


def find_leaks(examples: Sequence[Example], split: Split) -> list[str]:
    """What the two sides share: ids, groups, cards or questions. Empty: the split is leak-proof."""
    known = {example.meta.id: example for example in examples}
    leaks = []
    names = {"id": "id", "group": "グループ", "card": "カード", "question": "質問"}
    links = [
        {link for i in side if i in known for link in (("id", i), *links_of(known[i]))}
        for side in (split.train, split.valid)
    ]
    for kind, value in sorted(links[0] & links[1]):
        leaks.append(f"{names[kind]}「{value}」が学習用と検証用の両方にあります。")
    return leaks


def _rank(seed: int, example_id: str) -> bytes:
    return hashlib.sha256(f"{seed}:{example_id}".encode()).digest()


def links_of(example: Example) -> list[tuple[str, str]]:
    """What ties an example to others."""
    links = [("card", card) for card in example.meta.cards]
    if example.meta.group:
        links.append(("group", example.meta.group))
    if question := normalize(example.question):
        links.append(("question", question))
    return links


def _families(examples: Sequence[Example]) -> list[list[Example]]:
    """Connected components of the examples under their links (union–find)."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for example in examples:
        for link in links_of(example):
            parent[root(("id", example.meta.id))] = root(link)
    families: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in examples:
        families[root(("id", example.meta.id))].append(example)
    return list(families.values())


def _choose(families: list[list[Example]], ratio: float) -> set[int]:
    """Indices of the families for validation: kinds first, then the total, never all or none."""
    kinds = [Counter(example.meta.kind for example in family) for family in families]
    total = sum(map(len, families))
    wanted = {kind: ratio * n for kind, n in sum(kinds, Counter()).items()}
    have: Counter[str | None] = Counter()
    valid: set[int] = set()

    def gain(index: int) -> float:
        """How much nearer to the wanted numbers of each kind moving this family brings us."""
        sign = -1 if index in valid else 1
        return sum(
            (have[kind] - wanted[kind]) ** 2 - (have[kind] + sign * n - wanted[kind]) ** 2
            for kind, n in kinds[index].items()
        )

    def excess(index: int | None = None) -> float:
        """Distance of the number of validation examples from the ratio, after moving ``index``."""
        change = 0
        if index is not None:
            change = -len(families[index]) if index in valid else len(families[index])
        return abs(sum(have.values()) + change - ratio * total)

    def move(index: int) -> None:
        if index in valid:
            valid.remove(index)
            have.subtract(kinds[index])
        else:
            valid.add(index)
            have.update(kinds[index])

    def movable(index: int) -> bool:
        return len(valid) > 1 if index in valid else len(valid) < len(families) - 1

    # Each accepted move lowers a sum of squares, so the passes end; ten are plenty.
    for _ in range(10):
        moved = False
        for index in range(len(families)):
            if movable(index) and gain(index) > 1e-9:
                move(index)
                moved = True
        if not moved:
            break
    while True:
        better = [i for i in range(len(families)) if movable(i) and excess(i) < excess() - 1e-9]
        if not better:
            break
        move(min(better, key=lambda i: (excess(i), -gain(i), i)))
    if not valid:
        move(min(range(len(families)), key=lambda i: (excess(i), -gain(i), i)))
    return valid
