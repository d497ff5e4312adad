"""The OpenAI-compatible HTTP server over the local engine."""

from homutune.server._engine import Engine, LocalEngine
from homutune.server._ids import new_id
from homutune.server._keys import Key, Keys, open_keys
from homutune.server._middleware import is_loopback
from homutune.server._released import register_adapter
from homutune.server._serve import serve
from homutune.server._store import Store, open_store
from homutune.server._web_tables import AuditRow, MatterRow, SessionRow, UserRow
from homutune.server.app import Pages, create_app

__all__ = [
    "AuditRow",
    "Engine",
    "Key",
    "Keys",
    "LocalEngine",
    "MatterRow",
    "Pages",
    "SessionRow",
    "Store",
    "UserRow",
    "create_app",
    "is_loopback",
    "new_id",
    "open_keys",
    "open_store",
    "register_adapter",
    "serve",
]
