"""From a finished evaluation to a loop with its work list."""

from __future__ import annotations

from pathlib import Path

from homutune.data import Dataset
from homutune.errors import UserError
from homutune.evaluation import find_arm
from homutune.improvement._firewall import Firewall
from homutune.improvement._loops import Loop, create_loop
from homutune.improvement._weaknesses import find_weaknesses
from homutune.improvement._worklist import make_worklist


def plan_loop(home: Path, dataset: Dataset, *, model: str, condition: str = "grounded") -> Loop:
    """Read what ``model`` got wrong under ``condition`` and store what to do about it.

    Raises:
        UserError: that was not measured; names the command that does it.
    """
    run = find_arm(home, dataset, model=model, condition=condition)
    try:
        withheld = find_arm(home, dataset, model=model, condition="withheld")
    except UserError:  # not measured; the plan says nothing about it
        withheld = None
    weaknesses = find_weaknesses(run, withheld)
    firewall = Firewall.of(home, dataset)
    work = make_worklist(dataset, weaknesses, barred=tuple(firewall.cards))
    return create_loop(home, weaknesses, work)
