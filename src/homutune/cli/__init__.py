"""The command line; ``homutune.cli:main`` is the entry point.

One file per group of verbs. Each is imported only when its verb is called (``_app.VERBS``),
so ``homutune --help`` starts at once.
"""

from homutune.cli._app import main

__all__ = ["main"]
