from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tiny import build_tiny_base, write_job


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the tiny base model; adapters of the session's tests gather in it."""
    home = tmp_path_factory.mktemp("engine-home")
    build_tiny_base(home)
    return home


@pytest.fixture
def make_job(tiny_home: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write a job folder that trains the tiny model on twelve conversations."""

    def make(name: str, answer: str = "はい、通知が必要です。", **hyperparameters: Any) -> Path:
        folder = tmp_path / name
        write_job(
            folder,
            tiny_home,
            answer,
            12,
            id=name,
            valid_file=str(folder / "valid.jsonl"),
            hyperparameters={"n_epochs": 2, "batch_size": 4, **hyperparameters},
            fine_tuned_model=f"ft:tiny-gemma:homutune::{name}",
            adapter_path=str(tiny_home / "adapters" / f"{tmp_path.name}-{name}"),
            speed_file=str(tmp_path / "speed.json"),
        )
        lines = (folder / "train.jsonl").read_text("utf-8").splitlines()
        (folder / "valid.jsonl").write_text("\n".join(lines[:3]), "utf-8")
        return folder

    return make
