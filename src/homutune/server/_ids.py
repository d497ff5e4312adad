"""Ids as OpenAI writes them."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """``prefix`` followed by random letters and digits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))
