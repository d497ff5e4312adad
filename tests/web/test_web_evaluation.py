"""評価: measured, compared, read side by side, rated blind, and made better."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest

from homutune.data import KINDS, Example, Message, Meta, open_dataset
from homutune.evaluation import list_runs, make_sheet, open_run
from homutune.improvement import Draft, open_loop
from homutune.web.pages import ratings
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
    assert "行ごとの損失の記録がありません" in one.get(f"{job}/rows").text
    assert "GGUF" in one.get(f"{job}/export").text
    assert one.get(f"{job}/export/gguf").status_code == 404
    assert one.get("/training/..%2f..%2fx/export/gguf").status_code == 404
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
    rated_blind(one, dataset, tuned)
    assert "人による採点（1 人）" in one.get(f"/evaluation/compare/result?{both}").text
    absent = one.get(f"/evaluation/compare/result?dataset={dataset}&base=tiny&tuned=nobody")
    assert absent.status_code == 400 and "評価がありません" in absent.text


def rated_blind(one: Visitor, dataset: str, tuned: str) -> None:
    page = one.post("/evaluation/ratings", {"dataset": dataset, "base": "tiny", "tuned": tuned})
    sheet, total = page.url.path, int(page.text.split("（0 / ")[1].split(" 問")[0])
    assert tuned not in page.text.split("</header>")[1].replace(f"|{tuned}|", "")
    for done in range(1, total + 1):
        action = page.text.split(f'action="{sheet}/')[1].split('"')[0]
        marks = marks_for(page.text, "4")
        assert len(marks) in (4, 8), "both answers, or the one that both models gave"
        refused = one.post(f"{sheet}/{action}", {**marks, next(iter(marks)): "6"})
        assert refused.status_code == 400 and "四つの観点" in refused.text
        page = one.post(f"{sheet}/{action}", marks)
        assert f"採点（{done} / {total} 問）" in page.text
    assert "すべて採点しました" in page.text and "採点した人はまだ一人です" in page.text
    again = one.get(f"{sheet}?code={action}").text
    assert again.count('value="4" required checked') == len(marks)
    assert one.post(f"{sheet}/Rnothing", marks).status_code == 404
    assert one.get("/evaluation/ratings/sheet-x").status_code == 404


def marks_for(page: str, mark: str) -> dict[str, str]:
    """The same mark for every criterion of every answer on the page."""
    return dict.fromkeys(re.findall(r'name="(R\w+-\w+)"', page), mark)


def test_raters_do_not_see_each_others_marks_and_learn_at_the_end_how_far_they_agree(
    start: Start, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = start(host="0.0.0.0")
    add_users(site.home, 山田="法務", 佐藤="法務", 見学="閲覧")
    one, other, viewer = visit(site), visit(site), visit(site)
    one.sign_in("山田")
    other.sign_in("佐藤")
    viewer.sign_in("見学")
    dataset = make_dataset(one)
    measure(one, dataset, "tiny", "plain")
    opened = open_dataset(site.home, dataset)
    runs = [open_run(site.home, opened, run.config.id) for run in list_runs(site.home)]
    made = make_sheet(site.home, runs)
    sheet = f"/evaluation/ratings/{made.id}"
    opened_runs = []
    monkeypatch.setattr(
        ratings, "open_run", lambda *args: opened_runs.append(args) or open_run(*args)
    )
    for visitor, mark in ((one, "5"), (other, "2")):
        page = visitor.get(sheet)
        assert 'value="5" required checked' not in page.text, "what the first said is not shown"
        assert "採点の一致" not in page.text
        while "すべて採点しました" not in page.text:
            action = page.text.split(f'action="{sheet}/')[1].split('"')[0]
            page = visitor.post(f"{sheet}/{action}", marks_for(page.text, mark))
            assert page.status_code == 200
    assert "採点した 2 人の一致" in page.text and "一致が弱い" in page.text
    assert len(opened_runs) == len(runs), "what never changes is scored once, not for each click"
    assert (
        f"採点 {len(made.answers)} / {len(made.answers)} 問" in one.get("/evaluation/ratings").text
    )
    assert "保存して次へ" not in viewer.get(sheet).text
    assert viewer.post(f"{sheet}/{made.answers[0].code}", {}).status_code == 403
    for run in runs:
        shutil.rmtree(run.path)
    assert one.get(sheet).status_code == 404, "kept in memory, but no longer there"


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


def test_drafts_are_accepted_corrected_or_rejected_and_make_a_new_version(
    start: Start, visit: Visit
) -> None:
    site = start()
    one = visit(site)
    dataset = make_dataset(one)
    measure(one, dataset, "tiny")
    made = one.post("/evaluation/improve", {"arm": f"{dataset}|tiny|grounded"})
    base = made.url.path
    assert "落とした質問" in made.text and 'name="work" value="w01"' in made.text
    refused = one.post(f"{base}/draft", {"model": "tiny", "work": "w99"})
    assert refused.status_code == 400 and "選ばれていません" in refused.text
    # The scripted model writes no pairs; what it said is counted and not kept.
    one.post(f"{base}/draft", {"model": "tiny", "work": "w01", "limit": "1"})
    wait_until(lambda: one.get("/evaluation/improve/tasks").status_code == 286)
    assert "1 件は質問と回答の形になっていなかった" in one.get("/evaluation/improve/tasks").text
    drafts = [write_draft(site, base.rsplit("/", 1)[1], number) for number in range(3)]
    page = one.get(base).text
    assert "判定待ち 3 件" in page and "&lt;b&gt;" in page
    assert_nothing_runs(page)
    for draft, form in zip(
        drafts,
        (
            {"verdict": "accept"},
            {"verdict": "edit", "question": "直した質問ですか", "answer": ANSWER},
            {"verdict": "reject", "comment": "重複"},
        ),
        strict=True,
    ):
        assert one.post(f"{base}/drafts/{draft}", form).status_code == 200
    unchanged = one.http.post(
        f"{base}/drafts/{drafts[0]}",
        data={"csrf": one.token(), "verdict": "edit", "question": "", "answer": ""},
        headers={"hx-request": "true"},
    )
    assert "どこも直されていません" in unchanged.text and "<article" in unchanged.text
    assert "判定待ち 0 件" in one.get(base).text
    assert one.get(f"{base}?state=待ち").text.count("<article") == 0
    applied = one.post(f"{base}/apply")
    assert applied.url.path == "/training" and "dataset=ds-" in str(applied.url)
    assert "この版で学習する" in one.get(base).text
    assert one.post(f"{base}/drafts/draft-none", {"verdict": "reject"}).status_code == 404
    assert one.get("/evaluation/improve/loop-none").status_code == 404


ANSWER = "結論：資料のとおりです。\n根拠：「資料のとおり。」\n留意点：確認してください。"


def write_draft(site: Site, loop_id: str, number: int) -> str:
    """A draft about a card that training may show, as a model would have left it."""
    loop = open_loop(site.home, loop_id)
    dataset = open_dataset(site.home, loop.weaknesses.dataset)
    card = next(c for c in dataset.cards if c.id == loop.work[0].cards[0])
    messages: tuple[Message, ...] = (
        {"role": "user", "content": f"下書きの質問{number}<b>は、どう考えますか"},
        {"role": "assistant", "content": ANSWER},
    )
    meta = Meta(id=f"draft-{number:010x}", kind=KINDS[0], group=card.id, cards=(card.id,))
    draft = Draft(meta.id, "w01", "tiny", f"key{number}", Example(messages, meta))
    assert list(loop.keep([draft]))
    return meta.id
