"""A client of whatever ``base_url`` names: our own server by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openai

    from homutune.settings import Settings

#: A CPU needs minutes for a long answer, and a training file may be half a gigabyte.
TIMEOUT_S = 600.0
MAX_RETRIES = 2


def connect(settings: Settings) -> openai.OpenAI:
    """The official SDK's client for ``settings.base_url``; no request is made yet.

    Use it inside :func:`homutune.client.friendly_errors`.
    """
    import openai

    # An office proxy set in the environment cannot reach this machine's loopback.
    http_client = openai.DefaultHttpxClient(trust_env=False) if settings.is_local else None
    return openai.OpenAI(
        base_url=settings.base_url,
        api_key=settings.api_key.get_secret_value(),
        timeout=TIMEOUT_S,
        max_retries=MAX_RETRIES,
        http_client=http_client,
    )
