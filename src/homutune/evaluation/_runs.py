"""Making a run: one model answers the validation items of one dataset under one condition."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from homutune import __version__
from homutune.client import friendly_errors
from homutune.data import Dataset
from homutune.embedding import text_vectors
from homutune.errors import UserError
from homutune.evaluation._answers import (
    SEED,
    Answer,
    AnswerLog,
    Ask,
    answer_items,
    request_key,
)
from homutune.evaluation._batch_answers import answer_in_batch
from homutune.evaluation._exams import Condition, Exam, Part, make_exam
from homutune.evaluation._run_files import (
    Run,
    RunConfig,
    load_run,
    read_config,
    runs_folder,
    write_config,
    write_scores,
)
from homutune.prompting import PromptPlan
from homutune.settings import Settings

if TYPE_CHECKING:
    import openai


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
    batch: bool = False,
    part: Part = "all",
    shots_from: Dataset | None = None,
    progress: Callable[[int, int], None] | None = None,
    embedding: Callable[[int, int], None] | None = None,
) -> Run:
    """Answer and score; continues an interrupted run and returns a finished one unchanged.

    Args:
        limit: ask only so many items.
        generations: answers to each item; more than one needs a temperature above 0.
        batch: send everything as one batch instead of one request after the other.
        part: ask only one half of the items, see :func:`part_of`.
        shots_from: see :func:`make_exam`.
        fresh: start a new run even if the same one exists, and send every request again.
        progress: called with (answers there, answers in all).
        embedding: called with (vectors of cards computed, to compute), the first time only.

    Raises:
        UserError: the model cannot be reached or every request failed; answers stay on disk.
    """
    exam = make_exam(
        dataset,
        condition,
        limit,
        part=part,
        shots_from=shots_from,
        vectors=text_vectors(settings, embedding),
    )
    if generations > 1 and condition.plan.temperature <= 0:
        raise UserError(
            "温度（temperature）が0のとき、同じ質問の答えは毎回同じです。",
            remedy="--temperature 0.7 のように0より大きい値を付けるか、"
            "--generations を1にしてください。",
        )
    config = _config(
        settings,
        dataset,
        exam,
        model=model,
        limit=limit,
        generations=generations,
        part=part,
        fresh=fresh,
    )
    folder = runs_folder(settings.home) / config.id
    if not (folder / "run.json").exists():
        write_config(folder, config)
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
                known_already = done + len(repeated)
                new = (
                    answer_in_batch(
                        client,
                        asks,
                        condition.plan,
                        folder,
                        model=model,
                        progress=(lambda n: progress(known_already + n, total))
                        if progress
                        else None,
                    )
                    if batch and asks
                    else answer_items(
                        client, asks, condition.plan, model=model, concurrency=concurrency
                    )
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
        first = next((answer.error for answer in run.answers.values()), "返事がありません")
        raise UserError(
            f"{model} はどの項目にも答えられませんでした（最初のエラー：{first}）。",
            remedy="モデル名とサーバーの状態を確認して、同じコマンドをもう一度実行してください。",
        )
    write_scores(run)
    return replace(run, complete=True)


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


def _config(
    settings: Settings,
    dataset: Dataset,
    exam: Exam,
    *,
    model: str,
    limit: int | None,
    generations: int,
    part: Part,
    fresh: bool,
) -> RunConfig:
    condition = exam.condition
    identity: dict[str, Any] = {
        "dataset": dataset.name,
        "model": model,
        "condition": condition.name,
        "plan": condition.plan.as_dict(),
        "case": condition.case,
        "limit": limit,
        "seed": SEED,
        "prompts": exam.prompts_hash,
    }
    if generations > 1:
        identity["generations"] = generations
    if part != "all":
        identity["part"] = part
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
        part=part,
    )
