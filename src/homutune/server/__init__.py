"""The OpenAI-compatible HTTP server over the local engine."""

from homutune.server._engine import Engine, LocalEngine
from homutune.server._serve import serve
from homutune.server.app import create_app

__all__ = ["Engine", "LocalEngine", "create_app", "serve"]
