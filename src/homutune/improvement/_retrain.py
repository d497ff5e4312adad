"""Training on the version that came out of a loop, the way the model before was trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from homutune.data import Recipe
from homutune.errors import UserError
from homutune.improvement._loops import Loop
from homutune.tuning import (
    DATASET_KEY,
    ModelEntry,
    export_dataset,
    find_model,
    list_models,
    start_job,
    sync_models,
)

if TYPE_CHECKING:
    import openai
    from openai.types.fine_tuning import FineTuningJob

    from homutune.settings import Settings

_UNDER_WAY = ("validating_files", "queued", "running", "paused")
#: What is taken over from the model before, so that only the data differ.
_SAME = ("n_epochs", "batch_size", "learning_rate_multiplier")


def applied_version(loop: Loop) -> str:
    """The dataset version that came out of ``loop``.

    Raises:
        UserError: none has yet.
    """
    if loop.applied is None:
        raise UserError(
            "採用した下書きから、まだ新しい版を作っていません。",
            remedy="homutune improve apply を実行してください。",
        )
    return str(loop.applied["dataset"])


def find_or_start(
    settings: Settings,
    client: openai.OpenAI,
    loop: Loop,
    *,
    suffix: str | None = None,
    on_note: Callable[[str], None] | None = None,
    **hyperparameters: Any,
) -> ModelEntry | FineTuningJob:
    """The model trained on the version of ``loop``, or the job under way, or a new job.

    A new job starts from the base of the model before, with its recipe, its seed and its
    hyperparameters, unless others are given.

    Args:
        hyperparameters: ``n_epochs``, ``batch_size``, ``learning_rate_multiplier``; None to keep.

    Raises:
        UserError: there is no new version, or the job cannot be made.
        openai.APIError: the server refused or does not answer.
    """
    version = applied_version(loop)
    sync_models(settings.home, client)
    for entry in list_models(settings.home, settings.base_url):
        if entry.dataset == version:
            return entry
    for job in client.fine_tuning.jobs.list(limit=20).data:
        known = job.metadata or {}
        if known.get(DATASET_KEY) == version and job.status in _UNDER_WAY:
            return job
    before = find_model(settings.home, loop.weaknesses.model, settings.base_url)
    same = (before.hyperparameters or {}) if before else {}
    wanted = {name: hyperparameters.get(name) or same.get(name, "auto") for name in _SAME}
    seed = before.seed if before and before.seed is not None else 42
    recipe: Recipe = "plain" if before and before.recipe == "plain" else "grounded"
    files = export_dataset(settings.home, version, recipe=recipe, seed=seed)
    for text in files.notes:
        if on_note:
            on_note(text)
    return start_job(
        client,
        settings.home,
        train=files.train,
        valid=files.valid,
        model=before.base if before else loop.weaknesses.model,
        suffix=suffix,
        seed=seed,
        metadata=files.metadata,
        on_note=on_note,
        **wanted,
    )
