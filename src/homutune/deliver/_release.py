"""The released model: an adapter small enough for the repository, with its card, ready to use.

``models/<name>/`` holds the adapter (``adapter_model.safetensors`` in fp16 and its config), the
card (``README.md``), ``NOTICE`` and ``release.json``, which is written last. What llama.cpp loads
is made from it when it is installed into a home: fp16 is what that file holds anyway, so the
released model answers exactly like the one that was trained.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homutune.data import corpus_path, open_dataset, read_examples, split_examples
from homutune.deliver._card import release_card
from homutune.deliver._measured import measured_on
from homutune.errors import UserError
from homutune.files import write_atomic
from homutune.tuning import ModelEntry, find_model, list_models, remember_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from homutune.engine import BaseModel, TunedModel
    from homutune.settings import Settings

#: What the repository takes.
MOST_BYTES = 10_000_000
_PROOF = "release.json"
_WEIGHTS = "adapter_model.safetensors"
_CONFIG = "adapter_config.json"
_BASE_CONFIG = "base_config.json"


@dataclass(frozen=True, slots=True)
class Release:
    """A released model: its folder, its name at the server, and the sizes of its files."""

    folder: Path
    model: str
    files: dict[str, int]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(self.files.values())


def models_path() -> Path:
    """Where released models lie: inside the package, or ``models/`` of a checkout."""
    package = Path(__file__).resolve().parents[1]
    bundled = package / "_models"
    return bundled if bundled.is_dir() else package.parents[1] / "models"


def release_model(home: Path, tuned: TunedModel, base: BaseModel, target: Path) -> Release:
    """Write ``tuned`` to the folder ``target``; one released there before is replaced.

    Raises:
        UserError: the adapter is too large, the folder holds something else, or the disk is full.
    """
    import numpy as np
    from safetensors.numpy import load_file, save_file

    from homutune.engine import license_notice

    if target.exists() and any(target.iterdir()) and not (target / _PROOF).is_file():
        raise UserError(
            "公開先のフォルダーに、別のものがあります。何も変更していません。",
            file=target,
            remedy="--output で別のフォルダーを指定してください。",
        )
    entry = find_model(home, tuned.name)
    building = target.with_name(f".{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        tensors = load_file(tuned.adapter / _WEIGHTS)
        halves = {name: value.astype(np.float16) for name, value in tensors.items()}
        save_file(halves, building / _WEIGHTS, metadata={"format": "pt"})
        shutil.copyfile(tuned.adapter / _CONFIG, building / _CONFIG)
        # With it the adapter is installed at once, before the base model has been prepared.
        shutil.copyfile(base.path / "config.json", building / _BASE_CONFIG)
        measured = measured_on(home, base.id, tuned.name, entry)
        card = release_card(tuned, base, entry, measured, bundled=_bundled(home, entry))
        write_atomic(building / "README.md", card)
        write_atomic(building / "NOTICE", license_notice(base))
        stored: dict[str, Any] = {
            "model": tuned.name,
            "base": base.id,
            "seed": tuned.seed,
            "entry": _portable(entry) if entry else None,
            "sha256": {path.name: _sha256(path) for path in sorted(building.iterdir())},
        }
        write_atomic(building / _PROOF, json.dumps(stored, ensure_ascii=False, indent=2) + "\n")
        files = {path.name: path.stat().st_size for path in sorted(building.iterdir())}
        release = Release(target, tuned.name, files)
        if release.size > MOST_BYTES:
            raise UserError(
                f"アダプターが {release.size / 1e6:.1f} MB あり、公開できる "
                f"{MOST_BYTES / 1e6:.0f} MB を超えています。",
                remedy="LoRA rank を下げて学習し直してください。",
            )
        shutil.rmtree(target, ignore_errors=True)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return release


def _bundled(home: Path, entry: ModelEntry | None) -> bool:
    """Whether ``homutune data split`` makes from what comes with it what the model learned from."""
    if entry is None or entry.dataset is None:
        return False
    try:
        dataset = open_dataset(home, entry.dataset)
    except UserError:  # deleted since
        return False
    ours = read_examples(corpus_path() / "qa")
    same = {e.meta.id: e.messages for e in ours} == {
        e.meta.id: e.messages for e in dataset.examples
    }
    return same and split_examples(ours) == dataset.split


def install_released(
    settings: Settings, folder: Path | None = None, progress: Callable[[str], None] = print
) -> str | None:
    """Make the released model usable at once in a home that has no tuned model of its own.

    Only one tuned from the base model of the settings, and from that very one.

    Args:
        settings: home, database and the address under which the model is remembered.
        folder: where to look; None for :func:`models_path`.
        progress: hears what is being done, as Japanese lines.

    Returns:
        The model's name, or None where there is nothing to do.

    Raises:
        UserError: a released file is damaged.
    """
    proofs = sorted((folder or models_path()).glob(f"*/{_PROOF}"))
    if not proofs:
        return None
    from homutune.engine import BaseModels, UnknownModel, tuned_models, write_lora_gguf
    from homutune.server import register_adapter

    if tuned_models(settings.home) or list_models(settings.home, settings.base_url):
        return None
    found = [(proof.parent, json.loads(proof.read_text("utf-8"))) for proof in proofs]
    fitting = [
        (source, stored) for source, stored in found if stored["base"] == settings.base_model
    ]
    if not fitting:
        return None
    source, stored = fitting[0]
    _check(source, stored["sha256"])
    try:
        base = BaseModels(settings.home).get(stored["base"])
    except UnknownModel:
        return None
    own = base.path / "config.json"
    if own.is_file() and own.read_bytes() != (source / _BASE_CONFIG).read_bytes():
        progress(f"ベースモデル {base.id} の形が違うため、同梱のモデルは使いません。")
        return None
    progress(f"同梱のモデル {stored['model']} を使えるようにしました。")
    job_id = (stored["entry"] or {}).get("job_id") or "ftjob-released"
    target = settings.home / "adapters" / job_id
    building = target.with_name(f".{job_id}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        for name in (_WEIGHTS, _CONFIG, "README.md", "NOTICE"):
            shutil.copyfile(source / name, building / name)
        write_lora_gguf(building, source / _BASE_CONFIG, building / "adapter.gguf")
        proof = {key: stored[key] for key in ("model", "base", "seed")}
        write_atomic(building / "adapter.json", json.dumps(proof, ensure_ascii=False, indent=2))
        shutil.rmtree(target, ignore_errors=True)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    register_adapter(settings, stored["model"], base=stored["base"], job_id=job_id)
    if stored["entry"]:
        entry = ModelEntry(**{**stored["entry"], "base_url": settings.base_url})
        remember_model(settings.home, entry)
    return str(stored["model"])


def _portable(entry: ModelEntry) -> dict[str, Any]:
    """The registry's entry without what only this machine has."""
    values = asdict(entry)
    del values["metrics_path"], values["base_url"]
    return values


def _check(folder: Path, sums: dict[str, str]) -> None:
    for name, expected in sums.items():
        path = folder / name
        if not path.is_file() or _sha256(path) != expected:
            raise UserError(
                "同梱のモデルのファイルが欠けているか、変わっています。",
                file=path,
                remedy="homutune を入れ直すか、このフォルダーを消してください。",
            )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
