"""Where the commands write: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

#: Progress, notes and errors.
console = Console(stderr=True, highlight=False)
#: Results meant for a reader; results meant for a program go through :func:`print_json`.
out = Console(highlight=False)


def print_json(obj: Any) -> None:
    """Print ``obj`` as indented UTF-8 JSON on stdout, nothing else with it.

    Raises:
        TypeError: ``obj`` holds something JSON does not know.
    """
    sys.stdout.write(json.dumps(obj, ensure_ascii=False, indent=2) + "\n")
