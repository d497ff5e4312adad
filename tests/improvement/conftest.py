"""A dataset whose validation fields have training cards, and a server that answers and drafts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from evaluation.legal_models import RULES, Models, chat, make_card, make_example
from homutune.client import connect
from homutune.data import Dataset, Split, create_dataset
from homutune.evaluation import CONDITIONS, StructuredModel, run_condition
from homutune.improvement import (
    Draft,
    Firewall,
    Loop,
    create_loop,
    find_weaknesses,
    make_worklist,
    write_drafts,
)
from homutune.settings import Settings, load_settings
from scripted import Reply, Request, ScriptedServer

HELD_BACK = ("kensa", "kaiko", "shoshu")


def small_dataset(home: Any) -> Dataset:
    """16 pairs in 8 groups; 3 groups of 売買, 労働 and 会社 for validation."""
    examples = [make_example(rule, number) for rule in RULES for number in (0, 1)]
    sides: dict[bool, list[str]] = {True: [], False: []}
    for example in examples:
        sides[example.meta.group in HELD_BACK].append(example.meta.id)
    split = Split(tuple(sorted(sides[False])), tuple(sorted(sides[True])), 42, 0.375)
    return create_dataset(home, examples, [make_card(rule) for rule in RULES], split)


@pytest.fixture
def dataset(home: Any) -> Dataset:
    return small_dataset(home)


@pytest.fixture
def settings(
    home: Any, scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setenv("HOMUTUNE_BASE_URL", scripted_server.base_url)
    return load_settings()


@pytest.fixture
def client(settings: Settings) -> Iterator[openai.OpenAI]:
    with connect(settings) as client:
        yield client


class Writer:
    """Answers evaluation questions like ``Models``, and writes a pair where a schema is asked."""

    def __init__(self, dataset: Dataset) -> None:
        self.models = Models(dataset)
        self.drafted: list[dict[str, Any]] = []
        #: Called with the number of the draft and the draft; may return other text to send.
        self.hook: Callable[[int, dict[str, Any]], Any] = lambda number, pair: pair

    def __call__(self, request: Request) -> Reply:
        body = json.loads(request.body)
        if "response_format" not in body:
            return self.models(request)
        self.drafted.append(body)
        number = len(self.drafted)
        title, text = re.findall(r"---- 資料1 (.+?) 開始 \w+ ----\n(.+)\n", self.prompt(-1))[0]
        article = re.findall(r"（(.+?)）", text)[0]
        period = re.findall(r"は、(.+?)に行う", text)[0]
        pair = {
            "question": f"第{number}工場の{title}は、いつまでにどの部署が済ませますか。",
            "conclusion": f"{title}は、{period}に行う必要があります。",
            "basis": f"{article}は、{title}を{period}に行うことを定めています。",
            "caution": "担当の部署と日付を書面に残しておきます。",
            "must": [period, "どこにもない語句"],
        }
        found = self.hook(number, pair)
        return chat(found if isinstance(found, str) else json.dumps(found, ensure_ascii=False))

    def prompt(self, number: int) -> str:
        return "\n".join(message["content"] for message in self.drafted[number]["messages"])


@pytest.fixture
def writer(dataset: Dataset, scripted_server: ScriptedServer) -> Writer:
    writer = Writer(dataset)
    scripted_server.routes[("POST", "/chat/completions")] = writer
    return writer


@pytest.fixture
def loop(
    settings: Settings,
    client: openai.OpenAI,
    dataset: Dataset,
    writer: Writer,
) -> Loop:
    """The base model repeats the question: everything fails."""
    runs = [
        run_condition(settings, client, dataset, CONDITIONS[name], model="base")
        for name in ("grounded", "withheld")
    ]
    weaknesses = find_weaknesses(*runs)
    firewall = Firewall.of(settings.home, dataset)
    work = make_worklist(dataset, weaknesses, barred=tuple(firewall.cards))
    return create_loop(settings.home, weaknesses, work)


@pytest.fixture
def draft(
    settings: Settings, client: openai.OpenAI, dataset: Dataset, loop: Loop
) -> Callable[..., list[Draft]]:
    """Write the drafts of the loop, kept in it."""

    def draft(**options: Any) -> list[Draft]:
        found = write_drafts(
            StructuredModel(client, "drafter"),
            dataset,
            loop.work,
            Firewall.of(settings.home, dataset),
            known={d.key: d for d in loop.drafts().values()},
            concurrency=1,
            **options,
        )
        return list(loop.keep(d for d in found if d is not None))

    return draft
