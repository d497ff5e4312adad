"""The documented experiment end to end, on a tiny model and a part of the corpus."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from homutune.data import read_cards, read_examples, split_examples
from tiny import build_tiny_base

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[1]
CARDS = 14


@pytest.fixture
def project(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few cards with their questions, held-out ones, and the written pairs that may train."""
    build_tiny_base(home)
    written = yaml.safe_load((ROOT / "bench/improvement_pairs.yaml").read_text("utf-8"))
    wanted = {card for pair in written["pairs"] for card in pair["cards"]}
    cards = yaml.safe_load((ROOT / "corpus/cards/keiyaku.yaml").read_text("utf-8"))
    cards.sort(key=lambda card: card["id"] not in wanted)
    known = {card["id"] for card in cards[:CARDS]}
    qa = yaml.safe_load((ROOT / "corpus/qa/keiyaku.yaml").read_text("utf-8"))
    qa["pairs"] = [pair for pair in qa["pairs"] if set(pair["cards"]) <= known]
    for name, content in (("cards", cards[:CARDS]), ("qa", qa)):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        (folder / "part.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    train = set(split_examples(read_examples(tmp_path / "data/qa")).train)
    shown = {
        card
        for e in read_examples(tmp_path / "data/qa")
        if e.meta.id in train
        for card in e.meta.cards
    }
    written["pairs"] = [pair for pair in written["pairs"] if set(pair["cards"]) <= shown]
    for pair in written["pairs"]:
        pair.pop("near", None)
    assert written["pairs"], "none of the written pairs is about a card of this training side"
    text = yaml.safe_dump(written, allow_unicode=True)
    (tmp_path / "pairs.yaml").write_text(text, "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("HOMUTUNE_PORT", str(port))
    monkeypatch.setenv("HOMUTUNE_BASE_URL", f"http://127.0.0.1:{port}/v1")
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "tiny-gemma")
    return tmp_path


def experiment(project: Path) -> str:
    sizes = ["--items", "4", "--withheld", "2", "--validation", "3"]
    options = [*sizes, "--page", "page.md", "--pairs", "pairs.yaml"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/experiment.py"), *options],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_experiment_writes_its_page_from_results_and_repeats_nothing(
    project: Path, home: Path
) -> None:
    experiment(project)
    page = (project / "page.md").read_text("utf-8")
    for part in ("## わかったこと", "## 2×2", "## 問題の型ごと", "## 検索だけ", "### 前と後",
                 "### 版の履歴", "## 測っていないこと", "答えのない質問"):  # fmt: skip
        assert part in page, part
    assert page.count("| ds-") == 2, "the parent version and the new one stand in the history"
    columns = [line.count("|") for line in page.splitlines() if line.startswith("| ")]
    assert min(columns) >= 3
    models = json.loads((home / "registry.json").read_text("utf-8"))["models"]
    assert [model["suffix"] for model in models] == ["demo", "after"]
    answers = {path: path.read_bytes() for path in home.glob("runs/*/answers.jsonl")}
    for report in ("2x2", "base-tuned", "before-after", "retrain"):
        assert "正確性" in (project / "experiment" / f"{report}.html").read_text("utf-8")

    experiment(project)
    again = (project / "page.md").read_text("utf-8")
    assert {path: path.read_bytes() for path in home.glob("runs/*/answers.jsonl")} == answers
    assert len(list(home.glob("jobs/ftjob-*"))) == 2
    assert again == page


def test_every_written_pair_passes_the_checks_and_the_firewall_of_the_corpus() -> None:
    cards = {card.id for card in read_cards(ROOT / "corpus/cards")}
    held = {c for e in read_examples(ROOT / "corpus/heldout") for c in e.meta.cards}
    pairs = read_examples(ROOT / "bench/improvement_pairs.yaml")
    assert len({pair.meta.id for pair in pairs}) == len(pairs) >= 20
    for pair in pairs:
        assert set(pair.meta.cards) <= cards, pair.meta.id
        assert not {*pair.meta.cards, *pair.meta.near} & held, pair.meta.id
