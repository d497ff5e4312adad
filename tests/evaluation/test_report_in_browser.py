"""The reports opened from the disk and printed, in a real browser."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="make test-e2e installs playwright")
pytest.importorskip("axe_playwright_python", reason="make test-e2e installs axe")

from evaluation.legal_models import Models  # noqa: E402
from homutune.data import Dataset  # noqa: E402
from homutune.evaluation import (  # noqa: E402
    CONDITIONS,
    compare_arms,
    compare_runs,
    find_pairs,
    run_condition,
    write_arms_report,
    write_report,
)
from homutune.settings import Settings  # noqa: E402
from web.browser import CHROMIUM  # noqa: E402

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
#: A4 less the margins a browser prints with, in CSS pixels.
PAPER = {"width": 718, "height": 1000}
TOO_WIDE = """[...document.querySelectorAll('table, figure')].filter(
    e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).length"""


def test_reports_open_offline_and_fit_the_paper_they_are_printed_on(
    settings: Settings, client: openai.OpenAI, dataset: Dataset, models: Models, tmp_path: Path
) -> None:
    runs = [
        run_condition(settings, client, dataset, CONDITIONS[name], model=model)
        for model in ("base", "tuned")
        for name in ("plain", "grounded")
    ]
    pairs, absent = find_pairs(settings.home, dataset, base="base", tuned="tuned")
    reports = [tmp_path / "two.html", tmp_path / "four.html"]
    write_report(reports[0], compare_runs(dataset, pairs, absent), pairs, dataset)
    write_arms_report(reports[1], compare_arms(dataset, runs), runs)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for report in reports:
            page = browser.new_page(viewport=PAPER)
            asked: list[str] = []
            faults: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda said, faults=faults: faults.append(said.text))
            page.emulate_media(media="print")
            page.goto(report.as_uri())
            assert page.evaluate(TOO_WIDE) == 0
            assert page.pdf(format="A4").startswith(b"%PDF")
            assert asked == [report.as_uri()] and faults == []
        browser.close()
