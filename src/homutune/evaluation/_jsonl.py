"""A file of JSON lines that grows while results arrive and survives a killed process."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from homutune.files import disk_error

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)


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
