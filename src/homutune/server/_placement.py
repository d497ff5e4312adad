"""Where jobs are trained: on this machine, or on a Ray cluster."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any, NamedTuple

from homutune.errors import UserError
from homutune.settings import Settings


class Placement(NamedTuple):
    """The training program, to which the job's folder is added, and ``ray`` of ``job.json``."""

    command: tuple[str, ...]
    ray: dict[str, Any] | None


def placement(settings: Settings) -> Placement:
    """What ``settings.runner`` stands for.

    Raises:
        UserError: Ray is wanted but not installed, or has no storage.
    """
    if settings.runner == "local":
        return Placement((sys.executable, "-m", "homutune.engine.train"), None)
    if importlib.util.find_spec("ray") is None:
        raise UserError(
            "設定 runner が ray ですが、Ray が入っていません。",
            remedy="pip install 'homutune[ray]' を実行するか、runner を local にしてください。",
        )
    if settings.ray_storage is None:
        raise UserError(
            "設定 runner が ray ですが、ray_storage がありません。",
            remedy="すべてのマシンから読み書きできる場所を指定してください"
            "（例: file:///mnt/shared/homutune、s3://bucket/homutune）。",
        )
    return Placement(
        (sys.executable, "-m", "homutune.engine.ray_train"),
        {
            "address": settings.ray_address,
            "workers": settings.ray_workers,
            "storage": settings.ray_storage,
        },
    )
