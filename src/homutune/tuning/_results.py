"""The result files of a job: one CSV row per step, and one per training example."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from homutune.files import write_atomic

if TYPE_CHECKING:
    import openai
    from openai.types.fine_tuning import FineTuningJob


def save_metrics(client: openai.OpenAI, home: Path, job: FineTuningJob) -> Path | None:
    """Download the job's metrics to ``<home>/results/<job>.csv``; ``None`` if there are none.

    Columns: step, train_loss, train_accuracy, valid_loss, valid_mean_token_accuracy.
    """
    if not job.result_files:
        return None
    raw = _content(client, job.result_files[0])
    if raw is None:
        return None
    path = home / "results" / f"{job.id}.csv"
    write_atomic(path, decode_metrics(raw))
    return path


class ExampleLoss(NamedTuple):
    """Mean loss per answer token that is left of a training example, its number from 1."""

    example: int
    loss: float
    tokens: int


def example_losses(client: openai.OpenAI, job: FineTuningJob) -> list[ExampleLoss] | None:
    """The training examples, the highest loss first; None where the server does not tell.

    Our own server adds them as a second result file; OpenAI has no such list.
    """
    for file_id in job.result_files[1:]:
        raw = _content(client, file_id)
        text = decode_csv(raw or b"", "example,").decode("utf-8")
        if text.startswith("example,"):
            rows = csv.DictReader(io.StringIO(text))
            return [
                ExampleLoss(int(row["example"]), float(row["loss"]), int(row["tokens"]))
                for row in rows
            ]
    return None


def decode_metrics(raw: bytes) -> bytes:
    """The CSV of the steps itself: OpenAI delivers it base64-encoded, others as it is."""
    return decode_csv(raw, "step")


def decode_csv(raw: bytes, start: str) -> bytes:
    """``raw``, or what it encodes in base64 where that begins with the column ``start``."""
    if raw.lstrip(b"\xef\xbb\xbf").startswith(start.encode()):
        return raw
    try:
        decoded = base64.b64decode(raw, validate=False)
    except binascii.Error:
        return raw
    return decoded if decoded.startswith(start.encode()) else raw


def _content(client: openai.OpenAI, file_id: str) -> bytes | None:
    import openai

    try:
        return client.files.content(file_id).read()
    except openai.NotFoundError:  # deleted at the provider; the model is there all the same
        return None


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
