"""The OpenAI-compatible HTTP server over the local engine."""

from homutune.server._engine import Engine, LocalEngine
from homutune.server._keys import Key, Keys, open_keys
from homutune.server._serve import serve
from homutune.server.app import create_app

__all__ = ["Engine", "Key", "Keys", "LocalEngine", "create_app", "open_keys", "serve"]
