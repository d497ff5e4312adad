"""The steps to a server, walked with the SDK's blocking client or with its asynchronous one.

What is to be done is decided once, by generators that yield steps and are sent their results.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homutune.client._connect import connect, connect_async
from homutune.client._model_names import ListedModel

if TYPE_CHECKING:
    import openai

    from homutune.settings import Settings

#: A list of models is small; a server that does not bring it soon is asked without.
_LIST_S = 10.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Send:
    """Make a chat completion request; the result is the SDK's completion or stream."""

    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ListModels:
    """Ask for the server's list of models; empty where it has none to show."""


Step = Pause | Send | ListModels
Way = Generator[Step, Any, Any]


class Walker:
    """Holds the SDK's clients, made when first needed; they repeat nothing themselves."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: openai.OpenAI | None = None
        self._async_client: openai.AsyncOpenAI | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def walk(self, steps: Way) -> Any:
        """Take all steps and return what they lead to."""
        try:
            step = next(steps)
            while True:
                try:
                    result = self._take(step)
                except Exception as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as done:
            return done.value
        finally:
            steps.close()

    async def awalk(self, steps: Way) -> Any:
        """:meth:`walk` for asyncio."""
        try:
            step = next(steps)
            while True:
                try:
                    result = await self._atake(step)
                except Exception as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as done:
            return done.value
        finally:
            steps.close()

    def close(self) -> None:
        """Close the blocking client."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def aclose(self) -> None:
        """Close both clients."""
        self.close()
        if self._async_client is not None:
            await self._async_client.close()
            self._async_client = None

    def _take(self, step: Step) -> Any:
        if self._client is None:
            self._client = connect(self._settings, max_retries=0)
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        if isinstance(step, Send):
            return self._client.chat.completions.create(**step.body)
        listed: list[ListedModel] = []
        with _no_list():
            page = self._client.models.list(timeout=_LIST_S)
            listed += [ListedModel(m.id, m.created or 0) for m in page.data]
        return listed

    async def _atake(self, step: Step) -> Any:
        loop = asyncio.get_running_loop()
        if self._async_client is None or self._loop is not loop:
            # Connections belong to their loop; asyncio.run makes a new one each time.
            self._async_client = connect_async(self._settings, max_retries=0)
            self._loop = loop
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        if isinstance(step, Send):
            return await self._async_client.chat.completions.create(**step.body)
        listed: list[ListedModel] = []
        with _no_list():
            page = await self._async_client.models.list(timeout=_LIST_S)
            listed += [ListedModel(m.id, m.created or 0) for m in page.data]
        return listed


@contextmanager
def _no_list() -> Iterator[None]:
    """Some gateways have no list of models; the question itself will show what is wrong."""
    import openai

    with suppress(openai.APIError):
        yield
