"""What a model says about a contract, asked for in the background and kept with the review."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from homutune.assistant import (
    OPINION_SCHEMA,
    Basis,
    Document,
    Opinion,
    Review,
    add_opinions,
)
from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.server import MatterRow
from homutune.web._context import Web

log = logging.getLogger("homutune.server")

#: Matters whose contract a model reads now. A restart ends the reading, and with it the entry.
_RUNNING: set[str] = set()
_LOCK = threading.Lock()


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


def problem(folder: Path) -> str:
    """Why there are no opinions although they were asked for."""
    path = folder / "opinions.problem"
    return path.read_text("utf-8") if path.is_file() else ""


def is_running(matter: MatterRow) -> bool:
    """Whether a model reads the contract now."""
    return matter.id in _RUNNING


def start(web: Web, matter: MatterRow, document: Document, review: Review, model: str) -> None:
    """Ask ``model`` about every part of the contract; the result is kept when all is read."""
    with _LOCK:
        if matter.id in _RUNNING:
            return
        _RUNNING.add(matter.id)
    folder = web.matters.folder(matter)
    (folder / "opinions.problem").unlink(missing_ok=True)

    def work() -> None:
        try:
            found = _ask(web, matter, document, review, model)
            content = {
                "model": model,
                "dropped": found.opinions_dropped,
                "opinions": [asdict(opinion) for opinion in found.opinions],
            }
            _keep(folder / "opinions.json", json.dumps(content, ensure_ascii=False))
        except UserError as error:
            _keep(folder / "opinions.problem", f"{error.message}{error.remedy or ''}")
        except Exception as error:  # its text may quote the contract
            log.error("opinions: %s", type(error).__name__)
            _keep(folder / "opinions.problem", "サーバーの内部で問題が起きました。")
        finally:
            _RUNNING.discard(matter.id)

    threading.Thread(target=work, daemon=True).start()


def _keep(path: Path, text: str) -> None:
    """Unless the matter was deleted meanwhile."""
    if path.parent.is_dir():
        write_atomic(path, text)


def _ask(web: Web, matter: MatterRow, document: Document, review: Review, model: str) -> Review:
    schema: Any = {"name": "opinions", "schema": OPINION_SCHEMA, "strict": True}
    with web.client(matter) as client:

        def ask(messages: Any) -> str:
            answer = client.chat.completions.create(
                model=model,
                messages=messages,
                max_tokens=800,
                temperature=0,
                response_format={"type": "json_schema", "json_schema": schema},
            )
            return (answer.choices[0].message.content if answer.choices else None) or ""

        return add_opinions(document, review, ask, model)
