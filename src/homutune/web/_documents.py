"""Documents that people bring: kept in a matter's folder, read once, forgotten when deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import UploadFile
from starlette.responses import Response

from homutune.assistant import (
    Document,
    Playbook,
    detect_type,
    load_playbooks,
    read_contract,
    read_document,
)
from homutune.errors import UserError
from homutune.files import write_stream_atomic
from homutune.server import MatterRow
from homutune.web._accounts import User
from homutune.web._context import Web, download

SUFFIXES = (".docx", ".pdf", ".txt", ".md", ".html", ".htm")
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MEDIA = {
    ".docx": DOCX,
    ".xlsx": XLSX,
    ".html": "text/html",
    ".json": "application/json",
    ".ics": "text/calendar; charset=utf-8",
    ".svg": "image/svg+xml",
    ".md": "text/markdown; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
_CHUNK = 1 << 20


def keep_upload(
    web: Web,
    user: User,
    kind: str,
    file: UploadFile,
    facts: Callable[[Path], dict[str, Any]],
) -> MatterRow:
    """A new matter with an uploaded document in it.

    Raises:
        UserError: no file, not a known kind of file, or not readable; nothing is kept.
    """
    name = file_name(file)
    parts = iter(lambda: file.file.read(_CHUNK), b"")
    return keep(web, user, kind, name, known_suffix(name), parts, facts)


def keep(
    web: Web,
    user: User,
    kind: str,
    title: str,
    suffix: str,
    parts: Iterable[str | bytes],
    facts: Callable[[Path], dict[str, Any]],
) -> MatterRow:
    """A new matter with a document in it.

    Args:
        facts: reads the matter's folder and gives what to remember.

    Raises:
        UserError: it cannot be read; nothing is kept.
    """
    matter = web.matters.create(user, kind, title)
    folder = web.matters.folder(matter)
    try:
        write_stream_atomic(folder / f"contract{suffix}", parts)
        web.matters.update(matter, **facts(folder))
    except BaseException:
        web.matters.delete(matter)
        raise
    return matter


def file_name(file: UploadFile) -> str:
    """The file's own name, without the folders some browsers send along."""
    return PurePosixPath((file.filename or "").replace("\\", "/")).name


def known_suffix(name: str) -> str:
    """The suffix a document is kept under.

    Raises:
        UserError: no file, or not a known kind of file.
    """
    suffix = next((s for s in SUFFIXES if name.lower().endswith(s)), None)
    if suffix is None:
        raise UserError(
            "この種類のファイルは読めません。" if name else "ファイルが選ばれていません。",
            remedy="docx・PDF・txt・md・html のどれかを選んでください。",
        )
    return suffix


def write_upload(path: Path, file: UploadFile) -> None:
    """Keep what was sent."""
    write_stream_atomic(path, iter(lambda: file.file.read(_CHUNK), b""))


def document_path(folder: Path) -> Path:
    """The document as it came; its own name is in the matter's title only."""
    return next(folder.glob("contract.*"))


def read(folder: Path) -> Document:
    """The document of a matter.

    Raises:
        UserError: it cannot be read.
    """
    return _read(document_path(folder))


@lru_cache(maxsize=8)
def _read(path: Path) -> Document:
    return read_document(path)  # a matter's document is never replaced


def forget() -> None:
    """Keep no document in memory after one was deleted."""
    _read.cache_clear()


@cache
def playbooks() -> dict[str, Playbook]:
    """The bundled playbooks by type."""
    return load_playbooks()


def likely_types(folder: Path) -> list[str]:
    """Types of contract by how much speaks for them, best first."""
    return [name for name, _ in detect_type(read_contract(read(folder)), playbooks())]


def books_by_likelihood(matter: MatterRow) -> tuple[list[str], list[Playbook]]:
    """The likely types of a matter, and all playbooks with those first."""
    likely = [name for name in matter.facts.get("types", []) if name in playbooks()]
    books = [playbooks()[name] for name in likely]
    return likely, books + [book for name, book in playbooks().items() if name not in likely]


def send_made(web: Web, matter: MatterRow, name: str, write: Callable[[Path], object]) -> Response:
    """A file that ``write`` makes, to save under ``name``; no copy stays in the matter."""
    suffix = PurePosixPath(name).suffix
    with TemporaryDirectory(dir=web.matters.folder(matter)) as folder:
        path = web.matters.folder(matter) / folder / f"made{suffix}"
        write(path)
        return download(path.read_bytes(), name, _MEDIA[suffix])


def stem(matter: MatterRow) -> str:
    """The name of the matter's document without its suffix."""
    return PurePosixPath(matter.title).stem
