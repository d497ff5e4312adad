"""Follow a job to its end: every event once, oldest first, across restarts of the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openai
    from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent

#: Statuses after which nothing happens any more.
TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
_PAGE = 100


def watch_job(
    client: openai.OpenAI,
    job_id: str,
    *,
    on_event: Callable[[FineTuningJobEvent], None],
    on_job: Callable[[FineTuningJob], None] | None = None,
    on_trouble: Callable[[float], None] | None = None,
    poll_s: float = 2.0,
    patience_s: float = 300.0,
) -> FineTuningJob:
    """Watch until the job has ended and return it as it was then.

    Args:
        client: from :func:`homutune.client.connect`.
        job_id: ``ftjob-…``.
        on_event: gets every event once, oldest first, those before the call included.
        on_job: gets the job after each look at it, before the events of that look.
        on_trouble: gets the seconds since the server stopped answering, at each failed look.
        poll_s: seconds between looks.
        patience_s: seconds without an answer after which the watch is given up; a local job
            goes on when its server comes back.

    Raises:
        openai.APIConnectionError, openai.InternalServerError: no answer for ``patience_s``.
        openai.APIStatusError: the server refused, e.g. it does not know the job.
    """
    import openai

    seen: set[str] = set()
    silent_since: float | None = None
    while True:
        try:
            # The job first: when it has ended, all its events are there to be fetched.
            job = client.fine_tuning.jobs.retrieve(job_id)
            events = _new_events(client, job_id, seen)
        except (openai.APIConnectionError, openai.InternalServerError):
            now = time.monotonic()
            silent_since = now if silent_since is None else silent_since
            if now - silent_since >= patience_s:
                raise
            if on_trouble is not None:
                on_trouble(now - silent_since)
            time.sleep(poll_s)
            continue
        silent_since = None
        if on_job is not None:
            on_job(job)
        for event in events:
            seen.add(event.id)
            on_event(event)
        if job.status in TERMINAL:
            return job
        time.sleep(poll_s)


def _new_events(client: openai.OpenAI, job_id: str, seen: set[str]) -> list[FineTuningJobEvent]:
    """Events not in ``seen``, oldest first. The API lists the newest first, page by page."""
    fresh: list[FineTuningJobEvent] = []
    for event in client.fine_tuning.jobs.list_events(job_id, limit=_PAGE):
        if event.id in seen:
            break
        # A page boundary moves when events arrive in between, which repeats an event.
        if all(event.id != other.id for other in fresh[-_PAGE:]):
            fresh.append(event)
    return fresh[::-1]
