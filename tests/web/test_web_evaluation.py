"""評価: measured, compared, read side by side, rated blind, and made better."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from server.running import wait_until
from web.sites import Site, Visitor, add_users
from web.test_web_pages import assert_nothing_runs

Start = Callable[..., Site]
Visit = Callable[[Site], Visitor]


def make_dataset(one: Visitor) -> str:
    imported = one.post("/data/sample")
    made = one.post(f"{imported.url.path}/dataset", {"valid_percent": "20", "seed": "42"})
    return made.url.path.rsplit("/", 1)[1]


def train(one: Visitor, dataset: str) -> str:
    form = {"dataset": dataset, "model": "tiny", "recipe": "grounded"}
    job = one.post("/training/start", form).url.path
    wait_until(lambda: one.get(f"{job}/progress").status_code == 286)
    page = one.get("/training").text
    return "ft:" + page.split(">ft:")[1].split("<")[0]


def measure(one: Visitor, dataset: str, model: str, condition: str = "grounded") -> None:
    form = {"dataset": dataset, "model": model, "condition": condition, "limit": "4"}
    assert one.post("/evaluation/run", form).status_code == 200
    wait_until(lambda: one.get("/evaluation/tasks").status_code == 286)
    assert "失敗" not in one.get("/evaluation/tasks").text


def test_two_models_are_measured_compared_and_read_side_by_side(start: Start, visit: Visit) -> None:
    one = visit(start(worker_options=("--steps", "4")))
    dataset = make_dataset(one)
    tuned = train(one, dataset)
    for model in ("tiny", tuned):
        measure(one, dataset, model)
    page = one.get("/evaluation").text
    assert f"tiny と {tuned}" in page and "資料つき" in page
    both = f"dataset={dataset}&base=tiny&tuned={tuned}"
    assert one.get(f"/evaluation/compare?{both}").status_code == 200
    result = one.get(f"/evaluation/compare/result?{both}").text
    assert "資料つきの正確性" in result and 'class="whisker' in result
    assert_nothing_runs(result)
    answers = one.get(f"/evaluation/compare/answers?{both}&order=worst").text
    assert answers.count('<article class="card">') == 4 and "模範解答" in answers
    report = one.get(f"/evaluation/compare/report.html?{both}")
    assert report.status_code == 200, report.text
    assert report.headers["content-disposition"].startswith("attachment")
    run = page.split('href="/evaluation/runs/')[1].split('"')[0]
    assert "模範解答" in one.get(f"/evaluation/runs/{run}").text
    assert one.get("/evaluation/runs/run-nothing").status_code == 404
    assert one.get("/evaluation/runs/..%2f..").status_code == 404
    absent = one.get(f"/evaluation/compare/result?dataset={dataset}&base=tiny&tuned=nobody")
    assert absent.status_code == 400 and "評価がありません" in absent.text


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"limit": "0"}, "1 以上の数"),
        ({"condition": "x"}, "その条件の評価はできません"),
        ({"dataset": "ds-nothing"}, "homutune data"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    start: Start, visit: Visit, changed: dict[str, str], problem: str
) -> None:
    one = visit(start())
    form = {"dataset": make_dataset(one), "model": "tiny", **changed}
    refused = one.post("/evaluation/run", form)
    assert refused.status_code == 400 and problem in refused.text


def test_a_viewer_reads_comparisons_and_starts_nothing(start: Start, visit: Visit) -> None:
    site = start(host="0.0.0.0")
    add_users(site.home, 見学="閲覧")
    one = visit(site)
    one.sign_in("見学")
    assert one.get("/evaluation").status_code == 200
    for path in ("/evaluation/run", "/evaluation/tasks/t_x/stop"):
        assert one.post(path, {"dataset": "x", "model": "tiny"}).status_code == 403
