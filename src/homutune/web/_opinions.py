"""What a model says about a contract, asked for in the background and kept with the review."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from homutune.assistant import (
    OPINION_SCHEMA,
    Basis,
    Document,
    LegalModel,
    Opinion,
    Review,
    SchemaAsker,
    add_opinions,
)
from homutune.files import write_atomic
from homutune.server import MatterRow
from homutune.web._context import Web
from homutune.web._tasks import Task

_MAX_TOKENS = 800


def with_opinions(folder: Path, review: Review) -> Review:
    """``review`` with the opinions that were kept, if a model was asked."""
    kept = _kept(folder)
    if not kept:
        return review
    opinions = tuple(
        Opinion(**{**one, "basis": tuple(Basis(**basis) for basis in one["basis"])})
        for one in kept["opinions"]
    )
    return replace(review, opinions=opinions, model=kept["model"], opinions_dropped=kept["dropped"])


def unread(web: Web, matter: MatterRow) -> int:
    """How many answers of the model could not be read: it has no opinion of those parts."""
    return int(_kept(web.matters.folder(matter)).get("unread", 0))


def problem(web: Web, matter: MatterRow) -> str:
    """Why there are no opinions although they were asked for."""
    last = _last(web, matter)
    return f"{last.problem}{last.remedy}" if last else ""


def is_running(web: Web, matter: MatterRow) -> bool:
    """Whether a model reads the contract now."""
    last = _last(web, matter)
    return last is not None and last.state == "running"


def start(web: Web, matter: MatterRow, document: Document, review: Review, model: str) -> None:
    """Ask ``model`` about every part of the contract; the result is kept when all is read."""
    if is_running(web, matter):
        return
    path = web.matters.folder(matter) / "opinions.json"

    def work(_: Task) -> None:
        found, unread = _ask(web, matter, document, review, model)
        content = {
            "model": found.model,
            "dropped": found.opinions_dropped,
            "unread": unread,
            "opinions": [asdict(opinion) for opinion in found.opinions],
        }
        if path.parent.is_dir():  # unless the matter was deleted meanwhile
            write_atomic(path, json.dumps(content, ensure_ascii=False))

    web.tasks.start(_kind(matter), f"{model} の意見", f"/review/{matter.id}#opinions", work)


def _ask(
    web: Web, matter: MatterRow, document: Document, review: Review, model: str
) -> tuple[Review, int]:
    """The review with opinions, and how many answers could not be read."""
    inside = bool(matter.facts.get("no_external"))
    with LegalModel(model, settings=web.settings, no_external=inside) as legal_model:
        ask = SchemaAsker(legal_model, OPINION_SCHEMA, _MAX_TOKENS)
        return add_opinions(document, review, ask, legal_model.resolve()), ask.unread


def _kept(folder: Path) -> dict[str, Any]:
    """What was kept of the opinions; empty where no model was asked."""
    path = folder / "opinions.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def _last(web: Web, matter: MatterRow) -> Task | None:
    """What was asked last; a restart of the server forgets it."""
    return next(iter(web.tasks.list(_kind(matter))), None)


def _kind(matter: MatterRow) -> str:
    return f"opinions {matter.id}"
