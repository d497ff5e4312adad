"""Answers per second: our server beside llama.cpp alone and transformers, same model and prompts.

    .venv/bin/python bench/serving.py [--model ft:…] [--tokens 128] [--requests 10] [--json FILE]

Single stream, 16 streams, the cost of an adapter, and the time to the first token while a
training job runs. Answers of up to 128 tokens to questions of the corpus, every one different, so
that no prompt is answered from a cache; the tokens that came are counted. About four minutes on
two quiet cores.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from homutune.client import connect
from homutune.data import build_lines, corpus_path, read_examples, write_chat_jsonl
from homutune.engine import BaseModel, BaseModels, ChatTemplate, tuned_models
from homutune.settings import Settings, load_settings

STREAMS = 16
#: Examples of the job that runs beside; fifty epochs of them outlast the measurement.
TRAINED = 64
#: Seconds the job may take to its first step.
PATIENCE = 300


def main() -> None:
    """Measure, print the table, write the JSON."""
    arguments = parse()
    length, count = arguments.tokens, arguments.requests
    settings = load_settings()
    base = BaseModels(settings.home).ensure("gemma3-270m", print)
    tuned = next(
        (m for m in tuned_models(settings.home) if arguments.model in (None, m.name)), None
    )
    texts = questions()
    found: dict[str, float] = {}
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {os.cpu_count()} cores")

    def note(name: str, value: float) -> None:
        found[name] = value
        print(f"{name:40} {value:9.2f}", flush=True)

    with server(settings) as client:

        def tell(model: str, text: str) -> int:
            return ask(client, model, text, length)

        tell(base.id, texts[0])  # the model is loaded by the first request
        note("server, 1 stream", rate(lambda: tell(base.id, texts[1])))
        note("server, 16 streams", many(lambda n: tell(base.id, texts[2 + n])))
        if tuned is not None:
            tell(tuned.name, texts[0])
            rates = {
                name: statistics.median(rate(lambda m=name, t=text: tell(m, t)) for text in some)
                for name, some in ((tuned.name, texts[20:24]), (base.id, texts[24:28]))
            }
            note("adapter, share of the base's speed", rates[tuned.name] / rates[base.id])
        note("first token idle, s", first_tokens(client, base.id, texts[30 : 30 + count]))
        with training(base):
            busy = first_tokens(client, base.id, texts[30 + count : 30 + 2 * count])
        note("first token while training, s", busy)
    for name, value in (
        llama_alone(base, texts, length) | transformers_alone(base, texts, length)
    ).items():
        note(name, value)
    show(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a tuned model of this home; default: the newest")
    parser.add_argument("--tokens", type=int, default=128, help="longest answer")
    parser.add_argument("--requests", type=int, default=10, help="for the time to first token")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def show(found: dict[str, float]) -> None:
    """The table of ratios, as it goes into RESULTS.md."""
    best = max(found["llama.cpp, 16 streams"], found["transformers, batch of 16"])
    rows = [
        (
            "1 本のストリーム（transformers の generate との比）",
            found["server, 1 stream"] / found["transformers, 1 stream"],
            "2 以上",
            lambda ratio: ratio >= 2,
        ),
        (
            "16 本のストリーム（llama.cpp 単独と transformers のバッチの速いほうとの比）",
            found["server, 16 streams"] / best,
            "1.0 以上",
            lambda ratio: ratio >= 1,
        ),
        (
            "学習中の最初のトークンまでの時間（何もしていないときとの比）",
            found["first token while training, s"] / found["first token idle, s"],
            "3 以下",
            lambda ratio: ratio <= 3,
        ),
    ]
    if (share := found.get("adapter, share of the base's speed")) is not None:
        rows.append(("アダプター付きの速さ（ベースとの比）", share, "0.9 以上", lambda r: r >= 0.9))
    print("\n| | 比 | 目標 | 判定 |\n|---|--:|---|---|")
    for name, ratio, goal, reached in rows:
        print(f"| {name} | {ratio:.2f} | {goal} | {'達成' if reached(ratio) else '**未達**'} |")


def questions() -> list[str]:
    """Questions of the corpus, all different."""
    return [example.question for example in read_examples(corpus_path() / "qa")]


@contextmanager
def server(settings: Settings) -> Iterator[Any]:
    """Our server as a user starts it, and the SDK connected to it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "homutune.cli", "serve", "--port", str(port)],
            stdout=log,
            stderr=log,
        )
        try:
            near = settings.model_copy(update={"base_url": f"http://127.0.0.1:{port}/v1"})
            with connect(near) as client:
                if not answers(client, process):
                    log.seek(0)
                    raise SystemExit(f"the server does not start: {log.read().decode()}")
                yield client
        finally:
            process.terminate()
            process.wait()


def answers(client: Any, process: subprocess.Popen[bytes]) -> bool:
    """Whether the server answers within a minute."""
    for _ in range(120):
        try:
            client.models.list()
            return True
        except Exception:
            if process.poll() is not None:
                return False
            time.sleep(0.5)
    return False


def ask(client: Any, model: str, text: str, length: int) -> int:
    """One whole answer; how many tokens it has."""
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": text}],
        max_tokens=length,
        temperature=0,
    )
    return int(answer.usage.completion_tokens)


def rate(work: Callable[[], int]) -> float:
    """Tokens per second of one run of ``work``, which says how many it made."""
    began = time.perf_counter()
    tokens = work()
    return tokens / (time.perf_counter() - began)


def many(work: Callable[[int], int]) -> float:
    """Tokens per second of 16 runs side by side."""
    began = time.perf_counter()
    with ThreadPoolExecutor(STREAMS) as pool:
        tokens = sum(pool.map(work, range(STREAMS)))
    return tokens / (time.perf_counter() - began)


def first_tokens(client: Any, model: str, texts: list[str]) -> float:
    """Median seconds from request to the first piece of the answer."""
    seconds = []
    for text in texts:
        began = time.perf_counter()
        stream = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": text}],
            max_tokens=16,
            temperature=0,
            stream=True,
        )
        with stream:
            next(chunk for chunk in stream if chunk.choices and chunk.choices[0].delta.content)
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


@contextmanager
def training(base: BaseModel) -> Iterator[None]:
    """A training job at work, started as the server starts its own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        examples = list(read_examples(corpus_path() / "qa"))[:TRAINED]
        lines = build_lines(examples, [], recipe="plain")
        write_chat_jsonl(folder / "train.jsonl", lines)
        job = {
            "model": base.id,
            "base_path": str(base.path),
            "train_file": str(folder / "train.jsonl"),
            "seed": 1,
            "hyperparameters": {"n_epochs": 50, "batch_size": 4},
            "fine_tuned_model": "ft:gemma3-270m:local:bench:1",
            "adapter_path": str(folder / "adapter"),
        }
        (folder / "job.json").write_text(json.dumps(job), "utf-8")
        with (folder / "worker.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "homutune.engine.train", str(folder)], stdout=log, stderr=log
            )
            try:
                print("a training job starts", flush=True)
                # Written after the first step: the weights are loaded and the work is on.
                end = time.monotonic() + PATIENCE
                while not (folder / "state.json").exists():
                    if process.poll() is not None:
                        raise SystemExit((folder / "worker.log").read_text("utf-8"))
                    if time.monotonic() > end:
                        raise SystemExit("no training step in five minutes: is the machine busy?")
                    time.sleep(1)
                yield
            finally:
                process.kill()
                process.wait()


def llama_alone(base: BaseModel, texts: list[str], length: int) -> dict[str, float]:
    """llama.cpp without us: 16 slots, prompts as tokens."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(base.gguf)
    params.n_parallel = STREAMS
    params.n_ctx = STREAMS * 1024
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = os.cpu_count() or 1
    params.verbosity = 0
    alone = xllamacpp.Server(params)
    template = ChatTemplate(base.path)

    def complete(text: str) -> int:
        prompt = template.prompt_ids([{"role": "user", "content": text}])
        answer = alone.handle_completions({"prompt": prompt, "n_predict": length, "temperature": 0})
        return int(answer["usage"]["completion_tokens"])

    complete(texts[0])
    return {
        "llama.cpp, 1 stream": rate(lambda: complete(texts[1])),
        "llama.cpp, 16 streams": many(lambda n: complete(texts[2 + n])),
    }


@torch.no_grad()
def transformers_alone(base: BaseModel, texts: list[str], length: int) -> dict[str, float]:
    """transformers' ``generate`` in bf16, alone and as a batch of 16."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.bfloat16).eval()
    template = ChatTemplate(base.path)
    prompts = [template.prompt_ids([{"role": "user", "content": text}]) for text in texts[1:18]]

    def generate(batch: list[list[int]]) -> int:
        longest = max(map(len, batch))
        ids = torch.tensor([[template.pad_id] * (longest - len(p)) + p for p in batch])
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in batch])
        model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=length,
            min_new_tokens=length,
            do_sample=False,
        )
        return len(batch) * length

    generate(prompts[:1])
    return {
        "transformers, 1 stream": rate(lambda: generate(prompts[:1])),
        "transformers, batch of 16": rate(lambda: generate(prompts[1:])),
    }


if __name__ == "__main__":
    main()
