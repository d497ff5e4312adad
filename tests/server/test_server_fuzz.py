"""Whatever a client sends that our OpenAPI allows or forbids: never a 5xx, errors in one shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from homutune.server import create_app
from homutune.settings import Settings
from server import contract
from server.doubles import ScriptedEngine, worker_command
from server.running import SOURCE, InThread, Local

#: For each of the operations, so that all of them together take well under a minute.
EXAMPLES = 12


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home: Path = tmp_path_factory.mktemp("fuzz") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(SOURCE))
        app = create_app(
            Settings(home=home), engine=ScriptedEngine(home), worker_command=worker_command()
        )
        server = InThread(app)
        schema = schemathesis.openapi.from_dict(app.openapi())
        schema.config.update(base_url=server.url)
        yield schema
        server.stop()


def test_no_request_makes_the_server_fail(api: Any) -> None:
    operations = [found.ok() for found in api.get_all_operations()]
    assert len(operations) == 28
    asked = 0

    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def no_5xx(case: schemathesis.Case) -> None:
            nonlocal asked
            asked += 1
            response = case.call(timeout=20)
            assert response.status_code < 500, f"{case.as_curl_command()}: {response.text}"
            if response.status_code >= 400:
                assert set(response.json()["error"]) == {"message", "type", "param", "code"}

        no_5xx()
    assert asked > 5 * len(operations)


HALF = "\\ud83d"  # as JSON spells it
BODIES = [
    ("chat/completions", '{"model":"tiny","messages":[{"role":"user","content":"HALF"}]}'),
    ("chat/completions", '{"model":"HALF","messages":[{"role":"user","content":"a"}]}'),
    ("completions", '{"model":"tiny","prompt":"HALF"}'),
    ("embeddings", '{"model":"HALF","input":"a"}'),
    ("fine_tuning/jobs", '{"model":"tiny","training_file":"HALF"}'),
    ("fine_tuning/jobs", '{"model":"tiny","training_file":"a","metadata":{"HALF":"a"}}'),
    ("batches", '{"input_file_id":"HALF","endpoint":"a","completion_window":"24h"}'),
    ("uploads", '{"filename":"a","mime_type":"HALF","bytes":1,"purpose":"batch"}'),
    ("chat/completions", "[" * 100_000),
    ("chat/completions", '{"a":' + '{"a":' * 800 + "1" + "}" * 801),
    ("chat/completions", '{"model":"tiny","messages":[],"temperature":NaN}'),
]


@pytest.mark.parametrize("content", [b"{}", b"", b"\xff"])
def test_a_body_that_does_not_say_it_is_json_is_refused(shared: Local, content: bytes) -> None:
    for path in ("chat/completions", "completions", "embeddings", "batches", "uploads"):
        response = httpx2.post(f"{shared.url}/v1/{path}", content=content)
        contract.check(response)
        assert response.status_code == 400


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_half_a_character_and_what_is_no_json_are_the_clients_fault(
    shared: Local, path: str, body: str
) -> None:
    response = httpx2.post(
        f"{shared.url}/v1/{path}",
        content=body.replace("HALF", HALF),
        headers={"content-type": "application/json"},
    )
    contract.check(response)
    assert response.status_code == 400
