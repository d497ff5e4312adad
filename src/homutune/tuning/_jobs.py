"""Create a fine-tuning job: check first, upload what is not there yet, then ask for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from homutune.data import check_examples, read_examples
from homutune.errors import UserError
from homutune.tuning import _registry

if TYPE_CHECKING:
    import openai
    from openai.types.fine_tuning import FineTuningJob

Auto = Literal["auto"]
#: OpenAI's limits (API reference, fine_tuning.jobs.create, and fine-tuning guide).
MAX_EPOCHS = 50
MAX_BATCH = 256
MAX_SUFFIX = 64
PROVIDER_KEYS = frozenset({"messages", "tools", "parallel_tool_calls", "functions"})
#: Id of the check for too few examples, a rule for training files only.
_TOO_FEW = "F011"


def start_job(
    client: openai.OpenAI,
    home: Path,
    *,
    train: Path,
    valid: Path | None = None,
    model: str,
    suffix: str | None = None,
    n_epochs: int | Auto = "auto",
    batch_size: int | Auto = "auto",
    learning_rate_multiplier: float | Auto = "auto",
    method: Literal["supervised", "dpo"] = "supervised",
    own: Mapping[str, Any] | None = None,
    seed: int | None = None,
    metadata: Mapping[str, str] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> FineTuningJob:
    """Check both files, upload them and create a job.

    A file that was uploaded to this server before and is still there is not sent again.

    Args:
        client: from :func:`homutune.client.connect`.
        home: where uploads are remembered.
        train: chat JSONL, at least 10 lines.
        valid: chat JSONL that shares no line with ``train``.
        model: base model, or a model tuned before.
        suffix: 1–64 characters, becomes part of the model's name.
        n_epochs: 1–50, or left to the server.
        batch_size: 1–256 examples per step, or left to the server.
        learning_rate_multiplier: > 0, or left to the server.
        method: ``dpo`` takes preference files, which the server checks.
        own: hyperparameters only our own server knows.
        seed: >= 0.
        metadata: up to 16 short texts stored with the job.
        on_note: gets a Japanese line about each thing done.

    Raises:
        UserError: a setting or a file would be refused; nothing was uploaded.
        openai.OpenAIError: the server could not be reached or refused.
    """
    note = on_note or (lambda _text: None)
    _check_settings(suffix, n_epochs, batch_size, learning_rate_multiplier, seed)
    if method == "supervised":
        _check_files(train, valid)
    training_file = _upload(client, home, train, note)
    validation_file = _upload(client, home, valid, note) if valid is not None else None
    chosen = {
        "n_epochs": n_epochs,
        "batch_size": batch_size,
        "learning_rate_multiplier": learning_rate_multiplier,
        **(own or {}),
    }
    request: dict[str, Any] = {
        "model": model,
        "training_file": training_file,
        "validation_file": validation_file,
        "method": {
            "type": method,
            method: {"hyperparameters": {k: v for k, v in chosen.items() if v != "auto"}},
        },
        "suffix": suffix,
        "seed": seed,
        "metadata": dict(metadata) if metadata else None,
    }
    return client.fine_tuning.jobs.create(
        **{key: value for key, value in request.items() if value is not None}
    )


def _check_settings(
    suffix: str | None,
    n_epochs: int | Auto,
    batch_size: int | Auto,
    learning_rate_multiplier: float | Auto,
    seed: int | None,
) -> None:
    """Collect everything that is wrong, so that it is put right in one go."""
    wrong = []
    if n_epochs != "auto" and not 1 <= n_epochs <= MAX_EPOCHS:
        wrong.append(f"エポック数は 1〜{MAX_EPOCHS}")
    if batch_size != "auto" and not 1 <= batch_size <= MAX_BATCH:
        wrong.append(f"バッチサイズは 1〜{MAX_BATCH}")
    if learning_rate_multiplier != "auto" and not learning_rate_multiplier > 0:
        wrong.append("学習率の倍率は 0 より大きい数")
    if suffix is not None and not 1 <= len(suffix) <= MAX_SUFFIX:
        wrong.append(f"サフィックスは 1〜{MAX_SUFFIX} 文字")
    if seed is not None and seed < 0:
        wrong.append("シードは 0 以上")
    if wrong:
        raise UserError(
            f"学習の設定が範囲の外です（{'、'.join(wrong)}）。",
            remedy="値を直して、同じコマンドを実行してください。",
        )


def _check_files(train: Path, valid: Path | None) -> None:
    """Find now what a provider would refuse after upload and queueing."""
    _check_file(train, ignored=())
    if valid is not None:
        _check_file(valid, ignored=(_TOO_FEW,))
        _check_overlap(train, valid)


def _check_file(path: Path, ignored: tuple[str, ...]) -> None:
    """The checks of ``homutune data check``, and that nothing but the conversation is sent."""
    if path.suffix.lower() != ".jsonl":
        raise UserError(
            "学習データは JSONL ファイルで指定してください。",
            file=path,
            remedy="CSV や YAML は homutune data でデータセットにしてから学習できます。",
        )
    errors = [
        problem
        for problem in check_examples(read_examples(path)).errors
        if problem.id not in ignored
    ]
    if errors:
        first = errors[0]
        more = f"（ほかに {len(errors) - 1} 件）" if len(errors) > 1 else ""
        raise UserError(
            f"{first.message}{more}",
            file=first.file or path,
            line=first.line,
            remedy=first.remedy,
        )
    for number, line in _lines(path):
        extra = sorted(set(line) - PROVIDER_KEYS)
        if extra:
            raise UserError(
                f"余分なキー {'・'.join(extra)} があります。サーバーに受け付けられません。",
                file=path,
                line=number,
                remedy="messages だけにしてください。",
            )


def _check_overlap(train: Path, valid: Path) -> None:
    learned = {_spelling(line) for _, line in _lines(train)}
    for number, line in _lines(valid):
        if _spelling(line) in learned:
            raise UserError(
                "検証データに、学習データと同じ例があります。検証の数字が甘くなります。",
                file=valid,
                line=number,
                remedy="同じ例を、どちらかのファイルから除いてください。",
            )


def _lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file that was read without error, with their line numbers."""
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    return [(number, json.loads(line)) for number, line in enumerate(lines, 1) if line.strip()]


def _spelling(line: dict[str, Any]) -> str:
    return json.dumps(line["messages"], sort_keys=True)


def _upload(client: openai.OpenAI, home: Path, path: Path, note: Callable[[str], None]) -> str:
    import openai

    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    base_url = str(client.base_url)
    known = _registry.remembered_upload(home, base_url, path.name, digest)
    if known is not None:
        try:
            if client.files.retrieve(known).status != "error":
                note(f"{path.name} はアップロード済みです（{known}）。")
                return known
        except openai.NotFoundError:
            pass  # deleted at the server since: send it again
    uploaded = client.files.create(file=(path.name, raw), purpose="fine-tune")
    _registry.remember_upload(home, base_url, path.name, digest, uploaded.id)
    note(f"{path.name} をアップロードしました（{uploaded.id}）。")
    return uploaded.id
