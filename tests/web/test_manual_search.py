"""The manual's search in a real browser, from the disk, with no server and no network."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="make test-e2e installs playwright")
from web.browser import CHROMIUM  # noqa: E402

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(
        importlib.util.find_spec("material") is None, reason="the extra docs is not installed"
    ),
]
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("バックアップ", "管理と運用"),
        ("契約レビュー", "契約レビューの実務"),
        ("弁護士法", "法律が許すこと"),
        ("OpenAIの終了", "OpenAI の終了からの引越し"),
    ],
)
def test_japanese_words_are_found_without_a_server(site: Path, query: str, page: str) -> None:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page()
        asked: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto((site / "index.html").as_uri())
        tab.click("input[name=query]")
        tab.keyboard.insert_text(query)
        tab.keyboard.press("End")  # an input method ends with a key, which insert_text has not
        found = tab.locator(".md-search-result__item h1", has_text=page)
        found.first.wait_for(state="attached", timeout=30_000)
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manual")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )
    return folder
