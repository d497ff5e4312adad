"""What generation is asked for and what it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from homutune.errors import UserError

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One answer to generate.

    ``base`` is the id of a base model, ``adapter`` a folder with ``adapter.gguf``. ``prompt``,
    where it is given, is continued as it stands, without chat template and ``messages``.
    ``json_schema`` or ``json_object`` constrain the answer by a grammar. ``tools`` are put
    before a model whose template knows them. ``logprobs`` is the number of alternatives wanted
    for each token, 0 for the token alone.
    """

    base: str
    messages: Sequence[Mapping[str, Any]] = ()
    adapter: Path | None = None
    max_tokens: int | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    stop: Sequence[str] = ()
    seed: int | None = None
    json_schema: Mapping[str, Any] | None = None
    json_object: bool = False
    prompt: str | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    logprobs: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0


class Logprob(NamedTuple):
    """A token's text, its bytes and its natural-log probability before sampling."""

    token: str
    bytes: tuple[int, ...]
    logprob: float


class TokenLogprobs(NamedTuple):
    """A token of the answer and the likeliest at its place, the likeliest first."""

    chosen: Logprob
    top: tuple[Logprob, ...]


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished answer with its token counts."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer; the last one carries the finish reason and the token counts."""

    text: str
    finish_reason: FinishReason | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    logprobs: tuple[TokenLogprobs, ...] = ()


class ContextTooLong(UserError):
    """The prompt leaves no room for an answer; ``tokens`` of at most ``limit``."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(
            f"入力が長すぎます（{tokens} トークン、上限 {limit}）。",
            remedy="質問や参考資料を短くしてください。",
        )
        self.tokens = tokens
        self.limit = limit
