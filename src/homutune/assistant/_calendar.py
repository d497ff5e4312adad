"""Deadlines as an iCalendar file (RFC 5545), for any calendar program."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from pathlib import Path

from homutune import __version__
from homutune.assistant._obligations import Obligation
from homutune.files import write_atomic

#: Days before a deadline at which the calendar reminds.
REMIND_DAYS = 14


def write_calendar(
    path: Path, name: str, obligations: Sequence[Obligation], *, remind_days: int = REMIND_DAYS
) -> int:
    """Write those of ``obligations`` whose day is known; returns how many.

    Every entry is a whole day with a reminder ``remind_days`` before it (none for a beginning);
    what comes back every month is one entry with a rule. The same contract gives the same UIDs,
    so that importing it again moves entries instead of doubling them.
    """
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//homutune//{__version__}//JA",
        "CALSCALE:GREGORIAN",
        f"X-WR-CALNAME:{_escape(name)}",
    ]
    dated = [o for o in obligations if o.date]
    for obligation in dated:
        lines += _event(obligation, name, stamp, remind_days)
    lines.append("END:VCALENDAR")
    write_atomic(path, "".join(_fold(line) + "\r\n" for line in lines).encode("utf-8"))
    return len(dated)


def _event(obligation: Obligation, name: str, stamp: str, remind_days: int) -> list[str]:
    day = datetime.date.fromisoformat(str(obligation.date))
    key = "\n".join((name, obligation.kind, obligation.clause, obligation.when, obligation.quote))
    uid = hashlib.sha256(key.encode()).hexdigest()[:32]
    who = f"（{obligation.who}）" if obligation.who else ""
    summary = f"{obligation.kind}：{obligation.what}{who}"
    about = f"{name} {obligation.clause}\n{obligation.when}\n「{obligation.quote.strip()}」"
    lines = [
        "BEGIN:VEVENT",
        f"UID:{uid}@homutune",
        f"DTSTAMP:{stamp}",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
        f"DTEND;VALUE=DATE:{day + datetime.timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{_escape(summary)}",
        f"DESCRIPTION:{_escape(about)}",
        "TRANSP:TRANSPARENT",
    ]
    if obligation.monthly is not None:
        rule = f"RRULE:FREQ=MONTHLY;BYMONTHDAY={obligation.monthly or -1}"
        if obligation.monthly > 28:
            # A day that a month lacks falls on its last day.
            days = ",".join(map(str, range(28, obligation.monthly + 1)))
            rule = f"RRULE:FREQ=MONTHLY;BYMONTHDAY={days};BYSETPOS=-1"
        if obligation.until:
            rule += f";UNTIL={obligation.until.replace('-', '')}"
        else:
            rule += ";COUNT=12"
        lines.append(rule)
    if obligation.kind != "開始日":
        lines += [
            "BEGIN:VALARM",
            "ACTION:DISPLAY",
            f"DESCRIPTION:{_escape(summary)}",
            f"TRIGGER:-P{remind_days}D",
            "END:VALARM",
        ]
    return [*lines, "END:VEVENT"]


def _escape(text: str) -> str:
    text = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return text.replace("\r", "").replace("\n", "\\n")


def _fold(line: str) -> str:
    """Lines of at most 75 octets, cut between characters (RFC 5545, 3.1)."""
    parts, part, size = [], "", 0
    for char in line:
        octets = len(char.encode("utf-8"))
        if size + octets > 75:
            parts.append(part)
            part, size = " ", 1
        part, size = part + char, size + octets
    return "\r\n".join([*parts, part])
