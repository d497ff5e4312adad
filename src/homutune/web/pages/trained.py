"""学習・終わったジョブ: the rows that stayed hard, and the model in other programs' forms."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import openai
from fastapi import APIRouter, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from homutune.errors import UserError
from homutune.tuning import example_losses, find_model
from homutune.web._context import Web, go, web_of
from homutune.web._tasks import Task

router = APIRouter(prefix="/training")
TASK = "export"
_ROWS = 20
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
Format = Literal["adapter", "hf", "gguf", "ollama"]
FORMATS: dict[Format, str] = {
    "adapter": "LoRA アダプター（PEFT・vLLM）",
    "hf": "transformers・vLLM",
    "gguf": "llama.cpp（GGUF）",
    "ollama": "Ollama",
}


@router.get("/{job_id}/rows")
def rows(request: Request, job_id: str) -> Response:
    """The training rows with the highest loss that is left: often wrong or contradictory ones."""
    web = web_of(request)
    with web.client() as client:
        job = client.fine_tuning.jobs.retrieve(job_id)
        losses = example_losses(client, job) or []
        lines = _lines(client, job.training_file) if losses else []
    found = [
        (row, _texts(lines[row.example - 1]) if row.example <= len(lines) else ("", ""))
        for row in losses[:_ROWS]
    ]
    return web.page(request, "training/_rows.html", rows=found, total=len(losses))


@router.get("/{job_id}/export")
def export_state(request: Request, job_id: str) -> Response:
    """The forms, and those that are ready."""
    web = web_of(request)
    tasks = [task for task in web.tasks.list(TASK) if task.href == f"/training/{job_id}"]
    going = any(task.state == "running" for task in tasks)
    return web.page(
        request,
        "training/_export.html",
        job_id=job_id,
        formats=FORMATS,
        ready=[form for form in FORMATS if _path(web, job_id, form).is_file()],
        task=tasks[0] if tasks else None,
        going=going,
    )


@router.post("/{job_id}/export")
def export(request: Request, job_id: str, form: Annotated[Format, Form()]) -> Response:
    """Begin to write a model out; the engine does it in a process of its own."""
    web = web_of(request)
    entry = find_model(web.home, job_id)
    if entry is None or not web.is_own:
        raise UserError(
            "このモデルの重みは、このサーバーにありません。",
            remedy="ほかのサービスで学習したモデルの重みは書き出せません。",
        )
    target, model = _path(web, job_id, form), entry.model

    def work(task: Task) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent) as folder:
            out = Path(folder) / f"{_NOT_IN_NAMES.sub('-', model)}-{form}"
            line = [sys.executable, "-m", "homutune.cli", "model", "export", model]
            line += ["--format", form, "--output", str(out)]
            home = {**os.environ, "HOMUTUNE_HOME": str(web.home)}
            done = subprocess.run(line, capture_output=True, text=True, check=False, env=home)
            if done.returncode != 0:
                raise UserError(
                    "書き出せませんでした。",
                    remedy="homutune model export を実行すると、詳しい理由が表示されます。",
                )
            packed = Path(folder) / "packed.zip"
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
                for path in sorted(out.rglob("*")):
                    archive.write(path, path.relative_to(out.parent))
            shutil.move(packed, target)

    label = FORMATS[form]
    web.tasks.start(TASK, f"書き出し：{label}", f"/training/{job_id}", work)
    return go(f"/training/{job_id}#export-title")


@router.get("/{job_id}/export/{form}")
def fetch(request: Request, job_id: str, form: Format) -> Response:
    """The written model, to keep."""
    path = _path(web_of(request), job_id, form)
    if not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type="application/zip", filename=f"model-{form}.zip")


def _path(web: Web, job_id: str, form: Format) -> Path:
    # The id comes from an address: nothing but a name may become of it.
    if not re.fullmatch(r"[\w-]+", job_id):
        raise HTTPException(404)
    return web.home / "exports" / "models" / f"{job_id}-{form}.zip"


def _lines(client: openai.OpenAI, file_id: str) -> list[str]:
    try:
        return client.files.content(file_id).read().decode("utf-8").splitlines()
    except openai.NotFoundError:  # deleted since: the numbers are left
        return []


def _texts(line: str) -> tuple[str, str]:
    """The last question and the answer of a training line."""
    messages: list[dict[str, Any]] = json.loads(line).get("messages", [])
    said = {m.get("role"): str(m.get("content") or "") for m in messages}
    return said.get("user", ""), said.get("assistant", "")
