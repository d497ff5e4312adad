"""The small dataset, split and stored, and a server on which the scripted models answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from evaluation.legal_models import RULES, Models, make_card, make_example
from homutune.client import connect
from homutune.data import Dataset, Split, create_dataset
from homutune.settings import Settings, load_settings
from scripted import ScriptedServer


@pytest.fixture
def dataset(home: Path) -> Dataset:
    """16 examples in 8 groups; 12 of them (6 groups) for validation."""
    examples = [make_example(rule, number) for rule in RULES for number in (0, 1)]
    ids = [example.meta.id for example in examples]
    split = Split(tuple(ids[:4]), tuple(ids[4:]), seed=42, valid_ratio=0.75)
    return create_dataset(home, examples, [make_card(rule) for rule in RULES], split)


@pytest.fixture
def settings(
    home: Path, scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setenv("HOMUTUNE_BASE_URL", scripted_server.base_url)
    return load_settings()


@pytest.fixture
def client(settings: Settings) -> Iterator[openai.OpenAI]:
    with connect(settings) as client:
        yield client


@pytest.fixture
def models(dataset: Dataset, scripted_server: ScriptedServer) -> Models:
    models = Models(dataset)
    scripted_server.routes[("POST", "/chat/completions")] = models
    return models
