"""Puts the browser's library into the package: htmx, as the pinned django-htmx ships it.

It is copied when the package is built or installed, so that no page ever asks another host for
it and no copy lies in the repository. By hand: ``python hatch_build.py`` (needs django-htmx).
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_TARGET = Path(__file__).parent / "src/homutune/web/static/htmx.min.js"


def fetch_htmx() -> None:
    """Copy the file; django itself is not imported."""
    spec = importlib.util.find_spec("django_htmx")
    if spec is None or spec.origin is None:
        raise RuntimeError("django-htmx, a requirement of this build, is not installed")
    shutil.copyfile(Path(spec.origin).parent / "static/django_htmx/htmx-2.min.js", _TARGET)


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before a wheel or an editable installation is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Copy htmx to where the package expects it."""
        fetch_htmx()


if __name__ == "__main__":
    fetch_htmx()
