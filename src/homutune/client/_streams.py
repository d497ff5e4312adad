"""Answers that come piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from homutune.client._placeholders import StreamRestorer
from homutune.client._types import Reply

if TYPE_CHECKING:
    from homutune.client._reader import Ending


class _Pieces:
    """What both kinds of stream have in common: chunks in, text out, a reply in the end."""

    def __init__(self, chunks: Any, restorer: StreamRestorer, ending: Ending) -> None:
        self._chunks = chunks
        self._restorer = restorer
        self._ending = ending
        self._raw: list[str] = []
        self._finish: str | None = None
        self._usage: Any = None
        self._reply: Reply | None = None
        self._over = False
        #: Called with the reply once it is complete.
        self.on_reply: Callable[[Reply], None] | None = None

    @property
    def reply(self) -> Reply:
        """The whole answer.

        Raises:
            RuntimeError: the stream has not been read to its end.
        """
        if self._reply is None:
            raise RuntimeError("the stream has not been read to its end")
        return self._reply

    def _take(self, chunk: Any) -> str:
        if chunk.usage is not None:
            self._usage = chunk.usage
        text = ""
        for choice in chunk.choices:
            self._finish = choice.finish_reason or self._finish
            text += choice.delta.content or ""
        self._raw.append(text)
        return self._restorer.feed(text)

    def _complete(self) -> str:
        self._over = True
        request_id = self._chunks.response.headers.get("x-request-id")
        self._reply = self._ending.reply("".join(self._raw), self._finish, self._usage, request_id)
        if self.on_reply is not None:
            self.on_reply(self._reply)
        return self._restorer.end()

    def _abandon(self) -> bool:
        if self._over:
            return False
        self._over = True
        self._ending.abandoned("".join(self._raw))
        return True


class ReplyStream(_Pieces):
    """Iterate over it for the pieces of text; close it, or leave its block, to stop early."""

    def __iter__(self) -> Iterator[str]:
        iterator = iter(self._chunks)
        try:
            while True:
                with self._ending.reading(self._raw):
                    chunk = next(iterator, None)
                if chunk is None:
                    break
                if piece := self._take(chunk):
                    yield piece
        except Exception:
            self._over = True
            raise
        if rest := self._complete():
            yield rest

    def close(self) -> None:
        """Stop reading; the server stops writing."""
        self._abandon()
        self._chunks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncReplyStream(_Pieces):
    """:class:`ReplyStream` for ``async for``."""

    async def __aiter__(self) -> AsyncIterator[str]:
        iterator = aiter(self._chunks)
        try:
            while True:
                with self._ending.reading(self._raw):
                    chunk = await anext(iterator, None)
                if chunk is None:
                    break
                if piece := self._take(chunk):
                    yield piece
        except Exception:
            self._over = True
            raise
        if rest := self._complete():
            yield rest

    async def aclose(self) -> None:
        """Stop reading; the server stops writing."""
        self._abandon()
        await self._chunks.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
