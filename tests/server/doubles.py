"""An engine whose answers follow from the request, and a server process around it.

python doubles.py <home> <port> [worker options]
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from homutune.engine import (
    Chunk,
    ContextTooLong,
    Embeddings,
    GenerationRequest,
    Logprob,
    TextTooLong,
    TokenLogprobs,
)
from homutune.errors import UserError
from homutune.server import serve
from homutune.server._engine import Base, Weights
from homutune.settings import Settings

WORKER = Path(__file__).with_name("worker.py")


def worker_command(*options: str) -> list[str]:
    return [sys.executable, str(WORKER), *options]


class ScriptedEngine:
    """Answers ``base|adapter|last message``, three characters a token."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.closed = 0
        self.running = 0
        self.requests: list[GenerationRequest] = []
        #: Cleared, it holds up the preparation of base models.
        self.may_prepare = threading.Event()
        self.may_prepare.set()

    def bases(self) -> Sequence[Base]:
        return [Base("tiny", 1_700_000_000, "tests"), Base("org/tiny-2", 1_700_000_001, "tests")]

    def prepare(self, name: str) -> Weights:
        self.may_prepare.wait(30)
        folder = self.home / "bases" / name
        return Weights(folder, folder / "model.gguf")

    def supports_tools(self, name: str) -> bool:
        return name == "org/tiny-2"

    def embedding_models(self) -> Sequence[Base]:
        return [Base("tiny-e5", 1_700_000_002, "tests")]

    def embed(self, texts: Sequence[str]) -> Embeddings:
        for position, text in enumerate(texts):
            if text == "長すぎる":
                raise TextTooLong(position, 9000)
        return Embeddings([[len(text) / 4, 0.5] for text in texts], 3 * len(texts))

    def training_memory(self, name: str) -> int | None:
        return 5_000_000_000

    def stream(self, request: GenerationRequest) -> Iterator[Chunk]:
        self.requests.append(request)
        question = request.prompt or request.messages[-1]["content"]
        if question == "長すぎる":
            raise ContextTooLong(5000, 4096)
        if question == "断る":
            raise UserError("この会話はモデルの会話形式に合いません。")
        return self._generate(request, question)

    def _generate(self, request: GenerationRequest, question: str) -> Iterator[Chunk]:
        self.running += 1
        try:
            if question == "爆発":
                raise RuntimeError("機密の契約書の本文")
            adapter = request.adapter.name if request.adapter else "-"
            text = f"{request.base}|{adapter}|{question}"
            if request.json_schema is not None or request.json_object:
                text = json.dumps({"答え": question}, ensure_ascii=False)
            if request.tools and request.messages[-1]["role"] == "user":
                name = request.tools[0]["function"]["name"]
                call = {"name": name, "arguments": {"条": question}}
                text = f"調べます<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>"
            tokens = [text[i : i + 3] for i in range(0, len(text), 3)]
            if question == "終わらない":
                tokens = ["あ"] * 10_000
            if question == "ゆっくり":
                time.sleep(1)
            limit = request.max_tokens or len(tokens)
            for token in tokens[:limit]:
                if question == "終わらない":
                    time.sleep(0.02)
                yield Chunk(token, logprobs=_logprobs(request, token))
            if question == "途中で爆発":
                raise RuntimeError("機密の契約書の本文")
            reason = "length" if limit < len(tokens) else "stop"
            yield Chunk("", reason, 7, min(limit, len(tokens)))
        finally:
            self.closed += 1
            self.running -= 1

    def close(self) -> None:
        pass


def _logprobs(request: GenerationRequest, token: str) -> tuple[TokenLogprobs, ...]:
    if request.logprobs is None:
        return ()
    chosen = Logprob(token, tuple(token.encode()), -0.5)
    return (TokenLogprobs(chosen, (chosen, Logprob("x", (120,), -9999.0))),)


if __name__ == "__main__":
    settings = Settings(home=Path(sys.argv[1]), port=int(sys.argv[2]))
    try:
        serve(
            settings,
            engine=ScriptedEngine(settings.home),
            worker_command=worker_command(*sys.argv[3:]),
            on_ready=lambda: print("ready", flush=True),
        )
    except UserError as error:
        sys.exit(str(error))
