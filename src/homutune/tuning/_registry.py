"""What was uploaded and which models came out of it: ``<home>/registry.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.tuning._results import last_losses, save_metrics

if TYPE_CHECKING:
    import openai
    from openai.types.fine_tuning import FineTuningJob

#: Keys under which :func:`start_job` callers tell a job what it was made from.
DATASET_KEY = "homutune_dataset"
RECIPE_KEY = "homutune_recipe"
#: Jobs looked at when catching up; older ones were caught up with before.
_RECENT = 20


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A fine-tuned model that a watched or found job produced.

    Attributes:
        model: name to call it by, ``ft:…``.
        job_id: ``ftjob-…``.
        base: model it was tuned from.
        base_url: server it lives on.
        created_at: Unix seconds at which the job finished.
        dataset: dataset version it learned from, if made with one.
        recipe: ``plain`` or ``grounded``, if made with a dataset.
        suffix: what the user called it.
        seed: seed of the training.
        hyperparameters: the values in effect.
        trained_tokens: tokens of all epochs.
        metrics_path: CSV of the losses, if the server gave one.
        train_loss: loss of the last step (nats per answer token).
        valid_loss: last validation loss.
    """

    model: str
    job_id: str
    base: str
    base_url: str
    created_at: int
    dataset: str | None = None
    recipe: str | None = None
    suffix: str | None = None
    seed: int | None = None
    hyperparameters: dict[str, Any] | None = None
    trained_tokens: int | None = None
    metrics_path: Path | None = None
    train_loss: float | None = None
    valid_loss: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        path = self.metrics_path
        return {**asdict(self), "metrics_path": None if path is None else str(path)}


def list_models(home: Path, base_url: str | None = None) -> list[ModelEntry]:
    """All remembered models, newest first; only those of ``base_url`` where it is given.

    Raises:
        UserError: the registry file is damaged.
    """
    known = {field.name for field in fields(ModelEntry)}
    entries = []
    for item in _read(home)["models"]:
        values = {key: value for key, value in item.items() if key in known}
        if values.get("metrics_path"):
            values["metrics_path"] = Path(values["metrics_path"])
        entries.append(ModelEntry(**values))
    if base_url is not None:
        entries = [entry for entry in entries if same_server(entry.base_url, base_url)]
    return sorted(entries, key=lambda entry: entry.created_at, reverse=True)


def find_model(
    home: Path, name: str | None = None, base_url: str | None = None
) -> ModelEntry | None:
    """The model called ``name`` (full name, job id or suffix), or the newest without a name.

    Args:
        home: the home folder.
        name: ``None`` or ``"latest"`` for the newest.
        base_url: look only at models of this server.
    """
    for entry in list_models(home, base_url):
        if name in (None, "latest", entry.model, entry.job_id, entry.suffix):
            return entry
    return None


def register_model(home: Path, client: openai.OpenAI, job: FineTuningJob) -> ModelEntry:
    """Remember the model of a succeeded job, with its metrics file; again is harmless.

    Raises:
        ValueError: the job has no model.
    """
    if not job.fine_tuned_model:
        raise ValueError(f"{job.id} has no fine-tuned model")
    metrics = save_metrics(client, home, job)
    train_loss, valid_loss = last_losses(metrics) if metrics else (None, None)
    metadata = job.metadata or {}
    entry = ModelEntry(
        model=job.fine_tuned_model,
        job_id=job.id,
        base=job.model,
        base_url=str(client.base_url),
        created_at=job.finished_at or job.created_at,
        dataset=metadata.get(DATASET_KEY),
        recipe=metadata.get(RECIPE_KEY),
        suffix=_suffix(job.fine_tuned_model),
        seed=job.seed,
        hyperparameters=_hyperparameters(job),
        trained_tokens=job.trained_tokens,
        metrics_path=metrics,
        train_loss=train_loss,
        valid_loss=valid_loss,
    )
    remember_model(home, entry)
    return entry


def remember_model(home: Path, entry: ModelEntry) -> None:
    """Write ``entry`` into the registry, in the place of one with its name."""
    state = _read(home)
    state["models"] = [item for item in state["models"] if item.get("model") != entry.model]
    state["models"].append(entry.as_dict())
    _write(home, state)


def sync_models(home: Path, client: openai.OpenAI) -> list[ModelEntry]:
    """Remember models of recent jobs that nobody watched to the end; return the new ones."""
    known = {entry.job_id for entry in list_models(home)}
    jobs = client.fine_tuning.jobs.list(limit=_RECENT).data
    return [
        register_model(home, client, job)
        for job in jobs
        if job.status == "succeeded" and job.fine_tuned_model and job.id not in known
    ]


def remembered_upload(home: Path, base_url: str, name: str, sha256: str) -> str | None:
    """Id under which this very file was uploaded to this server before."""
    for item in reversed(_read(home)["uploads"]):
        if (item["name"], item["sha256"]) == (name, sha256) and same_server(
            item["base_url"], base_url
        ):
            return str(item["file_id"])
    return None


def remember_upload(home: Path, base_url: str, name: str, sha256: str, file_id: str) -> None:
    """Note that this file is on this server as ``file_id``."""
    state = _read(home)
    entry = {"name": name, "sha256": sha256, "base_url": base_url, "file_id": file_id}
    state["uploads"] = [item for item in state["uploads"] if {**item, "file_id": file_id} != entry]
    state["uploads"].append(entry)
    _write(home, state)


def same_server(one: str, other: str) -> bool:
    """Whether two base URLs are one, whatever the slash at the end."""
    return one.rstrip("/") == other.rstrip("/")


def _suffix(model: str) -> str | None:
    """``ft:base:org:suffix:id`` -> ``suffix``."""
    parts = model.split(":")
    return parts[3] or None if len(parts) >= 5 else None


def _hyperparameters(job: FineTuningJob) -> dict[str, Any]:
    """The values in effect, from ``method`` where the server fills it, else the old place."""
    values: dict[str, Any] = {}
    if job.hyperparameters is not None:
        values.update(job.hyperparameters.model_dump(exclude_none=True))
    method = (job.method.supervised or job.method.dpo) if job.method is not None else None
    if method is not None and method.hyperparameters is not None:
        for key, value in method.hyperparameters.model_dump(exclude_none=True).items():
            if value != "auto" or key not in values:
                values[key] = value
    return values


def _read(home: Path) -> dict[str, list[dict[str, Any]]]:
    path = home / "registry.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        return {"models": list(state["models"]), "uploads": list(state["uploads"])}
    except FileNotFoundError:
        return {"models": [], "uploads": []}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            "モデルの記録が壊れています。",
            file=path,
            remedy="このファイルの名前を変えて退避し、homutune tune models を実行すると、"
            "サーバーのジョブから作り直します。",
        ) from error


def _write(home: Path, state: dict[str, list[dict[str, Any]]]) -> None:
    write_atomic(home / "registry.json", json.dumps(state, ensure_ascii=False, indent=2) + "\n")
