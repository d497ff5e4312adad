"""Settings that point to the scripted upstream."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.upstream import Upstream
from homutune.settings import Settings


@pytest.fixture
def settings(home: Path, upstream: Upstream) -> Settings:
    return Settings(home=home, base_url=upstream.base_url, api_key="sk-test-1234567890")
