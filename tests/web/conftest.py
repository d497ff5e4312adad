"""Sites for the tests of the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from web.sites import Site, Visitor


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Site]]:
    """Start the application; ``host`` decides whether users sign in."""
    running: list[Site] = []

    def begin(**settings: Any) -> Site:
        running.append(Site(home, **settings))
        return running[-1]

    yield begin
    for site in running:
        site.stop()


@pytest.fixture
def visit() -> Iterator[Callable[[Site], Visitor]]:
    """A new visitor of a site."""
    made: list[Visitor] = []

    def come(site: Site) -> Visitor:
        made.append(Visitor(site.url))
        return made[-1]

    yield come
    for one in made:
        one.http.close()
