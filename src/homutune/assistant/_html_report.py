"""A review as one HTML file: no script, no request to anywhere, everything escaped."""

from __future__ import annotations

from pathlib import Path

from homutune import __version__
from homutune.assistant._decisions import Decision
from homutune.assistant._review import DISCLAIMER, DISPUTE, Review
from homutune.files import write_atomic


def write_html(path: Path, review: Review, decisions: dict[str, Decision]) -> None:
    """Write the cards of ``review`` to ``path``."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("homutune.assistant", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("review.html.j2").render(
        review=review,
        decisions=decisions,
        disclaimer=DISCLAIMER,
        dispute=DISPUTE,
        version=__version__,
    )
    write_atomic(path, page)
