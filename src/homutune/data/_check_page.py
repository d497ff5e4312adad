"""The check report as one HTML file that needs nothing else.

The data is hostile text: everything goes through autoescape, nothing is marked safe but our own
SVG, and the page forbids scripts and outside resources by its Content-Security-Policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from homutune import __version__
from homutune.data._advice import advise
from homutune.data._check_pictures import histogram, question_map
from homutune.data._checks import FAMILIES, RULES, CheckReport, Finding, visible
from homutune.data._checks._duplicates import NEAR
from homutune.data._meaning import NEAR_MEANING
from homutune.data._types import KINDS, Example
from homutune.files import write_atomic

#: Problems of a rule shown open, and examples named in one of them.
SHOWN = 5
_QUOTED = 3


def quoted_numbers(report: CheckReport) -> set[int]:
    """Numbers of the examples whose question the page quotes: those of groups."""
    return {
        number
        for finding in report.findings
        for problem in finding.problems
        if problem.excerpt is None
        for number in problem.examples[:_QUOTED]
    }


def quote_questions(report: CheckReport, examples: Iterable[Example]) -> dict[int, str]:
    """The questions the page quotes, from a second reading of the examples."""
    wanted = quoted_numbers(report)
    return {n: e.question for n, e in enumerate(examples, 1) if n in wanted}


def write_check_page(
    path: Path, report: CheckReport, *, name: str, questions: Mapping[int, str] | None = None
) -> None:
    """Write the report; an existing file is replaced.

    Args:
        name: what was checked, as the user named it.
        questions: from :func:`quote_questions`.

    Raises:
        UserError: the file cannot be written.
    """
    write_atomic(path, render_check_page(report, name=name, questions=questions))


def render_check_page(
    report: CheckReport, *, name: str, questions: Mapping[int, str] | None = None
) -> str:
    """The report as text, see :func:`write_check_page`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("homutune.data"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    picture, fields = question_map(report.sample, report.vectors)
    kinds = [kind for kind in report.by_kind if kind not in KINDS]
    return environment.get_template("check.html.j2").render(
        r=report,
        name=name,
        advice=advise(report),
        families=[_family(family, report.findings) for family in FAMILIES],
        kinds=[*(kind for kind in KINDS if kind in report.by_kind), *kinds],
        densest=max((n for row in report.table.values() for n in row.values()), default=1),
        lengths=histogram(report.histogram),
        map=picture,
        fields=fields,
        questions=questions or {},
        quoted=_QUOTED,
        shown=SHOWN,
        near=NEAR,
        near_meaning=NEAR_MEANING,
        made=datetime.now(UTC).isoformat(timespec="minutes")[:16].replace("T", " "),
        version=__version__,
    )


def _family(name: str, findings: Iterable[Finding]) -> dict[str, Any]:
    own = [finding for finding in findings if finding.rule.family == name]
    return {
        "name": name,
        "findings": own,
        "rules": sum(rule.family == name for rule in RULES.values()),
        "errors": sum(f.count for f in own if f.rule.severity == "error"),
        "warnings": sum(f.count for f in own if f.rule.severity == "warning"),
    }
