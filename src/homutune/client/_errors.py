"""The SDK's exceptions, told in Japanese with what to do next.

The texts never contain the key: a provider's 401 quotes part of it, so that text is not passed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from homutune.client._closing import HOSTED_CLOSING
from homutune.errors import UserError

if TYPE_CHECKING:
    import openai

    from homutune.settings import Settings


class ModelError(UserError):
    """A model could not answer; the subclass says why.

    ``status`` is the HTTP status and ``request_id`` the provider's number, where there is one.
    """

    status: int | None = None
    request_id: str | None = None


class KeyRejected(ModelError):
    """401: no key, or a wrong one."""


class NotAllowed(ModelError):
    """403: the key may not do this."""


class NotFound(ModelError):
    """404: no such thing at the server."""


class ModelNotFound(NotFound):
    """404: no such model at the server, and none to take its place."""


class TooLarge(ModelError):
    """413, or a prompt longer than the model reads."""


class BadRequest(ModelError):
    """400 or 422: the server does not accept the request."""


class RateLimited(ModelError):
    """429: too many requests, even after waiting."""


class QuotaExhausted(ModelError):
    """429: the provider's quota is used up; waiting is no help."""


class ServerFault(ModelError):
    """5xx: the server failed."""


class TimedOut(ModelError):
    """No answer within the time limit."""


class Unreachable(ModelError):
    """Nobody answers at the address."""


class ExternalSendForbidden(ModelError):
    """外部送信禁止 is set and the address is not on this machine; nothing was sent."""


class BudgetExceeded(ModelError):
    """The budget does not allow the request; nothing was sent."""


class CircuitOpen(ModelError):
    """The server failed too often in a row; nothing was sent."""


class BadReply(ModelError):
    """The model did not answer in the form asked for; ``text`` is what it wrote."""

    text: str = ""


#: What "use the local engine" means, in one command.
LOCAL_REMEDY = (
    "ローカルで学習できます: HOMUTUNE_BASE_URL の設定を消して（既定はローカル）、"
    "別の端末で homutune serve を実行し、同じコマンドをもう一度実行してください。"
)


@contextmanager
def friendly_errors(settings: Settings) -> Iterator[None]:
    """Turn what the SDK raises inside the block into a :class:`ModelError`.

    Raises:
        ModelError: the server could not be reached or refused the request.
    """
    # httpx2 comes with the SDK, which lets its errors through while an answer is streamed.
    import httpx2
    import openai

    try:
        yield
    except openai.APIStatusError as error:
        raise _status_error(error, settings) from error
    except (openai.APITimeoutError, httpx2.TimeoutException) as error:
        raise TimedOut(
            f"{_server(settings)}が時間内に応答しませんでした。",
            remedy="サーバーの負荷を確認し、しばらく待ってから同じコマンドを実行してください。",
        ) from error
    except (openai.APIConnectionError, httpx2.TransportError) as error:
        raise _unreachable(settings) from error
    except openai.APIError as error:
        told = f"{_server(settings)}がエラーを返しました（{error.message}）。"
        raise ServerFault(told) from error
    except openai.OpenAIError as error:
        raise ModelError(
            f"API を使えませんでした（{error}）。",
            remedy="homutune doctor で設定を確認してください。",
        ) from error


def _server(settings: Settings) -> str:
    return "ローカルサーバー" if settings.is_local else f"サーバー {settings.base_url} "


def _unreachable(settings: Settings) -> ModelError:
    if settings.is_local:
        return Unreachable(
            f"ローカルサーバーに接続できません（{settings.base_url}）。",
            remedy="別の端末で homutune serve を実行してください。",
        )
    return Unreachable(
        f"サーバー {settings.base_url} に接続できません。",
        remedy="ネットワーク、プロキシ、HOMUTUNE_BASE_URL の設定を確認してください。",
    )


def _status_error(error: openai.APIStatusError, settings: Settings) -> ModelError:
    told = _told(error, settings)
    told.status, told.request_id = error.status_code, error.request_id
    return told


def _told(error: openai.APIStatusError, settings: Settings) -> ModelError:
    status = error.status_code
    text = _text(error)
    if status == 401:
        return _unauthorized(settings)
    if error.code == "external_sending_forbidden":
        return ExternalSendForbidden(
            "外部送信禁止のため、別のマシンで動くモデルには送信しませんでした。",
            remedy="このマシンのモデルを指定してください。",
        )
    if status == 403:
        return _forbidden(error, text)
    if status == 404:
        return _not_found(error, text)
    if error.code == "context_length_exceeded":
        return TooLarge(
            f"質問と資料が、このモデルの読める長さを超えています（{text}）。",
            remedy="質問や資料を短くするか、max_tokens を小さくしてください。",
        )
    if status == 413:
        return TooLarge(
            "送ったデータが大きすぎて、サーバーが受け付けませんでした。",
            remedy="学習ファイルは 512 MB 以下にし、質問や資料は短くしてください。",
        )
    if status == 429:
        return _too_many(error, text)
    if status >= 500:
        return _server_fault(error, text, settings)
    return BadRequest(
        f"サーバーがリクエストを受け付けませんでした（{text}）。",
        remedy="示された項目を直してから、もう一度実行してください。",
    )


def _text(error: openai.APIStatusError) -> str:
    """The server's own words; the SDK's summary where the body has none."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"]).strip()
    return error.message.strip()


def _unauthorized(settings: Settings) -> ModelError:
    if settings.api_key.get_secret_value() == "local":
        message = f"{settings.base_url} には API キーが必要です。"
    else:
        message = "API キーが受け付けられませんでした。"
    return KeyRejected(
        message, remedy=".env の HOMUTUNE_API_KEY（または OPENAI_API_KEY）を確認してください。"
    )


def _forbidden(error: openai.APIStatusError, text: str) -> ModelError:
    request = error.request
    if request.method == "POST" and request.url.path.endswith("/fine_tuning/jobs"):
        dates = "、".join(
            f"{item.day.isoformat()} から{item.effect}"
            for item in HOSTED_CLOSING
            if item.closes == "jobs"
        )
        return NotAllowed(
            "この組織では、ファインチューニングのジョブを作れません。"
            f"OpenAI は受託学習を終了します（{dates}）。サーバーの応答: {text}",
            remedy=LOCAL_REMEDY,
        )
    return NotAllowed(
        f"この操作は許可されていません（{text}）。",
        remedy="API キーの権限と、プロジェクトの設定を確認してください。",
    )


def _not_found(error: openai.APIStatusError, text: str) -> ModelError:
    if error.code == "model_not_found" or error.param == "model" or "model" in text.lower():
        return ModelNotFound(
            f"指定したモデルがサーバーにありません（{text}）。",
            remedy="使えるモデルは homutune tune models で確認できます。",
        )
    if "/fine_tuning/jobs" in error.request.url.path:
        return NotFound(
            f"そのジョブはサーバーにありません（{text}）。",
            remedy="ジョブの一覧は homutune tune list で確認できます。",
        )
    return NotFound(
        f"指定したものがサーバーにありません（{text}）。",
        remedy="名前と、HOMUTUNE_BASE_URL の設定を確認してください。",
    )


def _too_many(error: openai.APIStatusError, text: str) -> ModelError:
    if error.code == "insufficient_quota":
        return QuotaExhausted(
            f"API の利用枠を使い切っています（{text}）。",
            remedy="提供元の請求設定を確認するか、ローカルのモデルを使ってください。",
        )
    return RateLimited(
        f"リクエストが多すぎるため、断られました（{text}）。",
        remedy="1分ほど待ってから、同じコマンドを実行してください。",
    )


def _server_fault(error: openai.APIStatusError, text: str, settings: Settings) -> ModelError:
    number = f"、リクエスト番号 {error.request_id}" if error.request_id else ""
    if settings.is_local:
        remedy = "homutune serve の画面に出た記録を確認し、サーバーを起動し直してください。"
    else:
        remedy = "しばらく待ってから実行し、続くときはリクエスト番号を提供元に伝えてください。"
    return ServerFault(
        f"{_server(settings)}の内部で問題が起きました（{error.status_code}: {text}{number}）。",
        remedy=remedy,
    )
