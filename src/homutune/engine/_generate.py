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
from typing import Any

import xllamacpp

from homutune.engine._bases import BaseModel, BaseModels
from homutune.engine._chat import ChatTemplate
from homutune.engine._grammar import grammar_schema
from homutune.engine._requests import (
    Chunk,
    Completion,
    ContextTooLong,
    FinishReason,
    GenerationRequest,
    Logprob,
    TokenLogprobs,
)
from homutune.errors import UserError

#: Requests that are decoded together; each owns a part of the context.
SLOTS = 8
CONTEXT_PER_SLOT = 4096
#: Newest adapters kept loaded beside a base model.
LOADED_ADAPTERS = 8
_PROMPT_CACHE_MIB = 256


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
            ContextTooLong: the prompt does not fit the context.
            UserError: the base is not ready.
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

    def supports_tools(self, base: str) -> bool:
        """Whether the template of ``base`` puts tools before the model.

        Raises:
            UnknownModel: no such base model.
        """
        return self._template(self._bases.ensure(base)).supports_tools

    def _template(self, base: BaseModel) -> ChatTemplate:
        with self._lock:
            template = self._templates.get(base.id)
            if template is None:
                template = self._templates[base.id] = ChatTemplate(base.path)
            return template

    def _prepare(self, request: GenerationRequest) -> tuple[_Loaded, dict[str, Any]]:
        base = self._bases.ensure(request.base)
        template = self._template(base)
        if request.prompt is not None:
            prompt = template.text_ids(request.prompt)
        else:
            prompt = template.prompt_ids(request.messages, request.tools)
        room = CONTEXT_PER_SLOT - len(prompt)
        if room < 1:
            raise ContextTooLong(len(prompt), CONTEXT_PER_SLOT)
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
        if request.json_schema is not None or request.json_object:
            body["json_schema"] = grammar_schema(request.json_schema)
        if request.logprobs is not None:
            body["logprobs"] = max(1, request.logprobs)
        if request.frequency_penalty or request.presence_penalty:
            body |= {
                "frequency_penalty": request.frequency_penalty,
                "presence_penalty": request.presence_penalty,
                "repeat_last_n": -1,  # all of the context, as OpenAI counts
            }
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
                logprobs=_logprobs(choice),
            )
        if cancel.error is not None:
            raise cancel.error
    finally:
        cancel.wanted = True


def _logprobs(choice: Mapping[str, Any]) -> tuple[TokenLogprobs, ...]:
    return tuple(
        TokenLogprobs(_logprob(token), tuple(_logprob(other) for other in token["top_logprobs"]))
        for token in (choice.get("logprobs") or {}).get("content") or ()
    )


def _logprob(token: Mapping[str, Any]) -> Logprob:
    value = token["logprob"]
    # What is impossible has no finite logarithm and JSON no infinity; -9999 is OpenAI's word.
    return Logprob(token["token"], tuple(token["bytes"]), -9999.0 if value is None else value)


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
