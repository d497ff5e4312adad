"""The result file of a job: one CSV row per step."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

from homutune.files import write_atomic

if TYPE_CHECKING:
    import openai
    from openai.types.fine_tuning import FineTuningJob


def save_metrics(client: openai.OpenAI, home: Path, job: FineTuningJob) -> Path | None:
    """Download the job's metrics to ``<home>/results/<job>.csv``; ``None`` if there are none.

    Columns: step, train_loss, train_accuracy, valid_loss, valid_mean_token_accuracy.
    """
    import openai

    if not job.result_files:
        return None
    try:
        raw = client.files.content(job.result_files[0]).read()
    except openai.NotFoundError:  # deleted at the provider; the model is there all the same
        return None
    path = home / "results" / f"{job.id}.csv"
    write_atomic(path, decode_metrics(raw))
    return path


def decode_metrics(raw: bytes) -> bytes:
    """The CSV itself: OpenAI delivers it base64-encoded, others as it is."""
    if raw.lstrip(b"\xef\xbb\xbf").startswith(b"step"):
        return raw
    try:
        decoded = base64.b64decode(raw, validate=False)
    except binascii.Error:
        return raw
    return decoded if decoded.startswith(b"step") else raw


def last_losses(path: Path) -> tuple[float | None, float | None]:
    """The last training and the last validation loss of a metrics file."""
    train: float | None = None
    valid: float | None = None
    for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))):
        train = _loss(row.get("train_loss"), train)
        valid = _loss(row.get("valid_loss"), valid)
    return train, valid


def _loss(text: str | None, before: float | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return before
    return value if math.isfinite(value) else before
