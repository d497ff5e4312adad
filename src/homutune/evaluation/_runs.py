"""A run: one model answers the validation items of one dataset under one condition.

``<home>/runs/<run id>/`` holds ``run.json`` (what was asked, and of whom), ``answers.jsonl``
(appended as answers arrive) and ``scores.json`` (written last: the run is complete).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from homutune import __version__
from homutune.client import friendly_errors
from homutune.data import Dataset, Example, Retriever
from homutune.errors import UserError
from homutune.evaluation._answers import (
    SEED,
    Answer,
    AnswerLog,
    Ask,
    answer_items,
    request_key,
)
from homutune.evaluation._scoring import ItemScore, Scorer, average_scores
from homutune.evaluation._summary import summarize
from homutune.files import write_atomic
from homutune.prompting import PLANS, Prompt, PromptPlan, build
from homutune.settings import Settings

if TYPE_CHECKING:
    import openai

Case = Literal["answerable", "withheld"]


@dataclass(frozen=True, slots=True)
class Condition:
    """How the model is tested: a prompt plan, and whether the right cards may be shown."""

    name: str
    plan: PromptPlan
    case: Case
    #: What a reader sees.
    label: str


#: The three conditions in the order in which they are measured and shown: the real use first.
CONDITIONS: dict[str, Condition] = {
    "grounded": Condition("grounded", PLANS["grounded"], "answerable", "資料つき"),
    "withheld": Condition("withheld", PLANS["grounded"], "withheld", "正しい資料を外す"),
    "plain": Condition("plain", PLANS["plain"], "answerable", "資料なし"),
}


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


@dataclass(frozen=True, slots=True)
class Exam:
    """The items of one condition with the prompts that are sent for them."""

    condition: Condition
    items: tuple[Example, ...]
    prompts: tuple[Prompt, ...]

    @property
    def prompts_hash(self) -> str:
        """12 hex digits over item ids and messages."""
        content = [
            [item.meta.id, [dict(message) for message in prompt.messages]]
            for item, prompt in zip(self.items, self.prompts, strict=True)
        ]
        return sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:12]


def choose_items(items: Sequence[Example], limit: int | None) -> tuple[Example, ...]:
    """The first ``limit`` items in an order that mixes fields, stable and nested in ``limit``."""
    chosen = sorted(items, key=lambda item: sha256(item.meta.id.encode()).hexdigest())
    return tuple(chosen[:limit])


def make_exam(dataset: Dataset, condition: Condition, limit: int | None = None) -> Exam:
    """Choose the items and build their prompts.

    With the right cards withheld only items that name their cards can be asked.

    Raises:
        UserError: the dataset has nothing to ask under this condition.
    """
    items = choose_items(dataset.valid, limit)
    if condition.case == "withheld":
        items = tuple(item for item in items if item.meta.cards)
    if not items:
        raise UserError(
            f"データセット {dataset.name} に、「{condition.label}」で評価できる質問がありません。",
            remedy="検証用の例（「正しい資料を外す」では cards を書いた例）を増やして、"
            "データセットを作り直してください。",
        )
    if condition.plan.form == "grounded" and not dataset.cards:
        raise UserError(
            f"データセット {dataset.name} に解説カードがないため、資料つきの評価はできません。",
            remedy="--plan plain を付けて評価するか、"
            "解説カードを加えてデータセットを作り直してください。",
        )
    retriever = Retriever(dataset.cards) if condition.plan.form == "grounded" else None
    prompts = tuple(
        build(
            condition.plan,
            item.question,
            retriever,
            exclude=item.meta.cards if condition.case == "withheld" else (),
        )
        for item in items
    )
    return Exam(condition, items, prompts)


def run_condition(
    settings: Settings,
    client: openai.OpenAI,
    dataset: Dataset,
    condition: Condition,
    *,
    model: str,
    limit: int | None = None,
    concurrency: int = 8,
    generations: int = 1,
    fresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Answer and score; continues an interrupted run and returns a finished one unchanged.

    Args:
        limit: ask only so many items.
        generations: answers to each item; more than one needs a temperature above 0.
        fresh: start a new run even if the same one exists, and send every request again.
        progress: called with (answers there, answers in all).

    Raises:
        UserError: the model cannot be reached or every request failed; answers stay on disk.
    """
    exam = make_exam(dataset, condition, limit)
    if generations > 1 and condition.plan.temperature <= 0:
        raise UserError(
            "温度（temperature）が0のとき、同じ質問の答えは毎回同じです。",
            remedy="--temperature 0.7 のように0より大きい値を付けるか、"
            "--generations を1にしてください。",
        )
    config = _config(
        settings, dataset, exam, model=model, limit=limit, generations=generations, fresh=fresh
    )
    folder = runs_folder(settings.home) / config.id
    if not (folder / "run.json").exists():
        write_atomic(folder / "run.json", _to_json(asdict(config)))
    log = AnswerLog(folder / "answers.jsonl")
    answered = {key for key, answer in log.read().items() if answer.text is not None}
    total = len(exam.items) * generations
    asks = [
        Ask(item, prompt, number)
        for number in range(generations)
        for item, prompt in zip(exam.items, exam.prompts, strict=True)
        if (item.meta.id, number) not in answered
    ]
    done = total - len(asks)
    if progress:
        progress(done, total)
    if asks:
        known = {} if fresh else earlier_answers(settings, model)
        repeated, asks = _known_first(asks, known, condition.plan, model)
        try:
            with friendly_errors(settings):
                new = answer_items(
                    client, asks, condition.plan, model=model, concurrency=concurrency
                )
                for _ in log.append_all(itertools.chain(repeated, new)):
                    done += 1
                    if progress:
                        progress(done, total)
        except UserError as error:
            if done:
                error.remedy = (
                    f"{error.remedy or ''}{total}件のうち{done}件の答えは保存してあります。"
                    "同じコマンドで続きから再開できます。"
                )
            raise
    run = load_run(folder, dataset)
    if not run.scores:
        first = next(answer.error for answer in run.answers.values())
        raise UserError(
            f"{model} はどの項目にも答えられませんでした（最初のエラー：{first}）。",
            remedy="モデル名とサーバーの状態を確認して、同じコマンドをもう一度実行してください。",
        )
    write_atomic(folder / "scores.json", _to_json(_scores_file(run)))
    return replace(run, complete=True)


def load_run(folder: Path, dataset: Dataset) -> Run:
    """Read a run and score its answers.

    Scores are always computed anew, so that two runs compared with each other were scored by the
    same formulas; ``scores.json`` is there for other programs and as the mark of completeness.
    """
    config = read_config(folder)
    by_id = {item.meta.id: item for item in dataset.valid}
    asked = choose_items(dataset.valid, config.limit)
    if config.case == "withheld":
        asked = tuple(item for item in asked if item.meta.cards)
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
                scorer.score(by_id[key], answer, withheld=config.case == "withheld")
                for answer in given
            ]
            scores[key] = average_scores(found)
        if key in samples:
            answers[key] = (given or samples[key])[0]
    complete = (folder / "scores.json").exists()
    everything = {key: tuple(given) for key, given in samples.items()}
    return Run(folder, config, asked, answers, scores, complete, everything)


def earlier_answers(settings: Settings, model: str) -> dict[str, Answer]:
    """Answers that ``model`` gave to any run at the same address, by the key of the request.

    A new version of a dataset shares most questions with the last one: those need not be asked
    again. The runs themselves are the cache, so nothing is kept twice and deleting a run
    deletes what it knew.
    """
    known = {}
    for path in sorted(runs_folder(settings.home).glob("*/run.json")):
        config = read_config(path.parent)
        if (config.model, config.base_url) == (model, settings.base_url):
            for answer in AnswerLog(path.parent / "answers.jsonl").read().values():
                if answer.key is not None and answer.text is not None:
                    known[answer.key] = answer
    return known


def _known_first(
    asks: Sequence[Ask], known: dict[str, Answer], plan: PromptPlan, model: str
) -> tuple[list[Answer], list[Ask]]:
    """The answers that are known already, and what is left to ask."""
    repeated, left = [], []
    for ask in asks:
        answer = known.get(request_key(model, plan, ask))
        if answer is None:
            left.append(ask)
        else:
            shown = tuple(card.id for card in ask.prompt.cards)
            repeated.append(
                replace(answer, item=ask.item.meta.id, shown=shown, generation=ask.generation)
            )
    return repeated, left


def read_config(folder: Path) -> RunConfig:
    """Read ``run.json``."""
    fields: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    fields["plan"] = PromptPlan(**fields["plan"])
    return RunConfig(**fields)


def runs_folder(home: Path) -> Path:
    """The folder all runs are in."""
    return home / "runs"


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
        if (config.dataset, config.model, config.condition) == (dataset, model, condition)
    ]
    return sorted(matching, key=lambda config: (config.n, config.created_at), reverse=True)


def _config(
    settings: Settings,
    dataset: Dataset,
    exam: Exam,
    *,
    model: str,
    limit: int | None,
    generations: int,
    fresh: bool,
) -> RunConfig:
    condition = exam.condition
    identity: dict[str, Any] = {
        "dataset": dataset.name,
        "model": model,
        "condition": condition.name,
        "plan": asdict(condition.plan),
        "case": condition.case,
        "limit": limit,
        "seed": SEED,
        "prompts": exam.prompts_hash,
    }
    if generations > 1:
        identity["generations"] = generations
    digest = sha256(json.dumps(identity, sort_keys=True, ensure_ascii=False).encode())
    base_id = run_id = f"run-{digest.hexdigest()[:12]}"
    home = runs_folder(settings.home)
    # The newest of the same kind is continued; a fresh one gets the next number.
    number = 1
    while (home / f"{base_id}-{number + 1}" / "run.json").exists():
        number += 1
    if fresh and (home / base_id / "run.json").exists():
        number += 1
    if number > 1:
        run_id = f"{base_id}-{number}"
    return RunConfig(
        id=run_id,
        dataset=dataset.name,
        model=model,
        condition=condition.name,
        plan=condition.plan,
        case=condition.case,
        limit=limit,
        n=len(exam.items),
        seed=SEED,
        prompts_hash=exam.prompts_hash,
        base_url=settings.base_url,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        homutune=__version__,
        generations=generations,
    )


def _scores_file(run: Run) -> dict[str, Any]:
    return {
        "run": run.config.id,
        "summary": asdict(summarize(run)),
        "missing": list(run.missing),
        "items": {key: asdict(score) for key, score in run.scores.items()},
    }


def _to_json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
