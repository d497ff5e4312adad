"""Ids as OpenAI writes them."""

from __future__ import annotations

import hashlib
import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """``prefix`` followed by random letters and digits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def hashed_id(prefix: str, source: str) -> str:
    """``prefix`` and 24 letters that follow from ``source``: making it twice makes one thing."""
    return prefix + hashlib.sha256(source.encode()).hexdigest()[:24]
