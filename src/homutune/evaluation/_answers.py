"""Answers of a model to the items of a dataset: asking, storing, reading back."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from homutune.data import Example
from homutune.files import JsonLines
from homutune.prompting import Prompt, PromptPlan, read_reply

if TYPE_CHECKING:
    import openai

#: Sent with every request; a server that honours it gives the same answer again.
SEED = 42
#: Pauses before a request refused with 429 is repeated, after the SDK's own two attempts.
BACKOFF_S = (5.0, 15.0, 45.0)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said to one item.

    Attributes:
        item: id of the item.
        text: the answer; None when the request failed, and ``error`` says why.
        finish_reason: ``stop`` when the model ended by itself, ``length`` when it was cut off.
        latency_s: seconds from request to answer, waiting on the server included.
        shown: ids of the cards shown, best match of retrieval first.
        generation: 0 for the first answer to the item, 1 for the second, …
        reasoning: what the model thought before it answered, where the plan asks for it: for the
            log, never for the reader.
        key: hash of the request; the same request to the same server is not sent again.
    """

    item: str
    text: str | None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float | None = None
    shown: tuple[str, ...] = ()
    error: str | None = None
    generation: int = 0
    key: str | None = None
    reasoning: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to make: an item, its prompt, and which of its generations."""

    item: Example
    prompt: Prompt
    generation: int = 0


def request_key(model: str, plan: PromptPlan, ask: Ask) -> str:
    """16 hex digits of everything that decides the answer but the server."""
    content: list[Any] = [
        model,
        [dict(message) for message in ask.prompt.messages],
        plan.temperature,
        plan.max_tokens,
        SEED + ask.generation,
    ]
    if ask.prompt.schema is not None:
        content.append(ask.prompt.schema)
    return sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16]


def answer_items(
    client: openai.OpenAI,
    asks: Sequence[Ask],
    plan: PromptPlan,
    *,
    model: str,
    concurrency: int = 8,
) -> Iterator[Answer]:
    """Put every ask to ``model`` and yield the answers as they arrive.

    The SDK repeats what fails on the way (408, 409, 429, 5xx, connection) twice with back-off;
    a server that still says "too many requests" is given more time, see :data:`BACKOFF_S`.

    Args:
        concurrency: requests under way at the same time.

    Yields:
        One answer per ask. A request that fails for one item only gives an answer without text.

    Raises:
        openai.APIError: no further item can succeed (server gone, model unknown, key refused,
            quota used up). The answers that had arrived were yielded before.
    """
    import openai

    def answer(ask: Ask) -> Answer:
        shown = tuple(card.id for card in ask.prompt.cards)
        key = request_key(model, plan, ask)
        started = time.monotonic()
        try:
            reply = patiently(
                lambda: client.chat.completions.create(
                    model=model,
                    messages=[dict(m) for m in ask.prompt.messages],  # type: ignore[misc]
                    temperature=plan.temperature,
                    max_tokens=plan.max_tokens,
                    seed=SEED + ask.generation,
                    **request_form(ask.prompt),
                )
            )
            choice = reply.choices[0]
        except (openai.APIError, IndexError, TypeError) as error:
            # IndexError and TypeError: a gateway answered 200 without any choice.
            if isinstance(error, openai.APIError) and ends_the_run(error):
                raise
            text = f"{type(error).__name__}: {error}"[:300]
            return Answer(
                ask.item.meta.id,
                None,
                shown=shown,
                error=text,
                generation=ask.generation,
                key=key,
            )
        usage = reply.usage
        read = read_reply(plan, choice.message.content or "")
        return Answer(
            item=ask.item.meta.id,
            text=read.text,
            reasoning=read.reasoning,
            finish_reason=choice.finish_reason,
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
            latency_s=round(time.monotonic() - started, 3),
            shown=shown,
            generation=ask.generation,
            key=key,
        )

    yield from side_by_side([partial(answer, ask) for ask in asks], concurrency)


def request_form(prompt: Prompt) -> dict[str, Any]:
    """``response_format`` where the plan asks for JSON."""
    if prompt.schema is None:
        return {}
    form = {"name": "reply", "strict": True, "schema": dict(prompt.schema)}
    return {"response_format": {"type": "json_schema", "json_schema": form}}


def side_by_side(tasks: Sequence[Callable[[], T]], concurrency: int) -> Iterator[T]:
    """Run the tasks in threads and yield their results as they arrive.

    Raises:
        openai.APIError: what the first task raised; tasks not begun by then are dropped, results
            that had arrived were yielded before.
    """
    import openai

    pool = ThreadPoolExecutor(max_workers=max(1, concurrency), thread_name_prefix="evaluate")
    futures: list[Future[T]] = [pool.submit(task) for task in tasks]
    fatal: openai.APIError | None = None
    try:
        for future in as_completed(futures):
            if future.cancelled():
                continue
            try:
                yield future.result()
            except openai.APIError as error:
                fatal = fatal or error
                for other in futures:
                    other.cancel()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if fatal is not None:
        raise fatal


def patiently(request: Callable[[], T]) -> T:
    """Make a request; wait and repeat while the server says "too many requests"."""
    import openai

    for pause in BACKOFF_S:
        try:
            return request()
        except openai.RateLimitError as error:
            if error.code == "insufficient_quota":
                raise
            # A little chance, so that requests refused together do not come back together.
            time.sleep(pause * random.uniform(0.75, 1.25))
    return request()


def ends_the_run(error: openai.APIError) -> bool:
    """Whether asking the next item would fail in the same way."""
    import openai

    if isinstance(error, openai.APITimeoutError):
        return False
    if isinstance(error, openai.RateLimitError):
        return error.code == "insufficient_quota"
    return isinstance(
        error,
        openai.APIConnectionError
        | openai.NotFoundError
        | openai.AuthenticationError
        | openai.PermissionDeniedError,
    )


class AnswerLog:
    """``answers.jsonl``: one line per answer; the last one of an item and generation counts."""

    def __init__(self, path: Path) -> None:
        self._log = JsonLines(path)

    def read(self) -> dict[tuple[str, int], Answer]:
        """The answers on disk by item id and generation, in the order first written."""
        answers: dict[tuple[str, int], Answer] = {}
        for fields in self._log.read():
            fields["shown"] = tuple(fields["shown"])
            answers[fields["item"], fields.get("generation", 0)] = Answer(**fields)
        return answers

    def append_all(self, answers: Iterable[Answer]) -> Iterator[Answer]:
        """Write each answer before handing it on.

        Raises:
            UserError: the disk is full or not writable.
        """
        return self._log.append_all(answers)
