"""Answers through ``/v1/batches``: for large runs, cheaper or at the server's leisure.

The batch goes on while nobody waits for it. Its id is kept beside the run, so that the same
command takes up the same batch instead of paying for another.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from homutune.errors import UserError
from homutune.evaluation._answers import SEED, Answer, Ask, request_form, request_key
from homutune.files import write_atomic
from homutune.prompting import PromptPlan, read_reply

if TYPE_CHECKING:
    import openai
    from openai.types import Batch

#: Seconds between looks at a batch.
POLL_S = 5.0
_ENDPOINT: Literal["/v1/chat/completions"] = "/v1/chat/completions"
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})


def answer_in_batch(
    client: openai.OpenAI,
    asks: Sequence[Ask],
    plan: PromptPlan,
    folder: Path,
    *,
    model: str,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Answer]:
    """Put all asks to ``model`` in one batch and yield its answers when it has ended.

    Args:
        folder: of the run; ``batch.json`` in it names the batch under way.
        progress: called with the number of requests the server is done with.

    Yields:
        One answer for each request the batch got to; what it did not get to (it expired or was
        cancelled) has none and is asked again by the same command.

    Raises:
        UserError: the server refused the batch as a whole.
        openai.APIError: the server does not answer; the batch goes on.
    """
    import openai

    marker = folder / "batch.json"
    batch = None
    if marker.exists():
        try:
            batch = client.batches.retrieve(json.loads(marker.read_text("utf-8"))["id"])
        except openai.NotFoundError:  # deleted at the server since, or another server
            batch = None
    if batch is None:
        batch = _create(client, asks, plan, folder.name, model)
        write_atomic(marker, json.dumps({"id": batch.id}) + "\n")
    while batch.status not in _ENDED:
        if progress and batch.request_counts:
            progress(batch.request_counts.completed + batch.request_counts.failed)
        time.sleep(POLL_S)
        batch = client.batches.retrieve(batch.id)
    by_id = {_custom_id(ask): ask for ask in asks}
    for file_id in (batch.output_file_id, batch.error_file_id):
        if file_id:
            for line in client.files.content(file_id).text.split("\n"):
                if line.strip():
                    record = json.loads(line)
                    ask = by_id.get(record["custom_id"])
                    if ask is not None:
                        yield _answer(record, ask, plan, model)
    # Everything it gave is written down: a later command starts a batch of its own.
    marker.unlink()
    if batch.status == "failed":
        raise UserError(
            f"サーバーがバッチ（{batch.id}）を受け付けませんでした（{_reason(batch)}）。",
            remedy="--batch を外して実行するか、モデル名とサーバーの状態を確認してください。",
        )


def _create(
    client: openai.OpenAI, asks: Sequence[Ask], plan: PromptPlan, run: str, model: str
) -> Batch:
    lines = [
        {
            "custom_id": _custom_id(ask),
            "method": "POST",
            "url": _ENDPOINT,
            "body": {
                "model": model,
                "messages": [dict(message) for message in ask.prompt.messages],
                "temperature": plan.temperature,
                "max_tokens": plan.max_tokens,
                "seed": SEED + ask.generation,
                **request_form(ask.prompt),
            },
        }
        for ask in asks
    ]
    content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    sent = client.files.create(
        file=(f"{run}.jsonl", content.encode("utf-8", "backslashreplace")), purpose="batch"
    )
    return client.batches.create(
        input_file_id=sent.id,
        endpoint=_ENDPOINT,
        completion_window="24h",
        metadata={"homutune_run": run},
    )


def _custom_id(ask: Ask) -> str:
    """An id that a provider takes, whatever the item is called."""
    return f"{ask.generation}-{sha256(ask.item.meta.id.encode()).hexdigest()[:24]}"


def _answer(record: dict[str, Any], ask: Ask, plan: PromptPlan, model: str) -> Answer:
    response = record.get("response") or {}
    body = response.get("body") or {}
    known: dict[str, Any] = {
        "item": ask.item.meta.id,
        "shown": tuple(card.id for card in ask.prompt.cards),
        "generation": ask.generation,
        "key": request_key(model, plan, ask),
    }
    choices = body.get("choices")
    if response.get("status_code") != 200 or not choices:
        error = body.get("error") or record.get("error") or {}
        why = error.get("message") or error.get("code") or "no answer"
        return Answer(text=None, error=f"batch: {why}"[:300], **known)
    read = read_reply(plan, choices[0]["message"].get("content") or "")
    usage = body.get("usage") or {}
    return Answer(
        text=read.text,
        reasoning=read.reasoning,
        finish_reason=choices[0].get("finish_reason"),
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
        **known,
    )


def _reason(batch: Batch) -> str:
    errors = batch.errors.data if batch.errors and batch.errors.data else []
    return "、".join(str(error.message) for error in errors[:3]) or "理由は記録されていません"
