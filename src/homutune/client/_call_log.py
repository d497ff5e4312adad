"""Every call to a model, in SQLite: when, which, how much; the contents only where asked for."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from homutune.client._database import open_database


@dataclass(frozen=True, slots=True)
class Call:
    """One question to a model, its repetitions included.

    ``outcome`` is ``ok`` or the name of the error class; ``sent`` and ``received`` are None
    unless the settings say ``log_contents``, and then hold the text as it left this program
    (with placeholders where it was pseudonymised).
    """

    at: str
    requested: str
    model: str
    server: str
    outcome: str
    status: int | None
    prompt_tokens: int
    completion_tokens: int
    cost_jpy: float | None
    latency_s: float
    attempts: int
    finish_reason: str | None = None
    request_id: str | None = None
    sent: str | None = None
    received: str | None = None


_COLUMNS = tuple(field.name for field in fields(Call))


def now() -> str:
    """UTC, to the second, as it is stored."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Total:
    """The calls of one calendar month (UTC, ``YYYY-MM``) to one model.

    ``unpriced`` of them have no known price, so that ``cost_jpy`` does not hold them.
    """

    month: str
    model: str
    calls: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    cost_jpy: float
    unpriced: int


class CallLog:
    """The table ``calls`` of ``<home>/assistant.db``."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def add(self, call: Call) -> None:
        """Append ``call``.

        Raises:
            UserError: the database cannot be written.
        """
        marks = ",".join("?" * len(_COLUMNS))
        with open_database(self._home) as database:
            database.execute(
                f"INSERT INTO calls ({','.join(_COLUMNS)}) VALUES ({marks})", astuple(call)
            )

    def read(self, limit: int = 100) -> list[Call]:
        """The latest calls, newest first."""
        with open_database(self._home) as database:
            rows = database.execute(
                f"SELECT {','.join(_COLUMNS)} FROM calls ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
        return [Call(*row) for row in rows]

    def totals(self) -> list[Total]:
        """By month and model, the latest month first, then by tokens."""
        with open_database(self._home) as database:
            rows = database.execute(
                "SELECT substr(at, 1, 7) AS month, model, COUNT(*), SUM(outcome != 'ok'),"
                " SUM(prompt_tokens), SUM(completion_tokens), COALESCE(SUM(cost_jpy), 0),"
                " SUM(cost_jpy IS NULL) FROM calls GROUP BY month, model"
                " ORDER BY month DESC, SUM(prompt_tokens + completion_tokens) DESC, model"
            ).fetchall()
        return [Total(*row) for row in rows]

    def spent_jpy(self, since: str) -> float:
        """Yen spent since an ISO time (UTC)."""
        with open_database(self._home) as database:
            row = database.execute(
                "SELECT COALESCE(SUM(cost_jpy), 0) FROM calls WHERE at >= ?", (since,)
            ).fetchone()
        return float(row[0])
