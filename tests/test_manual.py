"""The manual tells the truth: its commands run, its links lead somewhere, it builds offline."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from manual_pages import DOCS, ROOT, Block, Terminal, blocks, pages
from ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: What a page may show without a mark: nothing that is typed into a terminal.
RUNNABLE = ("console", "sh", "bash", "shell")
NEEDS_MKDOCS = pytest.mark.skipif(
    importlib.util.find_spec("material") is None or importlib.util.find_spec("griffe") is None,
    reason="the manual is built with the extra docs (pip install -e '.[docs]')",
)


@pytest.fixture
def terminal(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A new user's terminal; nothing listens at the address of the local server."""
    port = free_port()
    monkeypatch.setenv("HOMUTUNE_PORT", str(port))
    monkeypatch.setenv("HOMUTUNE_BASE_URL", f"http://127.0.0.1:{port}/v1")
    folder = tmp_path / "work"
    folder.mkdir()
    return Terminal(folder, {"HOMUTUNE_TEST_PORT": str(port)})


@pytest.fixture
def server(request: pytest.FixtureRequest, home: Path, terminal: Terminal) -> Iterator[None]:
    """The server of the page, where it needs one: a real one over a tiny real base model."""
    read = request.node.callspec.params["read"]
    if not any(block.mark("server") is not None for page in read for block in blocks(page)):
        yield
        return
    from tiny import build_tiny_base

    build_tiny_base(home, "gemma3-270m")
    log = terminal.folder.parent / "server.log"
    with log.open("wb") as handle:
        process = subprocess.Popen(
            [sys.executable, "-m", "homutune.cli", "serve"], stdout=handle, stderr=handle
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urlopen(os.environ["HOMUTUNE_BASE_URL"] + "/models", timeout=2)
                break
            except OSError:
                assert time.monotonic() < deadline and process.poll() is None, log.read_text()
                time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(60)


def readings() -> list[tuple[str, ...]]:
    """What is read in one sitting: the exercises one after the other, every other page alone."""
    course = tuple(page for page in pages() if page.startswith("exercises/"))
    return [course, *((page,) for page in pages() if page not in course)]


@pytest.mark.parametrize("read", readings(), ids=lambda read: read[0])
def test_the_commands_of_a_page_print_what_it_shows(
    read: tuple[str, ...], terminal: Terminal, server: None
) -> None:
    for block in (block for page in read for block in blocks(page)):
        if (name := block.mark("file")) is not None:
            (terminal.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (terminal.folder / name).write_text(block.text, "utf-8")
        elif block.mark("test") is not None:
            (terminal.script if block.language == "python" else terminal.run)(block)


def skipped() -> list[Block]:
    return [b for page in pages() for b in blocks(page) if b.mark("skip") is not None]


@pytest.mark.parametrize("block", skipped(), ids=lambda block: block.place)
def test_a_command_that_is_not_run_says_why(block: Block) -> None:
    assert block.mark("skip"), f"{block.place}: skip needs a reason"
    pytest.skip(str(block.mark("skip")))


def test_every_terminal_block_is_run_or_says_why_not() -> None:
    unmarked = [
        block.place
        for page in pages()
        for block in blocks(page)
        if block.language in RUNNABLE
        and (block.language != "console" or not {"test", "skip"} & set(_names(block)))
    ]
    assert not unmarked


def _names(block: Block) -> list[str]:
    return [mark.partition("=")[0] for mark in block.marks]


@NEEDS_MKDOCS
def test_the_manual_builds_without_warnings_and_loads_nothing_from_elsewhere(
    tmp_path: Path,
) -> None:
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    loaded = re.compile(
        r'<(?:script|img|iframe|source|video)\b[^>]*?\ssrc="?((?:https?:)?//[^"\s>]+)'
        r'|<link\b[^>]*?\bhref="?((?:https?:)?//[^"\s>]+)'
    )
    for page in site.rglob("*.html"):
        html = page.read_text("utf-8")
        assert not loaded.findall(html), page
        assert "```" not in html, f"{page}: a block that Markdown did not understand"
        for target in re.findall(r'<img\b[^>]*?\bsrc="([^"]+)"', html):
            assert (page.parent / target).exists(), f"{page}: {target}"
    # Search over file:// needs its index as a script, the Japanese splitter, and the shim.
    assert "var __index" in (site / "search/search_index.js").read_text("utf-8")[:20]
    assert "iframe-worker" in (site / "index.html").read_text("utf-8")
    assert list(site.rglob("lunr.ja.min.js")) and (site / "assets/iframe-worker.js").exists()
    commands = (site / "reference/cli.html").read_text("utf-8")
    assert "homutune data check" in commands and "--fail-on" in commands
    api = (site / "reference/api.html").read_text("utf-8")
    assert "extract_citations" in api and "review_document" in api


def test_every_page_is_in_the_contents() -> None:
    contents = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert [page for page in pages() if f" {page}\n" not in contents] == []
    assert DOCS.is_dir()
