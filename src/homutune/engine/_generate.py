"""Generation through llama.cpp: one server per base model, the adapter chosen per request.

llama.cpp loads LoRA adapters when its server starts, so a request for an adapter that is new
starts a fresh server with the adapters in use; the old one goes away when its last request is
done. Loading the 270M model takes about a second.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import xllamacpp

from homutune.engine._bases import BaseModels
from homutune.engine._chat import ChatTemplate
from homutune.errors import UserError

FinishReason = Literal["stop", "length"]

#: Requests that are decoded together; each owns a part of the context.
SLOTS = 8
CONTEXT_PER_SLOT = 4096
#: Newest adapters kept loaded beside a base model.
LOADED_ADAPTERS = 8
_PROMPT_CACHE_MIB = 256


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One answer to generate.

    ``base`` is the id of a base model, ``adapter`` a folder with ``adapter.gguf``.
    ``json_schema`` or ``json_object`` constrain the answer by a grammar.
    """

    base: str
    messages: Sequence[Mapping[str, Any]]
    adapter: Path | None = None
    max_tokens: int | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    stop: Sequence[str] = ()
    seed: int | None = None
    json_schema: Mapping[str, Any] | None = None
    json_object: bool = False


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


@dataclass
class _Loaded:
    """A running llama.cpp server and the adapters it knows, by their position."""

    server: Any
    adapters: list[Path]


class GenerationPool:
    """All loaded models. Thread-safe; calls block until the answer (or its next piece) is there.

    Args:
        home: where base models live.
        threads: threads of llama.cpp, default one per core.
    """

    def __init__(self, home: Path, threads: int | None = None) -> None:
        self._bases = BaseModels(home)
        self._threads = threads or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._loaded: dict[str, _Loaded] = {}
        self._templates: dict[str, ChatTemplate] = {}

    def complete(self, request: GenerationRequest) -> Completion:
        """The whole answer.

        Raises:
            UnknownModel: no such base model.
            UserError: the base is not ready, or the prompt does not fit the context.
        """
        loaded, body = self._prepare(request)
        result = loaded.server.handle_completions(body)
        choice = _choice(result)
        usage = result["usage"]
        return Completion(
            text=choice["text"],
            finish_reason="length" if choice["finish_reason"] == "length" else "stop",
            prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"],
        )

    def stream(self, request: GenerationRequest) -> Iterator[Chunk]:
        """The answer piece by piece. Closing the iterator stops the generation.

        Raises:
            As ``complete``.
        """
        loaded, body = self._prepare(request)
        return _stream(loaded, {**body, "stream": True})

    def close(self) -> None:
        """Unload all models."""
        with self._lock:
            self._loaded.clear()

    def _prepare(self, request: GenerationRequest) -> tuple[_Loaded, dict[str, Any]]:
        base = self._bases.ensure(request.base)
        with self._lock:
            template = self._templates.get(base.id)
            if template is None:
                template = self._templates[base.id] = ChatTemplate(base.path)
        prompt = template.prompt_ids(request.messages)
        room = CONTEXT_PER_SLOT - len(prompt)
        if room < 1:
            raise UserError(
                f"入力が長すぎます（{len(prompt)} トークン、上限 {CONTEXT_PER_SLOT}）。",
                remedy="質問や参考資料を短くしてください。",
            )
        with self._lock:
            loaded = self._server_for(base.id, base.gguf, request.adapter)
        body: dict[str, Any] = {
            "prompt": prompt,
            "n_predict": min(request.max_tokens or room, room),
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": 0,
            "min_p": 0.0,
            "stop": list(request.stop),
            "cache_prompt": True,
            # Every adapter not named here is off for this request.
            "lora": [{"id": loaded.adapters.index(request.adapter), "scale": 1.0}]
            if request.adapter
            else [],
        }
        if request.seed is not None:
            body["seed"] = request.seed % 2**32
        if request.json_schema is not None:
            body["json_schema"] = dict(request.json_schema)
        elif request.json_object:
            body["json_schema"] = {"type": "object"}
        return loaded, body

    def _server_for(self, name: str, gguf: Path, adapter: Path | None) -> _Loaded:
        current = self._loaded.get(name)
        if current is not None and (adapter is None or adapter in current.adapters):
            return current
        kept = [a for a in current.adapters if a.is_dir()] if current else []
        adapters = [*kept[-LOADED_ADAPTERS + 1 :], *([adapter] if adapter else [])]
        self._loaded[name] = _Loaded(self._start(gguf, adapters), adapters)
        return self._loaded[name]

    def _start(self, gguf: Path, adapters: Sequence[Path]) -> Any:
        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_parallel = SLOTS
        params.n_ctx = SLOTS * CONTEXT_PER_SLOT
        params.cpuparams.n_threads = self._threads
        params.cpuparams_batch.n_threads = self._threads
        params.cache_ram_mib = _PROMPT_CACHE_MIB
        params.warmup = False
        params.verbosity = 0  # errors only: no document content in logs
        params.ui = False
        # The library opens a port of its own beside the calls we make; nobody gets in.
        params.api_keys = [secrets.token_urlsafe(32)]
        params.cors_origins = ""
        params.lora_adapters = [
            xllamacpp.CommonAdapterLoraInfo(str(adapter / "adapter.gguf"), 0.0)
            for adapter in adapters
        ]
        try:
            return xllamacpp.Server(params)
        except RuntimeError as error:
            raise UserError(
                f"モデルを読み込めませんでした（{error}）。",
                file=gguf,
                remedy="homutune doctor で空きメモリーとベースモデルを確認してください。",
            ) from error


@dataclass
class _Cancel:
    wanted: bool = False
    error: BaseException | None = field(default=None)


def _stream(loaded: _Loaded, body: dict[str, Any]) -> Iterator[Chunk]:
    # llama.cpp calls back from C++ while our caller pulls: a queue and a thread join the two.
    pieces: queue.Queue[dict[str, Any] | None] = queue.Queue()
    cancel = _Cancel()

    def receive(piece: dict[str, Any]) -> bool:
        pieces.put(piece)
        return cancel.wanted

    def generate() -> None:
        try:
            loaded.server.handle_completions(body, receive)
        except Exception as error:  # handed over to the thread that reads
            cancel.error = error
        finally:
            pieces.put(None)

    thread = threading.Thread(target=generate, name="generation", daemon=True)
    thread.start()
    try:
        while (piece := pieces.get()) is not None:
            choice = _choice(piece)
            usage = piece.get("usage") or {}
            finish = choice["finish_reason"]
            reason: FinishReason | None = None
            if finish is not None:
                reason = "length" if finish == "length" else "stop"
            yield Chunk(
                text=choice["text"],
                finish_reason=reason,
                prompt_tokens=usage.get("prompt_tokens", 0),
                completion_tokens=usage.get("completion_tokens", 0),
            )
        if cancel.error is not None:
            raise cancel.error
    finally:
        cancel.wanted = True


def _choice(result: Mapping[str, Any]) -> dict[str, Any]:
    if "choices" not in result:
        detail = result.get("error", result)
        message = detail.get("message", "") if isinstance(detail, dict) else json.dumps(detail)
        raise UserError(
            f"モデルが答えを生成できませんでした（{message}）。",
            remedy="入力を短くするか、JSON スキーマを簡単にしてください。",
        )
    choice: dict[str, Any] = result["choices"][0]
    return choice
