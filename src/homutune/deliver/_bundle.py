"""The zip for the portal: data, source, report, video, the table, and a manifest with checksums."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from homutune import __version__
from homutune.data import Recipe
from homutune.deliver._probes import Scene
from homutune.deliver._requirements import Fulfilment, requirements_table
from homutune.errors import UserError
from homutune.files import disk_error
from homutune.tuning import export_dataset

#: Without git: what belongs to the source. A home or a .env must never get into the zip.
_SOURCE = (
    "src", "code-examples", "corpus", "models", "docs", "tests", "bench", "scripts", "deliverables",
    "pyproject.toml", "constraints.txt", "Makefile", "README.md", "CHANGELOG.md", "LICENSE",
)  # fmt: skip
_LEFT_OUT = {"__pycache__", ".git", ".venv", "node_modules"}
_REPORT = (".md", ".docx", ".pdf")
_VIDEO = (".mp4", ".srt")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A written zip: path, names inside with their SHA-256, and what is missing."""

    path: Path
    files: dict[str, str]
    missing: tuple[str, ...]


def write_bundle(scene: Scene, found: list[Fulfilment], target: Path) -> Bundle:
    """Write the zip ``target`` with ``manifest.json`` in it, listing every other file.

    Raises:
        UserError: there is no dataset, or the disk is full; nothing half-written is left.
    """
    content = dict(_content(scene, target))
    table = requirements_table(found).encode()
    missing = tuple(item.id for item in found if not item.ok)
    sums = {name: _sha256(path.read_bytes()) for name, path in content.items()}
    sums["確認表.md"] = _sha256(table)
    manifest = {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "homutune": __version__,
        "dataset": scene.dataset.name if scene.dataset else None,
        "model": scene.entry.model if scene.entry else None,
        "missing": list(missing),
        "sha256": sums,
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    building = target.with_name(f".{target.name}.building")
    try:
        with zipfile.ZipFile(building, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in content.items():
                archive.write(path, name)
            archive.writestr("確認表.md", table)
            text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
            archive.writestr("manifest.json", text)
        building.replace(target)
    except OSError as error:
        raise disk_error(error, target) from error
    finally:
        building.unlink(missing_ok=True)
    return Bundle(target, sums, missing)


def _content(scene: Scene, target: Path) -> Iterator[tuple[str, Path]]:
    if scene.dataset is None:
        raise UserError("データセットがありません。", remedy="homutune data split で作れます。")
    recipe: Recipe = "grounded" if scene.dataset.cards else "plain"
    if scene.entry is not None and scene.entry.recipe in ("grounded", "plain"):
        recipe = scene.entry.recipe  # type: ignore[assignment]
    files = export_dataset(scene.home, scene.dataset.name, recipe=recipe)
    yield "学習データ/train.jsonl", files.train
    if files.valid is not None:
        yield "学習データ/valid.jsonl", files.valid
    for folder, path, suffixes in (
        ("レポート", scene.report, _REPORT),
        ("動画", scene.video, _VIDEO),
    ):
        for suffix in suffixes:
            there = path.with_suffix(suffix)
            if there.is_file():
                yield f"{folder}/{there.name}", there
    for path in _source_files(scene.project):
        if path.resolve() not in (target.resolve(), scene.video.resolve()):
            yield f"ソースコード/{path.relative_to(scene.project).as_posix()}", path


def _source_files(project: Path) -> list[Path]:
    """What git tracks here; in a folder without git, the known parts of a project."""
    command = ["git", "-C", str(project), "ls-files", "-z"]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
        names = [name for name in done.stdout.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = []
    if names:
        return sorted(path for name in names if (path := project / name).is_file())
    found = []
    for part in _SOURCE:
        path = project / part
        inside = path.rglob("*") if path.is_dir() else [path]
        found += [p for p in inside if p.is_file() and not _LEFT_OUT & set(p.parts)]
    return sorted(found)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
