"""学習: start a job, watch it, stop and go on, and the models that came out."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from homutune.data import auto_epochs, open_dataset
from homutune.errors import UserError
from homutune.tuning import (
    STATUS,
    TERMINAL,
    Progress,
    export_dataset,
    measured_speed,
    register_model,
    start_job,
    sync_models,
    translate_event,
)
from homutune.web._context import Web, go, web_of
from homutune.web._curve import draw_curve
from homutune.web._lines import Recipe, training_costs, training_lines

router = APIRouter(prefix="/training")
_LISTED = 20
_EVENTS = 2000
_N = TypeVar("_N", int, float)


@router.get("")
def index(request: Request, dataset: str = "") -> Response:
    """The form to start, the jobs, the models."""
    web = web_of(request)
    problem, jobs, bases = None, [], []
    try:
        with web.client() as client:
            jobs = client.fine_tuning.jobs.list(limit=_LISTED).data
            sync_models(web.home, client)
            bases = [model.id for model in client.models.list().data]
    except UserError as error:
        problem = error
    datasets = _trainable(web)
    chosen = dataset if dataset in datasets else next(iter(datasets), "")
    return web.page(
        request,
        "training/index.html",
        problem=problem,
        jobs=jobs,
        statuses=STATUS,
        bases=[name for name in bases if ":ckpt-" not in name],
        base=web.settings.base_model,
        datasets=datasets,
        chosen=chosen,
        recipe="grounded" if datasets.get(chosen) else "plain",
        models=web.models(),
    )


@router.get("/plan")
def plan(
    request: Request,
    dataset: str = "",
    model: str = "",
    recipe: Recipe = "plain",
    n_epochs: str = "",
    batch_size: str = "",
) -> Response:
    """What the settings of the form would mean, before anything starts."""
    web = web_of(request)
    if not dataset:
        return Response("")
    opened = open_dataset(web.home, dataset)
    lines, notes = training_lines(web.home, opened.name, recipe)
    epochs = _number(n_epochs, int) or (auto_epochs(len(lines)) if lines else 0)
    batch = _number(batch_size, int)
    speed = measured_speed(web.home, model or web.settings.base_model).get("tokens_per_s")
    # The model's own tokenizer is the engine's; this one counts Japanese much the same.
    costs = training_costs(web.home, opened.name, recipe)
    tokens = costs[0].tokens.total if costs else 0
    return web.page(
        request,
        "training/_plan.html",
        minutes=max(1, round(tokens * epochs / speed / 60)) if speed and web.is_own else None,
        lines=len(lines),
        valid=len(opened.valid),
        epochs=epochs,
        steps=-(-len(lines) // batch) * epochs if batch else None,
        notes=notes,
        recipe=recipe,
    )


@router.post("/start")
def start(
    request: Request,
    dataset: Annotated[str, Form()],
    model: Annotated[str, Form()],
    recipe: Annotated[Recipe, Form()] = "plain",
    suffix: Annotated[str, Form()] = "",
    n_epochs: Annotated[str, Form()] = "",
    batch_size: Annotated[str, Form()] = "",
    learning_rate_multiplier: Annotated[str, Form()] = "",
    seed: Annotated[str, Form()] = "42",
) -> Response:
    """Export, check, upload, create."""
    web = web_of(request)
    number = _number(seed, int)
    files = export_dataset(web.home, dataset, recipe=recipe, seed=42 if number is None else number)
    with web.client() as client:
        job = start_job(
            client,
            web.home,
            train=files.train,
            valid=files.valid,
            model=model,
            suffix=suffix.strip() or None,
            n_epochs=_number(n_epochs, int) or "auto",
            batch_size=_number(batch_size, int) or "auto",
            learning_rate_multiplier=_number(learning_rate_multiplier, float) or "auto",
            seed=number,
            metadata=files.metadata,
        )
    return go(f"/training/{job.id}")


@router.get("/{job_id}")
def show(request: Request, job_id: str) -> Response:
    """One job."""
    web = web_of(request)
    return web.page(request, "training/job.html", **_job(web, job_id))


@router.get("/{job_id}/progress")
def progress(request: Request, job_id: str) -> Response:
    """The part of the page that changes; asked for again and again until the job has ended."""
    web = web_of(request)
    found = _job(web, job_id)
    # 286 is htmx's own: swap once more, then ask no longer.
    status = 286 if found["ended"] else 200
    return web.page(request, "training/_progress.html", status=status, **found)


@router.post("/{job_id}/{action}")
def act(request: Request, job_id: str, action: Literal["pause", "resume", "cancel"]) -> Response:
    """Pause, go on or give up."""
    web = web_of(request)
    with web.client() as client:
        getattr(client.fine_tuning.jobs, action)(job_id)
    return go(f"/training/{job_id}")


def _job(web: Web, job_id: str) -> dict[str, Any]:
    with web.client() as client:
        jobs = client.fine_tuning.jobs
        # The job first: when it has ended, all its events are there to be fetched.
        job = jobs.retrieve(job_id)
        events = []
        for event in jobs.list_events(job_id, limit=100):
            events.append(event)
            if len(events) >= _EVENTS:
                break
        checkpoints = jobs.checkpoints.list(job_id, limit=50).data
        entry = register_model(web.home, client, job) if job.status == "succeeded" else None
    points = [p for p in map(Progress.of, reversed(events)) if p is not None]
    told = [
        (event.created_at, event.level, translate_event(event.message))
        for event in events
        if Progress.of(event) is None
    ]
    return {
        "job": job,
        "text": STATUS.get(job.status, job.status),
        "ended": job.status in TERMINAL,
        "curve": draw_curve(points),
        "last": points[-1] if points else None,
        "valid_loss": next((p.valid_loss for p in points[::-1] if p.valid_loss is not None), None),
        "told": told,
        "checkpoints": checkpoints,
        "entry": entry,
        "hyperparameters": _used(job),
    }


def _used(job: Any) -> dict[str, Any]:
    names = {
        "n_epochs": "エポック数（n_epochs）",
        "batch_size": "バッチサイズ（batch_size）",
        "learning_rate_multiplier": "学習率の倍率",
        "lora_rank": "LoRA rank",
        "learning_rate": "学習率",
        "precision": "計算の精度",
    }
    values = job.hyperparameters.model_dump(exclude_none=True) if job.hyperparameters else {}
    return {names[key]: value for key, value in values.items() if key in names}


def _trainable(web: Web) -> dict[str, bool]:
    """Versions with a training side, the newest first: name -> whether it has cards."""
    found = [
        json.loads(path.read_text("utf-8"))
        for path in (web.home / "datasets").glob("ds-*/manifest.json")
    ]
    found.sort(key=lambda manifest: str(manifest["created_at"]), reverse=True)
    return {m["name"]: bool(m["counts"]["cards"]) for m in found if m["counts"]["train"]}


def _number(text: str, kind: type[_N]) -> _N | None:
    """The number in a form's field; None where it was left to the server."""
    if not text.strip():
        return None
    try:
        return kind(text)
    except ValueError:
        raise UserError(
            f"「{text[:20]}」は数として読めません。",
            remedy="数字を入れるか、空欄（自動）にしてください。",
        ) from None
