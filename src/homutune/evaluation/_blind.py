"""Answers to rate without knowing who wrote them, and the ratings people gave.

What the codes of a sheet mean is kept in ``<home>/ratings/<sheet>/key.json``, the ratings in
``rater-*.json`` beside it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from homutune.data import without_sources
from homutune.errors import UserError
from homutune.evaluation._judge_summary import Ratings
from homutune.evaluation._run_files import Run
from homutune.evaluation._scoring import CRITERIA
from homutune.files import write_atomic


@dataclass(frozen=True, slots=True)
class BlindAnswer:
    """One answer to rate; its code is random and says nothing about the model."""

    code: str
    question: str
    reference: str
    answer: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """The answers to rate, in the order of their codes."""

    id: str
    answers: tuple[BlindAnswer, ...]


def make_sheet(
    home: Path, runs: Sequence[Run], *, limit: int | None = None, seed: int = 42
) -> Sheet:
    """The answers of ``runs`` to the same items; equal answers stand once.

    Args:
        limit: number of items; the same seed chooses the same ones.

    Raises:
        UserError: no item was answered in every run.
    """
    common = [item for item in runs[0].items if all(item.meta.id in run.scores for run in runs)][
        :limit
    ]
    if not common:
        raise UserError(
            "すべての評価で答えがある質問がないため、採点表を作れません。",
            remedy="同じデータセットを同じ --limit で評価してください。",
        )
    identity = json.dumps(
        [seed, [run.config.id for run in runs], [item.meta.id for item in common]]
    )
    sheet = f"sheet-{sha256(identity.encode()).hexdigest()[:10]}"
    key_path = _folder(home, sheet) / "key.json"
    # A second export of the same sheet keeps its codes: one of them may be with a rater already.
    if not key_path.exists():
        codes: dict[str, list[list[str]]] = {}
        for item in common:
            same: dict[str, list[list[str]]] = {}
            for run in runs:
                text = run.answers[item.meta.id].text or ""
                same.setdefault(text, []).append([run.config.id, item.meta.id])
            for places in same.values():
                codes[f"R{secrets.token_hex(3)}"] = places
        record = {"codes": codes, "runs": [run.config.id for run in runs]}
        write_atomic(key_path, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    return open_sheet(home, sheet, runs)


def open_sheet(home: Path, sheet: str, runs: Sequence[Run]) -> Sheet:
    """A sheet made from ``runs``, with its codes as they were given."""
    codes = json.loads((_folder(home, sheet) / "key.json").read_text("utf-8"))["codes"]
    by_id = {run.config.id: run for run in runs}
    items = {item.meta.id: item for item in runs[0].items}
    answers = []
    for code in sorted(codes):
        run_id, key = codes[code][0]
        text = without_sources(by_id[run_id].answers[key].text or "")
        answers.append(BlindAnswer(code, items[key].question, items[key].answer, text))
    return Sheet(sheet, tuple(answers))


def keep_ratings(
    home: Path, sheet: str, rater: str, ratings: Mapping[str, Mapping[str, int]]
) -> None:
    """Store what ``rater`` says: code -> criterion -> 1 to 5; it replaces what they said before."""
    record = {"rater": rater.strip(), "ratings": ratings}
    text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    write_atomic(_path(home, sheet, rater), text)


def ratings_of(home: Path, sheet: str, rater: str) -> dict[str, dict[str, int]]:
    """What ``rater`` said of the answers of a sheet: code -> criterion -> 1 to 5."""
    path = _path(home, sheet, rater)
    return dict(json.loads(path.read_text("utf-8"))["ratings"]) if path.is_file() else {}


def list_sheets(home: Path) -> dict[str, tuple[str, ...]]:
    """Sheet -> ids of the runs whose answers are on it."""
    return {
        path.parent.name: tuple(json.loads(path.read_text("utf-8"))["runs"])
        for path in sorted((home / "ratings").glob("sheet-*/key.json"))
    }


def ratings_by_rater(home: Path, sheet: str) -> dict[str, dict[str, dict[str, int]]]:
    """Rater -> what they said of the answers of a sheet, as :func:`ratings_of`."""
    records = [
        json.loads(path.read_text("utf-8"))
        for path in sorted(_folder(home, sheet).glob("rater-*.json"))
    ]
    return {record["rater"]: record["ratings"] for record in records}


def load_ratings(home: Path) -> Ratings:
    """All ratings of this home by criterion, (run id, item) and rater."""
    ratings: dict[str, dict[tuple[str, str], dict[str, int]]] = {name: {} for name in CRITERIA}
    for path in sorted((home / "ratings").glob("sheet-*/rater-*.json")):
        record = json.loads(path.read_text("utf-8"))
        codes = json.loads((path.parent / "key.json").read_text("utf-8"))["codes"]
        for code, scores in record["ratings"].items():
            for run, item in codes[code]:
                for name, value in scores.items():
                    ratings[name].setdefault((run, item), {})[record["rater"]] = value
    return ratings


def _path(home: Path, sheet: str, rater: str) -> Path:
    digest = sha256(rater.strip().encode()).hexdigest()[:8]
    return _folder(home, sheet) / f"rater-{digest}.json"


def _folder(home: Path, sheet: str) -> Path:
    return home / "ratings" / sheet
