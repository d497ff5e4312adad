"""Client for e-Gov 法令API Version 2: the text of a law as it is in force today.

``GET {base_url}/law_data/{law_id}?response_format=xml&law_full_text_format=xml`` answers with
``law_data_response`` (law_info, revision_info, law_full_text). The XML form is used because the
API's own description calls its JSON text a trial. An error is ``{"code", "message"}``.

The only module of the room that reaches the network, and only when it is called: the rest of the
room does not import it. Nothing is sent but the law_id.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import date
from typing import IO, Any

from homutune import __version__
from homutune.errors import UserError
from homutune.law._standard_xml import LawText, parse_law
from homutune.law._store import MAX_BYTES

_TRIES = 3
_LONGEST_WAIT = 60
_OFFLINE = (
    "インターネットに接続できる端末で実行するか、e-Gov法令検索で XML をダウンロードし、"
    "homutune law import で取り込んでください。"
)


class EGovClient:
    """Fetches laws one after the other, with a pause between requests out of courtesy.

    Args:
        base_url: the API's address up to ``/api/2``.
        pause: seconds between requests, and the first wait before a retry.
        timeout: seconds until a silent server is given up.
    """

    def __init__(self, base_url: str, *, pause: float = 1.0, timeout: float = 60) -> None:
        parts = urllib.parse.urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UserError(
                f"法令APIの URL「{base_url}」が正しくありません。",
                remedy="HOMUTUNE_LAW_API_URL を https:// で始まる URL にしてください。",
            )
        self._base_url = base_url.rstrip("/")
        self._pause = pause
        self._timeout = timeout
        self._next = 0.0
        self._opener = urllib.request.build_opener(_SameHost(parts.netloc))

    def fetch(self, law_id: str) -> LawText:
        """The law as it is in force today.

        Raises:
            UserError: the server cannot be reached, does not know the law, or answers nonsense.
        """
        query = urllib.parse.urlencode({"response_format": "xml", "law_full_text_format": "xml"})
        url = f"{self._base_url}/law_data/{urllib.parse.quote(law_id, safe='')}?{query}"
        data = self._get(url)
        law = parse_law(data, name=f"{law_id} の応答", as_of=date.today().isoformat())
        if law.law_id != law_id:
            raise UserError(
                f"法令API が別の法令（{law.law_id[:40]}）を返しました。", remedy=_OFFLINE
            )
        return law

    def _get(self, url: str) -> bytes:
        for attempt in range(1, _TRIES + 1):
            self._wait()
            request = urllib.request.Request(
                url, headers={"Accept": "application/xml", "User-Agent": f"homutune/{__version__}"}
            )
            try:
                with self._opener.open(request, timeout=self._timeout) as response:
                    data: bytes = response.read(MAX_BYTES + 1)
            except urllib.error.HTTPError as error:
                if attempt < _TRIES and (error.code == 429 or error.code >= 500):
                    self._next = time.monotonic() + self._backoff(error, attempt)
                    continue
                raise _refused(error) from None
            except (urllib.error.URLError, TimeoutError, OSError) as error:
                reason = getattr(error, "reason", error)
                raise UserError(
                    f"法令API に接続できません（{reason}）。", remedy=_OFFLINE
                ) from None
            if len(data) > MAX_BYTES:
                raise UserError("法令API の応答が大きすぎます。", remedy=_OFFLINE)
            return data
        raise AssertionError("unreachable")

    def _wait(self) -> None:
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self._pause

    def _backoff(self, error: urllib.error.HTTPError, attempt: int) -> float:
        told = error.headers.get("Retry-After", "")
        seconds = float(told) if told.isdigit() else self._pause * 2**attempt
        return min(seconds, _LONGEST_WAIT)


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects only within the host the user configured."""

    def __init__(self, netloc: str) -> None:
        self._netloc = netloc

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        """None, so that the redirect becomes an error, where it leads elsewhere."""
        if urllib.parse.urlsplit(newurl).netloc != self._netloc:
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _refused(error: urllib.error.HTTPError) -> UserError:
    """What the server said, in its own words where it sent some."""
    try:
        said = str(json.loads(error.read(10_000))["message"])[:200]
    except (ValueError, KeyError, TypeError, OSError):
        said = ""
    if error.code == 404:
        message = "法令API にこの法令がありません"
    elif error.code == 429:
        message = "法令API の利用が混み合っています"
    else:
        message = f"法令API がエラーを返しました（HTTP {error.code}）"
    message += f"：{said.rstrip('。')}" if said else ""
    return UserError(f"{message}。", remedy=_OFFLINE)
