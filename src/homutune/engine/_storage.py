"""Folders on storage that all machines reach, by URL through fsspec (file, s3, gs, smb, …)."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import fsspec


class Storage:
    """A folder there; names are relative to it, with slashes.

    Args:
        url: ``file:///mnt/shared/homutune``, ``s3://bucket/homutune``; its keys come from
            where fsspec looks for them.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._fs: Any
        self._fs, root = fsspec.core.url_to_fs(url)
        self._root = PurePosixPath(root)

    def below(self, name: str) -> Storage:
        """The folder ``name`` in it."""
        return Storage(f"{self.url.rstrip('/')}/{name}")

    def exists(self, name: str) -> bool:
        """Whether there is a file ``name`` now."""
        self._fs.invalidate_cache()
        return bool(self._fs.exists(str(self._root / name)))

    def write(self, name: str, content: bytes) -> None:
        """Write a small file."""
        self._fs.makedirs(str(self._root), exist_ok=True)
        self._fs.pipe_file(str(self._root / name), content)

    def put(self, folder: Path, name: str, last: str | None = None) -> None:
        """Copy a folder there; the file ``last``, which proves it complete, comes last."""
        files = [path for path in folder.rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: (path.name == last, path)):
            target = self._root / name / path.relative_to(folder).as_posix()
            self._fs.makedirs(str(target.parent), exist_ok=True)
            self._fs.put_file(str(path), str(target))

    def get(self, name: str, folder: Path) -> None:
        """Copy the folder ``name`` from there into ``folder``; nothing if it is not there."""
        self._fs.invalidate_cache()
        source = self._root / name
        for found in self._fs.find(str(source)):
            target = folder / PurePosixPath(found).relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._fs.get_file(found, str(target))

    def folders(self, name: str) -> list[str]:
        """Names of the folders in the folder ``name``."""
        self._fs.invalidate_cache()
        source = str(self._root / name)
        if not self._fs.exists(source):
            return []
        found = self._fs.ls(source, detail=True)
        return [PurePosixPath(e["name"]).name for e in found if e["type"] == "directory"]

    def remove(self, name: str) -> None:
        """Remove the file or folder ``name``, if it is there."""
        if self.exists(name):
            self._fs.rm(str(self._root / name), recursive=True)

    def as_local(self, name: str, cache: Path) -> Path:
        """The folder ``name`` for reading: itself where it is a local one, else a copy."""
        if "file" in self._fs.protocol:
            return Path(str(self._root / name))
        self.get(name, cache)
        return cache
