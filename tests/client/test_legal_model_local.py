"""``LegalModel`` over our own server and a tiny real model: schema, stream, seed, logged usage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from homutune import LegalModel
from homutune.client import ModelNotFound, Options
from homutune.server import create_app
from homutune.settings import Settings
from server.running import InThread
from tiny import build_tiny_base

pytestmark = pytest.mark.slow


class Judgement(BaseModel):
    """Short enough for a tiny model that is held to the schema."""

    ok: bool


@pytest.fixture
def model(home: Path) -> Iterator[LegalModel]:
    build_tiny_base(home)
    server = InThread(create_app(Settings(home=home, threads=1)))
    settings = Settings(home=home, base_url=f"{server.url}/v1", no_external=True)
    with LegalModel("tiny-gemma", settings=settings, options=Options(max_tokens=24)) as model:
        yield model
    server.stop()


def test_a_real_local_model_answers_streams_and_keeps_to_a_schema(model: LegalModel) -> None:
    reply = model.ask("契約の期間は", options=Options(max_tokens=12, seed=3, temperature=0))
    assert reply.model == "tiny-gemma"
    assert 0 < reply.usage.completion_tokens <= 12
    assert reply.cost_jpy == 0.0
    with model.stream(
        "契約の期間は", options=Options(max_tokens=12, seed=3, temperature=0)
    ) as stream:
        text = "".join(stream)
    assert text == stream.reply.text == reply.text
    assert stream.reply.usage == reply.usage
    judged = model.ask("はいかいいえか", schema=Judgement, options=Options(max_tokens=64))
    assert isinstance(judged.data, Judgement)
    assert [call.outcome for call in model.log.read()] == ["ok"] * 3


def test_a_model_the_real_server_does_not_have_is_a_typed_error(model: LegalModel) -> None:
    with pytest.raises(ModelNotFound, match="no-such-model"):
        LegalModel("no-such-model", settings=model.settings).ask("質問")
