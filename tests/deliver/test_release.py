"""A released model: small, documented, and in use at once where no other model is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from homutune.cli._app import run
from homutune.deliver import install_released
from homutune.engine import GenerationPool, GenerationRequest
from homutune.engine.train import main as train
from homutune.errors import UserError
from homutune.server import create_app
from homutune.settings import load_settings
from homutune.tuning import ModelEntry, find_model, list_models, remember_model
from server.running import InThread
from tiny import build_tiny_base, conversation, write_job

pytestmark = pytest.mark.slow
NAME = "ft:tiny-gemma:local:kenshu:AbCd1234"


@pytest.fixture
def released(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A model trained here, released to ``models/``."""
    build_tiny_base(home)
    options = {"n_epochs": 8, "batch_size": 2, "learning_rate_multiplier": 20}
    folder = home / "jobs" / "ftjob-1"
    write_job(folder, home, hyperparameters=options, fine_tuned_model=NAME)
    assert train(folder) == 0
    entry = ModelEntry(
        NAME, "ftjob-1", "tiny-gemma", "http://127.0.0.1:8400/v1", 1_700_000_000,
        dataset="ds-000000000000", recipe="plain", suffix="kenshu", seed=1,
        hyperparameters={"n_epochs": 8}, trained_tokens=1234, metrics_path=Path("x.csv"),
    )  # fmt: skip
    remember_model(home, entry)
    capsys.readouterr()
    assert run(["model", "release", "--output", "models/tiny", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == NAME and 0 < told["bytes"] < 10_000_000
    return tmp_path / "models"


def answer(home: Path, adapter: Path | None) -> str:
    pool = GenerationPool(home, threads=1)
    messages = conversation("", 3)[:-1]
    try:
        return pool.complete(
            GenerationRequest(
                base="tiny-gemma",
                adapter=adapter,
                messages=messages,
                max_tokens=12,
                temperature=0.0,
            )
        ).text
    finally:
        pool.close()


def test_the_released_model_answers_in_another_home_like_the_one_that_was_trained(
    released: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = (released / "tiny" / "README.md").read_text("utf-8")
    again = "--recipe plain --model tiny-gemma --epochs 8 --seed 1 --suffix kenshu"
    start = f"homutune tune start --dataset ds-000000000000 {again}"
    whole = f"{start} && homutune model release latest"
    assert f"\n{whole}\n" in card and "## 限界" in card
    assert "1,234" in card and "未測定です。" in card and "法的助言ではありません" in card
    assert "x.csv" not in (released / "tiny" / "release.json").read_text("utf-8")
    learned = answer(home, home / "adapters" / "ftjob-1")
    assert learned != answer(home, None)

    other = tmp_path / "other"
    monkeypatch.setenv("HOMUTUNE_HOME", str(other))
    build_tiny_base(other)
    assert install_released(load_settings(), released) is None, "another base model is set"
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "tiny-gemma")
    settings = load_settings()
    heard: list[str] = []
    assert install_released(settings, released, progress=heard.append) == NAME
    assert any(NAME in line for line in heard)
    assert answer(other, other / "adapters" / "ftjob-1") == learned
    found = find_model(other, "latest", settings.base_url)
    assert found is not None and (found.model, found.recipe) == (NAME, "plain")
    server = InThread(create_app(settings))
    try:
        assert NAME in [model.id for model in server.client.models.list()]
        asked = server.client.chat.completions.create(
            model=NAME, messages=[{"role": "user", "content": "契約"}], max_tokens=4
        )
        assert asked.model == NAME
    finally:
        server.stop()
    assert install_released(settings, released) is None, "once is enough"


def test_a_base_model_of_the_same_name_but_another_shape_does_not_get_the_adapter(
    released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    monkeypatch.setenv("HOMUTUNE_HOME", str(other))
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "tiny-gemma")
    config = build_tiny_base(other) / "config.json"
    config.write_text(config.read_text("utf-8").replace("128", "256"), "utf-8")
    heard: list[str] = []
    assert install_released(load_settings(), released, progress=heard.append) is None
    assert "形が違う" in heard[0] and not list(other.glob("adapters/*"))


def test_a_home_with_a_model_of_its_own_is_left_alone(released: Path, home: Path) -> None:
    before = list_models(home)
    assert install_released(load_settings(), released) is None
    assert list_models(home) == before


def test_a_released_model_that_was_changed_is_refused(
    released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    monkeypatch.setenv("HOMUTUNE_HOME", str(other))
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "tiny-gemma")
    with (released / "tiny" / "adapter_model.safetensors").open("ab") as weights:
        weights.write(b"x")
    with pytest.raises(UserError, match="変わっています"):
        install_released(load_settings(), released)
    assert not list(other.glob("adapters/*"))
    shutil.rmtree(released / "tiny")
    assert install_released(load_settings(), released) is None


def test_a_folder_with_something_else_in_it_is_not_replaced(released: Path) -> None:
    folder = released / "mine"
    folder.mkdir()
    (folder / "大事.txt").write_text("x", "utf-8")
    assert run(["model", "release", "--output", str(folder)]) == 2
    assert [path.name for path in folder.iterdir()] == ["大事.txt"]
