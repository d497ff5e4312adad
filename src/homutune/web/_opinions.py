"""What a model says about a contract, asked for in the background and kept with the review."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

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
    path = folder / "opinions.json"
    if not path.is_file():
        return review
    kept = json.loads(path.read_text("utf-8"))
    opinions = tuple(
        Opinion(**{**one, "basis": tuple(Basis(**basis) for basis in one["basis"])})
        for one in kept["opinions"]
    )
    return replace(review, opinions=opinions, model=kept["model"], opinions_dropped=kept["dropped"])


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
        found = _ask(web, matter, document, review, model)
        content = {
            "model": found.model,
            "dropped": found.opinions_dropped,
            "opinions": [asdict(opinion) for opinion in found.opinions],
        }
        if path.parent.is_dir():  # unless the matter was deleted meanwhile
            write_atomic(path, json.dumps(content, ensure_ascii=False))

    web.tasks.start(_kind(matter), f"{model} の意見", f"/review/{matter.id}#opinions", work)


def _ask(web: Web, matter: MatterRow, document: Document, review: Review, model: str) -> Review:
    inside = bool(matter.facts.get("no_external"))
    with LegalModel(model, settings=web.settings, no_external=inside) as legal_model:
        ask = SchemaAsker(legal_model, OPINION_SCHEMA, _MAX_TOKENS)
        return add_opinions(document, review, ask, legal_model.resolve())


def _last(web: Web, matter: MatterRow) -> Task | None:
    """What was asked last; a restart of the server forgets it."""
    return next(iter(web.tasks.list(_kind(matter))), None)


def _kind(matter: MatterRow) -> str:
    return f"opinions {matter.id}"
