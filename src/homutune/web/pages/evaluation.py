"""評価: have models answer the validation questions, compare two, read their answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from homutune.data import open_dataset
from homutune.errors import UserError
from homutune.evaluation import (
    CONDITIONS,
    CRITERIA,
    VERDICTS,
    StoredRun,
    Training,
    answer_view,
    comparison_pictures,
    comparison_rows,
    conditions_for,
    headline,
    history_picture,
    item_views,
    list_runs,
    open_run,
    primary_detail,
    read_loss_curves,
    render_report,
    run_condition,
)
from homutune.improvement import version_history
from homutune.tuning import find_model, sync_models
from homutune.web._comparisons import Compared, compared
from homutune.web._context import Web, download, go, web_of
from homutune.web._tasks import Task
from homutune.web.pages.data import manifests

router = APIRouter(prefix="/evaluation")
TASK = "evaluation"
_PAGE = 10
_AT_ONCE = 4
PageNumber = Annotated[int, Query(ge=1)]
Order = Literal["best", "worst", "same"]
ORDERS: dict[Order, str] = {
    "best": "良くなった順",
    "worst": "悪くなった順",
    "same": "変わらない順",
}


@router.get("")
def index(request: Request) -> Response:
    """Start a run, choose a comparison, see what was measured."""
    web = web_of(request)
    problem, bases = None, []
    try:
        with web.client() as client:
            sync_models(web.home, client)
            bases = [model.id for model in client.models.list().data if ":ckpt-" not in model.id]
    except UserError as error:
        problem = error
    runs = list_runs(web.home)
    return web.page(
        request,
        "evaluation/index.html",
        problem=problem,
        models=bases,
        newest=next((m.model for m in web.models()), web.settings.base_model),
        datasets=_datasets(web),
        runs=runs,
        choices=_choices(runs),
        suggestions=_suggestions(web, runs),
        conditions=CONDITIONS,
        tasks=web.tasks.list(TASK),
    )


@router.get("/tasks")
def tasks(request: Request) -> Response:
    """The runs under way; asked for again and again until all have ended."""
    web = web_of(request)
    found = web.tasks.list(TASK)
    going = any(task.state == "running" for task in found)
    # 286 is htmx's own: swap once more, then ask no longer.
    return web.page(
        request, "evaluation/_tasks.html", status=200 if going else 286, tasks=found, kind=TASK
    )


@router.post("/run")
def run(
    request: Request,
    model: Annotated[str, Form()],
    dataset: Annotated[str, Form()],
    condition: Annotated[str, Form()] = "all",
    limit: Annotated[str, Form()] = "",
) -> Response:
    """Begin to measure."""
    web = web_of(request)
    opened = open_dataset(web.home, dataset)
    known = {c.name: c for c in conditions_for(opened)}
    if condition != "all" and condition not in known:
        raise UserError(
            "このデータセットでは、その条件の評価はできません。",
            remedy="解説カードのないデータセットでは「資料なし」を選んでください。",
        )
    wanted = list(known.values()) if condition == "all" else [known[condition]]
    number = _limit(limit)

    def work(task: Task) -> None:
        with web.client() as client:
            for each in wanted:
                task.tell(0, 0, each.label)
                run_condition(
                    web.settings,
                    client,
                    opened,
                    each,
                    model=model,
                    limit=number,
                    concurrency=_AT_ONCE,
                    progress=task.tell,
                )

    web.tasks.start(TASK, f"{model} の評価", "/evaluation#runs", work)
    return go("/evaluation#tasks-title")


@router.post("/tasks/{task_id}/stop")
def stop(request: Request, task_id: str) -> Response:
    """End a task after the answer under way; what was answered is kept."""
    web = web_of(request)
    task = web.tasks.get(task_id)
    if task is None:
        raise HTTPException(404)
    task.stopping = True
    return go("/evaluation/improve" if task.kind != TASK else "/evaluation#tasks-title")


@router.get("/runs/{run_id}")
def show_run(request: Request, run_id: str, page: PageNumber = 1) -> Response:
    """The answers of one model under one condition."""
    web = web_of(request)
    stored = next((r for r in list_runs(web.home) if r.config.id == run_id), None)
    if stored is None:
        raise HTTPException(404)
    found = open_run(web.home, open_dataset(web.home, stored.config.dataset), run_id)
    shown = found.items[(page - 1) * _PAGE : page * _PAGE]
    return web.page(
        request,
        "evaluation/run.html",
        run=stored,
        criteria=CRITERIA,
        items=[(item, answer_view(item, found)) for item in shown],
        page=page,
        pages=-(-len(found.items) // _PAGE),
    )


@router.get("/compare")
def compare(request: Request, dataset: str, base: str, tuned: str) -> Response:
    """The page of a comparison; its figures follow, because they take seconds."""
    return web_of(request).page(
        request, "evaluation/compare.html", dataset=dataset, base=base, tuned=tuned
    )


@router.get("/compare/result")
def result(request: Request, dataset: str, base: str, tuned: str) -> Response:
    """Headline, figures and pictures."""
    web = web_of(request)
    found = compared(web.home, dataset, base, tuned)
    comparison = found.comparison
    history = version_history(web.home, next(iter(found.pairs.values()))[1])
    return web.page(
        request,
        "evaluation/_result.html",
        dataset=dataset,
        base=base,
        tuned=tuned,
        found=found,
        headline=headline(comparison),
        detail=primary_detail(comparison.primary) if comparison.primary else "",
        rows=comparison_rows(comparison),
        pictures=comparison_pictures(comparison) | history_picture(history),
        criteria=CRITERIA,
        verdicts=VERDICTS,
    )


@router.get("/compare/answers")
def answers(
    request: Request,
    dataset: str,
    base: str,
    tuned: str,
    condition: str = "",
    order: Order = "best",
    page: PageNumber = 1,
) -> Response:
    """The answers of both side by side."""
    web = web_of(request)
    found = compared(web.home, dataset, base, tuned)
    shown = condition if condition in found.pairs else next(iter(found.pairs))
    views = item_views(found.dataset, {shown: found.pairs[shown]}, shown)
    sign = {"best": -1, "worst": 1}.get(order)
    views.sort(
        key=lambda v: (v.change is None, (v.change or 0) * sign if sign else abs(v.change or 0))
    )
    return web.page(
        request,
        "evaluation/answers.html",
        dataset=dataset,
        base=base,
        tuned=tuned,
        condition=shown,
        conditions={name: CONDITIONS[name].label for name in found.pairs},
        order=order,
        orders=ORDERS,
        items=views[(page - 1) * _PAGE : page * _PAGE],
        total=len(views),
        page=page,
        pages=-(-len(views) // _PAGE),
    )


@router.get("/compare/report.html")
def report(request: Request, dataset: str, base: str, tuned: str) -> Response:
    """The whole report as one file to hand on."""
    web = web_of(request)
    found = compared(web.home, dataset, base, tuned)
    text = _report(web, found, tuned)
    return download(text.encode(), "比較評価レポート.html", "text/html; charset=utf-8")


def _report(web: Web, found: Compared, tuned: str) -> str:
    entry = find_model(web.home, tuned)
    curves = None
    if entry and entry.metrics_path:
        try:
            curves = read_loss_curves(entry.metrics_path)
        except UserError:  # another provider's file, or deleted: the rest is worth having
            curves = None
    return render_report(
        found.comparison,
        found.pairs,
        found.dataset,
        curves=curves,
        training=Training.of(entry),
        opinions=found.opinions,
        history=version_history(web.home, next(iter(found.pairs.values()))[1]),
    )


def _datasets(web: Web) -> list[str]:
    """Versions with a validation side, the newest first."""
    return [m["name"] for m in manifests(web) if m["counts"]["valid"]]


def _choices(runs: list[StoredRun]) -> dict[str, list[str]]:
    """Dataset -> models measured on it, where there are two to compare."""
    found: dict[str, list[str]] = {}
    for stored in runs:
        models = found.setdefault(stored.config.dataset, [])
        if stored.complete and stored.config.model not in models:
            models.append(stored.config.model)
    return {name: models for name, models in found.items() if len(models) > 1}


def _suggestions(web: Web, runs: list[StoredRun]) -> list[dict[str, Any]]:
    """Every tuned model with its own base, where both were measured."""
    return [
        {"dataset": name, "base": entry.base, "tuned": entry.model, "when": entry.created_at}
        for name, models in _choices(runs).items()
        for model in models
        if (entry := find_model(web.home, model)) and entry.base in models
    ]


def _limit(text: str) -> int | None:
    if not text.strip():
        return None
    if not text.isdigit() or not int(text):
        raise UserError(
            "質問の数は 1 以上の数にしてください。", remedy="空欄にすると、全部の質問を使います。"
        )
    return int(text)
