"""The pairs that people accepted in all rounds, for those who show them to a reader."""

from __future__ import annotations

from pathlib import Path

from homutune.data import Example, open_dataset
from homutune.errors import UserError
from homutune.improvement._firewall import Firewall
from homutune.improvement._loops import Decision, list_loops
from homutune.law import normalize


def accepted_pairs(home: Path) -> list[tuple[Example, Decision]]:
    """What was accepted, as it was accepted, with who did it; the newest round first.

    No pair that an evaluation asks for by now is among them: whoever reads the answers of a
    comparison must not have the expected ones beside them.
    """
    found: dict[str, tuple[Example, Decision]] = {}
    for loop in list_loops(home):
        decided = {k: d for k, d in loop.decisions().items() if d.verdict != "reject"}
        if not decided:
            continue
        try:
            firewall = Firewall.of(home, open_dataset(home, loop.weaknesses.dataset))
        except UserError:  # the version is gone, and with it the knowledge of what it held out
            continue
        held = [item for items in firewall.protected.values() for item in items]
        ids = {item.meta.id for item in held}
        questions = {normalize(item.question) for item in held}
        for draft in loop.drafts().values():
            if draft.id in decided and draft.id not in found:
                pair = loop.final(draft, decided[draft.id])
                if pair.meta.id not in ids and normalize(pair.question) not in questions:
                    found[draft.id] = pair, decided[draft.id]
    return list(found.values())
