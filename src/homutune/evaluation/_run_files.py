"""Runs as they are on disk, read back and scored.

``<home>/runs/<run id>/`` holds ``run.json`` (what was asked, and of whom), ``answers.jsonl``
(appended as answers arrive) and ``scores.json`` (written last: the run is complete).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from homutune.data import Dataset, Example
from homutune.evaluation._answers import Answer, AnswerLog
from homutune.evaluation._exams import CONDITIONS, Case, Part, exam_items
from homutune.evaluation._scoring import ItemScore, Scorer, average_scores
from homutune.evaluation._summary import summarize
from homutune.files import write_atomic
from homutune.prompting import PromptPlan


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What a run is: stored as ``run.json``.

    Attributes:
        id: ``run-`` and 12 hex digits of everything that decides the requests; ``--fresh`` adds
            a counter.
        limit: number of items asked for, None for all.
        n: number of items asked.
        prompts_hash: hash of the item ids and the messages sent, so that two runs with the same
            value asked the same questions with the same notes.
        base_url: where the model was reached.
        generations: answers asked for each item; their scores are averaged.
        part: half of the items asked, or all.
    """

    id: str
    dataset: str
    model: str
    condition: str
    plan: PromptPlan
    case: Case
    limit: int | None
    n: int
    seed: int
    prompts_hash: str
    base_url: str
    created_at: str
    homutune: str
    generations: int = 1
    part: Part = "all"

    @property
    def label(self) -> str:
        """The condition as a reader sees it: one of our own, or a plan by its name."""
        known = CONDITIONS.get(self.condition)
        return known.label if known else self.condition


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is on disk, scored with the current formulas.

    Attributes:
        answers: the first answer to each item, for reading; ``samples`` holds all generations.
        scores: averaged over the generations that arrived.
    """

    path: Path
    config: RunConfig
    items: tuple[Example, ...]
    answers: dict[str, Answer]
    scores: dict[str, ItemScore]
    complete: bool
    samples: dict[str, tuple[Answer, ...]] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """Ids of the items without an answer."""
        return tuple(item.meta.id for item in self.items if item.meta.id not in self.scores)


def load_run(folder: Path, dataset: Dataset) -> Run:
    """Read a run and score its answers.

    Scores are always computed anew, so that two runs compared with each other were scored by the
    same formulas; ``scores.json`` is there for other programs and as the mark of completeness.
    """
    config = read_config(folder)
    by_id = {item.meta.id: item for item in dataset.valid}
    asked = exam_items(dataset, config.case, config.limit, config.part)
    samples: dict[str, list[Answer]] = {}
    for (key, _), answer in sorted(AnswerLog(folder / "answers.jsonl").read().items()):
        samples.setdefault(key, []).append(answer)
    scorer = Scorer([*dataset.train, *dataset.valid], dataset.cards)
    answers, scores = {}, {}
    for item in asked:
        key = item.meta.id
        given = [answer for answer in samples.get(key, ()) if answer.text is not None]
        if given:
            found = [
                scorer.score(
                    by_id[key],
                    answer,
                    withheld=config.case == "withheld",
                    searched=config.plan.form == "grounded",
                )
                for answer in given
            ]
            scores[key] = average_scores(found)
        if key in samples:
            answers[key] = (given or samples[key])[0]
    complete = (folder / "scores.json").exists()
    everything = {key: tuple(given) for key, given in samples.items()}
    return Run(folder, config, asked, answers, scores, complete, everything)


def read_config(folder: Path) -> RunConfig:
    """Read ``run.json``."""
    fields: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    fields["plan"] = PromptPlan(**fields["plan"])
    return RunConfig(**fields)


def runs_folder(home: Path) -> Path:
    """The folder all runs are in."""
    return home / "runs"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as a list shows it, without scoring anything.

    Attributes:
        complete: ``summary`` (a ``RunSummary`` as JSON values) is there then, else {}.
    """

    config: RunConfig
    complete: bool
    summary: dict[str, Any]


def list_runs(home: Path) -> list[StoredRun]:
    """All runs of this home, the newest first."""
    found = []
    for path in runs_folder(home).glob("*/run.json"):
        scores = path.with_name("scores.json")
        complete = scores.is_file()
        summary = json.loads(scores.read_text("utf-8"))["summary"] if complete else {}
        found.append(StoredRun(read_config(path.parent), complete, summary))
    return sorted(found, key=lambda run: (run.config.created_at, run.config.id), reverse=True)


def finished_runs(home: Path, *, dataset: str, model: str, condition: str) -> list[RunConfig]:
    """Complete runs of ``model``, the one with most items first, newer before older."""
    found = [
        read_config(marker.parent)
        for marker in runs_folder(home).glob("*/scores.json")
        if (marker.parent / "run.json").exists()
    ]
    matching = [
        config
        for config in found
        if (config.dataset, config.model, config.condition, config.part)
        == (dataset, model, condition, "all")
    ]
    return sorted(matching, key=lambda config: (config.n, config.created_at), reverse=True)


def write_config(folder: Path, config: RunConfig) -> None:
    """Write ``run.json``."""
    write_atomic(folder / "run.json", _to_json(asdict(config)))


def write_scores(run: Run) -> None:
    """Write ``scores.json``: the run is complete."""
    content = {
        "run": run.config.id,
        "summary": asdict(summarize(run)),
        "missing": list(run.missing),
        "items": {key: asdict(score) for key, score in run.scores.items()},
    }
    write_atomic(run.path / "scores.json", _to_json(content))


def _to_json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
