"""A real browser that does what the script says while its pictures are kept with their times."""

from __future__ import annotations

import base64
import html
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homutune.deliver._script import Step
from homutune.errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

#: Below it is the bar with the captions: nothing of the page is ever hidden by them.
VIEW = (1280, 624)
# A model on a busy machine may need minutes; waiting is shortened in the video.
_ACTION_WITHIN_MS = 900_000
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture and when it was shown (seconds since 1970)."""

    path: Path
    at: float


@dataclass(frozen=True, slots=True)
class Span:
    """When a step's actions began, when its narration began, and when it ended."""

    begin: float
    speaking: float
    end: float


def record(
    steps: Sequence[Step],
    speaking_s: Sequence[float],
    folder: Path,
    *,
    base_url: str,
    places: dict[str, str],
    on_step: Callable[[int], None] = lambda number: None,
) -> tuple[list[Frame], list[Span]]:
    """Do the steps, each for as long as its narration and rest take.

    Args:
        speaking_s: seconds of narration of each step.
        folder: where the pictures go.
        base_url: what a path in ``goto`` is put behind.
        places: names in braces that a ``goto`` may use.
        on_step: hears the number of the step that begins.

    Raises:
        UserError: playwright or a browser is missing, or a step cannot be done.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise UserError(
            "録画に使う Playwright が入っていません。", remedy="pip install 'homutune[video]'"
        ) from None
    frames: list[Frame] = []
    spans: list[Span] = []
    with sync_playwright() as playwright:
        browser_path = next(filter(None, map(shutil.which, _BROWSERS)), None)
        try:
            browser = playwright.chromium.launch(executable_path=browser_path)
        except Error:
            raise UserError(
                "Chromium（Chrome・Edge）が見つからないか、起動できません。",
                remedy="Chromium を入れてください（Debian・Ubuntu: apt-get install chromium）。",
            ) from None
        page = browser.new_page(
            viewport={"width": VIEW[0], "height": VIEW[1]}, locale="ja-JP", color_scheme="light"
        )
        page.set_default_timeout(_ACTION_WITHIN_MS)
        _keep_frames(page, folder, frames)
        for number, (step, seconds) in enumerate(zip(steps, speaking_s, strict=True)):
            on_step(number)
            begin = time.time()
            for name, values in step.do:
                try:
                    _act(page, name, values, base_url, places)
                except (Error, KeyError) as error:
                    raise UserError(
                        f"台本の {number + 1} 番目の手順「{name}: {' '.join(values)}」が"
                        f"できませんでした（{str(error).splitlines()[0]}）。",
                        remedy="画面に合わせて台本を直してください。",
                    ) from None
            page.wait_for_timeout(200)  # what was done is seen before it is spoken of
            speaking = time.time()
            page.wait_for_timeout((seconds + step.hold) * 1000)
            spans.append(Span(begin, speaking, time.time()))
        browser.close()
    return frames, spans


def _keep_frames(page: Page, folder: Path, frames: list[Frame]) -> None:
    """Chromium sends a picture whenever something changed; no other program is needed."""
    session: CDPSession = page.context.new_cdp_session(page)

    def arrived(event: dict[str, Any]) -> None:
        path = folder / f"{len(frames):06d}.jpg"
        path.write_bytes(base64.b64decode(event["data"]))
        frames.append(Frame(path, float(event["metadata"]["timestamp"])))
        session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    session.on("Page.screencastFrame", arrived)
    options = {"format": "jpeg", "quality": 92, "maxWidth": VIEW[0], "maxHeight": VIEW[1]}
    session.send("Page.startScreencast", options)


def _act(
    page: Page, name: str, values: tuple[str, ...], base_url: str, places: dict[str, str]
) -> None:
    match name, values:
        case "goto", (target,):
            target = target.format_map(places)
            page.goto(target if "://" in target else f"{base_url}{target}")
        case "click", (selector,):
            page.locator(selector).first.click()
        case "show", (selector,):
            page.locator(selector).first.evaluate(
                "e => e.scrollIntoView({behavior: 'smooth', block: 'center'})"
            )
        case "wait", (selector,):
            page.locator(selector).first.wait_for()
        case "press", (key,):
            page.keyboard.press(key)
        case "scroll", (pixels,):
            page.evaluate("y => window.scrollBy({top: y, behavior: 'smooth'})", float(pixels))
        case "title", (text,):
            page.goto("about:blank")  # the application's CSP would forbid the title its style
            page.set_content(_title_page(text))
        case "fill", (selector, text):
            page.locator(selector).first.fill(text)
        case "select", (selector, value):
            page.locator(selector).first.select_option(value)
        case "upload", (selector, file):
            page.locator(selector).first.set_input_files(file.format_map(places))


def _title_page(text: str) -> str:
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in text.split("\n"))
    return (
        "<!doctype html><meta charset=utf-8><style>body{margin:0;height:100vh;display:flex;"
        "flex-direction:column;justify-content:center;align-items:center;background:#f4f6f8;"
        "color:#12304d;font:600 44px 'Noto Sans CJK JP','Yu Gothic',sans-serif}p{margin:.2em}"
        f"p+p{{font-size:26px;font-weight:400}}</style>{lines}"
    )
