"""A client of whatever ``base_url`` names: our own server by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homutune.client._errors import ExternalSendForbidden
from homutune.settings import NO_EXTERNAL_HEADER

if TYPE_CHECKING:
    import openai

    from homutune.settings import Settings

#: A CPU needs minutes for a long answer, and a training file may be half a gigabyte.
TIMEOUT_S = 600.0
MAX_RETRIES = 2


def connect(settings: Settings, *, max_retries: int = MAX_RETRIES) -> openai.OpenAI:
    """The official SDK's client for ``settings.base_url``; no request is made yet.

    Use it inside :func:`homutune.client.friendly_errors`.

    Raises:
        ExternalSendForbidden: 外部送信禁止 is set and the address is elsewhere.
    """
    refuse_external(settings)
    import openai

    http_client = openai.DefaultHttpxClient(**_kept_here()) if settings.is_local else None
    return openai.OpenAI(**_options(settings, max_retries), http_client=http_client)


def connect_async(settings: Settings, *, max_retries: int = MAX_RETRIES) -> openai.AsyncOpenAI:
    """:func:`connect` for asyncio."""
    refuse_external(settings)
    import openai

    http_client = openai.DefaultAsyncHttpxClient(**_kept_here()) if settings.is_local else None
    return openai.AsyncOpenAI(**_options(settings, max_retries), http_client=http_client)


def refuse_external(settings: Settings) -> None:
    """Pass, or refuse to speak to another machine.

    Raises:
        ExternalSendForbidden: 外部送信禁止 is set and the address is elsewhere.
    """
    if settings.no_external and not settings.is_local:
        raise ExternalSendForbidden(
            f"外部送信禁止のため、{settings.base_url} には送信しません。",
            remedy="ローカルサーバー（homutune serve）を使うか、送信してよいと確認したうえで、"
            "外部送信禁止の設定（HOMUTUNE_NO_EXTERNAL）を外してください。",
        )


def _kept_here() -> dict[str, Any]:
    # An office proxy set in the environment cannot reach this machine's loopback, and a local
    # server must not send a question on elsewhere with a redirect.
    return {"trust_env": False, "follow_redirects": False}


def _options(settings: Settings, max_retries: int) -> dict[str, Any]:
    return {
        "base_url": settings.base_url,
        "api_key": settings.api_key.get_secret_value(),
        "timeout": TIMEOUT_S,
        "max_retries": max_retries,
        # Our own server passes some models on; such a question it must keep to itself.
        "default_headers": {NO_EXTERNAL_HEADER: "1"} if settings.no_external else None,
    }
