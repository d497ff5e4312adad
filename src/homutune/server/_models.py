"""``/v1/models``: base models, tuned models, and the checkpoints of jobs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import APIRouter

from homutune.server._engine import Base, Engine
from homutune.server._errors import ApiError, model_not_found
from homutune.server._job_folder import TERMINAL, job_folder
from homutune.server._store import ModelRow, Store

#: Owner of what was tuned here, and its place in ``ft:base:owner:suffix:id``.
OWNER = "local"

_CHECKPOINT = re.compile(r"(?P<model>ft:.+):ckpt-step-(?P<step>\d+)")


class Target(NamedTuple):
    """What a model name stands for: a base model and, for a tuned one, its adapter's folder."""

    name: str
    created: int
    owned_by: str
    base: str
    adapter: Path | None = None


class Models:
    """All models this server can answer with.

    Args:
        elsewhere: names another server answers for; they are listed, and that is all.
    """

    def __init__(
        self, store: Store, engine: Engine, home: Path, elsewhere: Sequence[str] = ()
    ) -> None:
        self._elsewhere = [Target(name, 0, "upstream", name) for name in elsewhere]
        self._store = store
        self._engine = engine
        self._home = home

    def base(self, name: str) -> Base | None:
        """The base model called ``name``."""
        return next((base for base in self._engine.bases() if base.id == name), None)

    def list(self) -> list[Target]:
        """Base, tuned and upstream models; checkpoints are listed with their job."""
        known = [*self._engine.bases(), *self._engine.embedding_models()]
        bases = [Target(b.id, b.created, b.owned_by, b.id) for b in known]
        tuned = (self._tuned(row) for row in self._store.models())
        here = bases + [target for target in tuned if target is not None]
        return here + self._elsewhere

    def get(self, name: str) -> Target | None:
        """What ``name`` stands for, if its weights are here and complete."""
        if (base := self.base(name)) is not None:
            return Target(base.id, base.created, base.owned_by, base.id)
        if (row := self._store.get(ModelRow, name)) is not None:
            return self._tuned(row)
        found = self._checkpoint(name)
        return found[0] if found else None

    def shown(self, name: str) -> Target | None:
        """As :meth:`get`, upstream and embedding models too, which do not chat here."""
        elsewhere = (target for target in self._elsewhere if target.name == name)
        return next(elsewhere, None) or self._embedding(name) or self.get(name)

    def remove(self, name: str) -> None:
        """Remove a tuned model with its checkpoints, or a single checkpoint, weights and all.

        Raises:
            ApiError: it is a base model, is not there, or its job still needs it.
        """
        if self.base(name) is not None or self._embedding(name) is not None:
            raise ApiError(
                403,
                f"You have insufficient permissions for this operation: `{name}` is a base model "
                "and cannot be deleted. (ベースモデルは削除できません)",
                param="model",
                code="insufficient_permissions",
            )
        if (row := self._store.get(ModelRow, name)) is not None:
            _remove_adapter(self._home / row.adapter_path)
            job_folder(self._home, row.job_id).remove_checkpoints()
            self._store.delete(ModelRow, name)
        elif (found := self._checkpoint(name)) is not None and found[0].adapter is not None:
            if found[1] not in TERMINAL:
                raise ApiError(
                    400,
                    f"The checkpoint `{name}` belongs to a job that is still running. "
                    "(学習中のチェックポイントは削除できません)",
                    param="model",
                )
            _remove_adapter(found[0].adapter)
        else:
            raise _missing(name)

    def _embedding(self, name: str) -> Target | None:
        found = (model for model in self._engine.embedding_models() if model.id == name)
        return next((Target(m.id, m.created, m.owned_by, m.id) for m in found), None)

    def _tuned(self, row: ModelRow) -> Target | None:
        adapter = self._home / row.adapter_path
        # adapter.json is written last and removed first: without it the weights are not whole.
        if not (adapter / "adapter.json").is_file():
            return None
        return Target(row.id, row.created_at, OWNER, row.parent, adapter)

    def _checkpoint(self, name: str) -> tuple[Target, str] | None:
        match = _CHECKPOINT.fullmatch(name)
        job = self._store.job_of_model(match["model"]) if match else None
        if match is None or job is None:
            return None
        folder = job_folder(self._home, job.id)
        for checkpoint in folder.checkpoints():
            if checkpoint.step == int(match["step"]):
                created = checkpoint.created_at
                target = Target(name, created, OWNER, job.base, checkpoint.path)
                return target, job.status
        return None


def models_router(models: Models) -> APIRouter:
    """The three routes of the Models API; names hold colons and may hold slashes."""
    router = APIRouter(prefix="/v1/models")

    @router.get("")
    def list_models() -> dict[str, Any]:
        return {"object": "list", "data": [_model_object(target) for target in models.list()]}

    @router.get("/{model:path}")
    def retrieve_model(model: str) -> dict[str, Any]:
        target = models.shown(model)
        if target is None:
            raise _missing(model)
        return _model_object(target)

    @router.delete("/{model:path}")
    def delete_model(model: str) -> dict[str, Any]:
        models.remove(model)
        return {"id": model, "object": "model", "deleted": True}

    return router


def _model_object(target: Target) -> dict[str, Any]:
    return {
        "id": target.name,
        "object": "model",
        "created": target.created,
        "owned_by": target.owned_by,
    }


def _missing(name: str) -> ApiError:
    return model_not_found(name, param="model")


def _remove_adapter(folder: Path) -> None:
    for proof in ("checkpoint.json", "adapter.json"):
        (folder / proof).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
