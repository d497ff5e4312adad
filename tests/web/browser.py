"""A real browser that minds its step: no other host, no console error, nothing axe objects to."""

from __future__ import annotations

import shutil
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
#: WCAG 2.2 AA and axe's own best practices.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Watched:
    """A page whose every request, console message and dialog is noted."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        self.url = url
        self.context = browser.new_context(
            locale="ja-JP", viewport={"width": 1280, "height": 900}, **context
        )
        self.page: Page = self.context.new_page()
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", self._dialog)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"{message.text} {message.location}")

    def _dialog(self, dialog: Any) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.url}{path}")
        return self.page

    def press(self, name: str) -> None:
        """Click a button by its name and wait for the page that follows."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name).click()

    def check_access(self) -> None:
        """Axe finds nothing, neither in light nor in dark."""
        schemes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
        for scheme in schemes:
            self.page.emulate_media(color_scheme=scheme)
            found = Axe().run(self.page, options={"runOnly": TAGS})
            told = [
                (v["id"], [node["html"][:200] + node["failureSummary"] for node in v["nodes"]][:3])
                for v in found.response["violations"]
            ]
            assert not told, f"{self.page.url} ({scheme}): {told}"

    def check_quiet(self) -> None:
        """Nothing was asked of another host, and nothing went wrong in the browser."""
        foreign = [url for url in self.requests if not url.startswith((f"{self.url}/", "blob:"))]
        assert not foreign
        assert not self.troubles
