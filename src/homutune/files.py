"""Writing files so that a reader never meets half of one."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from homutune.errors import UserError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)

# A quota that is used up looks like a full disk; Windows has no such number.
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
# What C++ libraries meet there instead: ERROR_DISK_FULL.
_WINDOWS_FULL = 112
#: A disk with less than this many bytes left counts as full: libraries that write through C++
#: report a full disk as an error of their own.
MIN_FREE = 32 * 1024 * 1024


class DiskFull(UserError):
    """There is no room; the same work succeeds once there is."""


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write ``data`` (text as UTF-8) to ``path``: afterwards it holds all of it or what it held.

    Raises:
        DiskFull: nothing was changed.
        UserError: the place is not writable; nothing was changed.
    """
    write_stream_atomic(path, [data])


def write_stream_atomic(path: Path, parts: Iterable[str | bytes]) -> None:
    """:func:`write_atomic` for what is made piece by piece and may not fit into memory.

    An error raised by ``parts`` half-way leaves ``path`` as it was.

    Raises:
        UserError: the disk is full or the place is not writable; nothing was changed.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as handle:
            for part in parts:
                handle.write(part.encode("utf-8") if isinstance(part, str) else part)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        for folder in made:
            with contextlib.suppress(OSError):  # somebody else has put something into it
                folder.rmdir()
        if isinstance(error, OSError):
            raise disk_error(error, path) from error
        raise


def says_disk_full(error: OSError) -> bool:
    """Whether the operating system means by ``error`` that there is no room."""
    return error.errno in _FULL or getattr(error, "winerror", None) == _WINDOWS_FULL


def disk_error(error: OSError, path: Path) -> UserError:
    """The calm form of an error met while writing to ``path``."""
    if says_disk_full(error):
        return DiskFull(
            "ディスクの空き容量が足りないため書き込めませんでした。何も変更していません。",
            file=path,
            remedy="空き容量を増やすか HOMUTUNE_HOME を別のディスクに変えてください。",
        )
    return UserError(
        f"ファイルを書き込めませんでした（{error.strerror or error}）。",
        file=path,
        remedy="保存先のフォルダーの権限を確認してください。",
    )


def is_disk_full(error: BaseException, path: Path) -> bool:
    """Whether ``error``, met while writing near ``path``, comes from a full disk."""
    if isinstance(error, DiskFull) or (isinstance(error, OSError) and says_disk_full(error)):
        return True
    return free_bytes(path) < MIN_FREE


def free_bytes(path: Path) -> int:
    """Room on the disk that holds the existing ``path``."""
    return shutil.disk_usage(path).free


def sync_tree(folder: Path) -> None:
    """Have every file below ``folder`` on the disk itself before something points to it."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("r+b") as handle:
                os.fsync(handle.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder; its rename is written through
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class JsonLines:
    """One dataclass record a line, appended as it arrives.

    A process killed while writing leaves a torn last line; reading ignores it and the next
    append removes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[dict[str, Any]]:
        """The records on disk; none where there is no file."""
        return [json.loads(raw) for raw in self._whole_lines().splitlines()]

    def append_all(self, records: Iterable[Record]) -> Iterator[Record]:
        """Write each record before handing it on.

        Raises:
            UserError: the disk is full or not writable.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            whole = len(self._whole_lines())
            with self.path.open("ab") as handle:
                handle.truncate(whole)
                for record in records:
                    line = json.dumps(asdict(record), ensure_ascii=False)
                    # A lone surrogate in model output becomes the JSON escape of itself.
                    handle.write(line.encode("utf-8", "backslashreplace") + b"\n")
                    handle.flush()
                    yield record
        except OSError as error:
            raise disk_error(error, self.path) from error

    def _whole_lines(self) -> bytes:
        data = self.path.read_bytes() if self.path.exists() else b""
        return data[: data.rfind(b"\n") + 1]
