"""Pairs that people wrote themselves: the same checks, the same firewall, the same record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from homutune.data import Dataset, Example, open_dataset
from homutune.errors import UserError
from homutune.improvement._drafts import Draft, DraftChecker, group_of_card
from homutune.improvement._firewall import Firewall
from homutune.improvement._loops import Decision, Loop

#: Stands where the name of the drafting model stands.
BY_HAND = "人が作成"


def add_written(home: Path, loop: Loop, examples: Sequence[Example], *, by: str) -> list[Decision]:
    """Put written pairs into ``loop`` as accepted by ``by``; what is there already is skipped.

    All or nothing: people mend their file and give it again.

    Raises:
        UserError: there is none, one has no card that training may show, or one would not be
            accepted as a draft; names the pairs and why.
    """
    if not examples:
        raise UserError("足す質問と回答がありません。", remedy="ファイルの中身を確認してください。")
    dataset = open_dataset(home, loop.weaknesses.dataset)
    checker = DraftChecker(dataset, Firewall.of(home, dataset))
    shown = {card.id for card in dataset.train_cards}
    drafts: dict[str, Draft] = {}
    wrong: list[str] = []
    for example in examples:
        draft = _draft(dataset, example)
        problems = list(checker.check(draft.example)[0])
        if not example.meta.cards or not set(example.meta.cards) <= shown:
            problems.insert(0, "学習に使える解説カードを cards に書いてください。")
        if draft.id in drafts:
            problems.append("同じ組が2回あります。")
        if problems:
            wrong.append(f"{example.meta.id}: {' '.join(problems)}")
        drafts[draft.id] = draft
    if wrong:
        raise UserError(
            f"{len(examples)}件のうち{len(wrong)}件が採用できないため、1件も足していません。\n"
            + "\n".join(wrong),
            remedy="ファイルを直して、もう一度実行してください。",
        )
    known, decided = loop.drafts(), loop.decisions()
    for _ in loop.keep(draft for key, draft in drafts.items() if key not in known):
        pass
    return [
        loop.decide(home, draft, "accept", by=by)
        for key, draft in drafts.items()
        if key not in decided
    ]


def _draft(dataset: Dataset, example: Example) -> Draft:
    text = f"{example.question}\n{example.answer}"
    digest = sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
    cards = {card.id: card for card in dataset.train_cards}
    own = [cards[card] for card in example.meta.cards if card in cards]
    meta = replace(
        example.meta,
        id=f"draft-{digest[:10]}",
        # The group of the pairs about the same card: what is about one card stays on one side.
        group=group_of_card(dataset, own[0]) if own else example.meta.group,
        origin="written",
    )
    return Draft(meta.id, "", BY_HAND, digest[:16], replace(example, meta=meta, source=None))
