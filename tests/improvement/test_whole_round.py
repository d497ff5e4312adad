"""Once around with the commands, on the real server, the real trainer and a tiny real model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homutune.cli._app import run
from homutune.data import Dataset, open_dataset
from improvement.conftest import Writer
from server.running import InThread

pytestmark = pytest.mark.slow

Command = Callable[..., Any]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command with ``--json`` and return what it printed."""

    def command(*arguments: str) -> Any:
        code = run([*arguments, "--json"])
        said = capsys.readouterr()
        assert code == 0, said.err
        return json.loads(said.out)

    return command


def test_from_the_first_model_to_a_better_documented_second_one(
    dataset: Dataset, training_server: InThread, writer: Writer, home: Path, command: Command
) -> None:
    command("tune", "start", "--epochs", "1", "--batch-size", "4", "--suffix", "one")
    command("eval", "run", "--model", "one")
    plan = command("improve", "plan", "--model", "one")
    assert plan["weaknesses"]["n_items"] == 6 and plan["weaknesses"]["errors"]
    drafts = command("improve", "draft", "--model", "drafter", "--limit", "1")["drafts"]
    first, second, *rest = (draft["id"] for draft in drafts)
    command("improve", "accept", first, "--by", "山田")
    better = drafts[1]["example"]["messages"][1]["content"].replace("残して", "正確に残して")
    command("improve", "edit", second[:12], "--by", "山田", "--answer", better)
    for draft in rest:
        command("improve", "reject", draft, "--by", "山田")
    applied = command("improve", "apply")
    assert applied["parent"] == dataset.name and len(applied["preferences"]) >= 1
    after = command("improve", "retrain", "--suffix", "two", "--out", "after.html")
    assert after["dataset"] == applied["dataset"]
    assert ":one:" in after["before"] and ":two:" in after["after"]
    # Both were asked the same questions; the old answers were taken from the old run.
    grounded = after["comparison"]["conditions"]["grounded"]
    assert grounded["base"]["n_items"] == grounded["tuned"]["n_items"] == 6
    versions = after["history"]
    assert [v["dataset"] for v in versions] == [dataset.name, applied["dataset"]]
    assert [v["n_train"] for v in versions] == [10, 12] and versions[1]["parent"] == dataset.name
    html = Path("after.html").read_text("utf-8")
    assert "版の履歴" in html and len(re.findall("<svg", html)) >= 4
    # The same command again trains and asks nothing, and shows the same.
    again = command("improve", "retrain", "--out", "again.html")
    assert again["after"] == after["after"]
    jobs = training_server.client.fine_tuning.jobs.list().data
    # Only the data differ: the second job took over what the first was trained with.
    assert [(job.hyperparameters.n_epochs, job.hyperparameters.batch_size) for job in jobs] == [
        (1, 4),
        (1, 4),
    ]
    assert len(command("improve", "history")["versions"]) == 2
    made = open_dataset(home, applied["dataset"])
    assert {e.meta.id for e in made.train} >= {first, second}
