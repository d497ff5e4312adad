"""The one error a user is meant to see."""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """Something the user can put right: printed calmly, without a traceback, exit code 2.

    Args:
        message: what is wrong, one Japanese sentence.
        remedy: what to do next, one Japanese sentence.
        file: the file the problem was found in.
        line: the line in that file, counted from 1.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        remedy: str | None = None,
        file: Path | str | None = None,
        line: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.file = str(file) if file is not None else None
        self.line = line

    @property
    def where(self) -> str | None:
        """``file:line`` as far as it is known."""
        if self.file is None:
            return None
        return self.file if self.line is None else f"{self.file}:{self.line}行目"

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        return f"{head}\n→ {self.remedy}" if self.remedy else head
