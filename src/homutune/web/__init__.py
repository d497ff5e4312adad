"""The application in the browser."""

from homutune.web._accounts import ROLES, Accounts, User
from homutune.web._app import create_web

__all__ = ["ROLES", "Accounts", "User", "create_web"]
