"""Base models of other families: taken in, trained, served, and refused when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from homutune.engine import (
    BaseModels,
    GenerationPool,
    GenerationRequest,
    add_base,
    export_model,
    tuned_models,
)
from homutune.engine._hf_gguf import write_gguf
from homutune.engine.train import main as run_job
from homutune.errors import UserError
from tiny import conversation
from tiny_others import FAMILIES, build_folder

pytestmark = pytest.mark.slow
ANSWER = "はい、通知が必要です。"


def train(home: Path, name: str, place: Path) -> Path:
    """Teach the base model ``name`` one answer; the adapter's folder."""
    folder = place / "job"
    folder.mkdir()
    lines = [json.dumps({"messages": conversation(ANSWER, i)}) for i in range(12)]
    (folder / "train.jsonl").write_text("\n".join(lines), "utf-8")
    job = {
        "model": name,
        "base_path": str(home / "bases" / name),
        "train_file": str(folder / "train.jsonl"),
        "seed": 1,
        "hyperparameters": {"n_epochs": 25, "batch_size": 4, "learning_rate_multiplier": 8},
        "fine_tuned_model": f"ft:{name}:local::1",
        "adapter_path": str(home / "adapters" / "1"),
    }
    (folder / "job.json").write_text(json.dumps(job), "utf-8")
    assert run_job(folder) == 0
    assert json.loads((folder / "result.json").read_text())["status"] == "succeeded"
    return home / "adapters" / "1"


def answer(home: Path, base: str, adapter: Path | None) -> str:
    pool = GenerationPool(home, threads=1)
    asked = conversation(ANSWER, 99)[:2]
    return pool.complete(GenerationRequest(base, asked, adapter, max_tokens=60, temperature=0)).text


@pytest.mark.parametrize("family", FAMILIES)
def test_a_hugging_face_folder_is_taken_in_trained_and_served_with_its_adapter(
    home: Path, tmp_path: Path, family: str
) -> None:
    told: list[str] = []
    made = add_base(home, build_folder(tmp_path / "hub", family), family, progress=told.append)
    assert made.ready and any("一致" in line for line in told)
    adapter = train(home, family, tmp_path)
    assert answer(home, family, adapter) == ANSWER
    assert answer(home, family, None) != ANSWER
    # Merged into one GGUF, it is a base model that gives the trained answer by itself.
    export_model(tuned_models(home)[0], made, tmp_path / "out", "gguf")
    (made.path / "model.gguf").write_bytes((tmp_path / "out" / "model.gguf").read_bytes())
    assert answer(home, family, None) == ANSWER


def build_gguf(place: Path, family: str) -> Path:
    write_gguf(build_folder(place, family), place / "model.gguf")
    return place / "model.gguf"


@pytest.mark.parametrize("family", ["mistral", "qwen2"])
def test_a_gguf_alone_is_enough(home: Path, tmp_path: Path, family: str) -> None:
    made = add_base(home, build_gguf(tmp_path / "hub", family), "alone")
    assert (made.path / "model.safetensors").exists()
    assert answer(home, "alone", train(home, "alone", tmp_path)) == ANSWER


def test_what_training_and_serving_understand_differently_is_noticed_and_nothing_is_left(
    home: Path, tmp_path: Path
) -> None:
    right = build_gguf(tmp_path / "hub", "llama")
    assert add_base(home, tmp_path / "hub", "both", gguf=right).ready
    # The same shape, other weights.
    with pytest.raises(UserError, match="一致しません"):
        add_base(home, tmp_path / "hub", "wrong", gguf=build_gguf(tmp_path / "other", "mistral"))
    # transformers does not read the scaling of the rotary embedding out of a GGUF.
    with pytest.raises(UserError, match="一致しません"):
        add_base(home, right, "alone")
    assert [path.name for path in (home / "bases").iterdir()] == ["both"]


def test_weights_in_another_format_beside_them_and_what_is_half_built_are_left_alone(
    home: Path, tmp_path: Path
) -> None:
    folder = build_folder(tmp_path / "hub", "mistral")
    save_file(
        {"layers.0.attention.wk.weight": torch.zeros(2, 2)}, folder / "consolidated.safetensors"
    )
    made = add_base(home, folder, "small")
    assert not (made.path / "consolidated.safetensors").exists()
    made.path.rename(made.path.with_name(".small.building"))  # as after a loss of power
    assert "small" not in [model.id for model in BaseModels(home).list()]
    assert add_base(home, folder, "small").ready


def test_what_cannot_be_used_is_refused_with_the_way_out(home: Path, tmp_path: Path) -> None:
    folder = build_folder(tmp_path / "hub", "qwen2")
    with pytest.raises(UserError, match="名前"):
        add_base(home, folder, "../evil")
    with pytest.raises(UserError, match="すでにあります"):
        add_base(home, folder, "gemma3-270m")
    (folder / "chat_template.jinja").rename(tmp_path / "kept.jinja")
    with pytest.raises(UserError, match="chat template"):
        add_base(home, folder, "silent")
    assert add_base(home, folder, "told", chat_template=tmp_path / "kept.jinja").ready
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "gpt_neox"}))
    with pytest.raises(UserError, match=r"gpt_neox.*--gguf"):
        add_base(home, folder, "strange", chat_template=tmp_path / "kept.jinja")
    for path in folder.glob("*.safetensors"):
        path.rename(path.with_name("pytorch_model.bin"))
    with pytest.raises(UserError, match="safetensors"):
        add_base(home, folder, "pickled", chat_template=tmp_path / "kept.jinja")
    assert [path.name for path in (home / "bases").iterdir()] == ["told"]
