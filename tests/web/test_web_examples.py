"""データ: one question and answer at a time is changed, added or left out, and taken back."""

from __future__ import annotations

import re
from collections.abc import Callable

from homutune.data import open_dataset
from web.sites import Site, Visitor, add_users
from web.test_web_pages import assert_nothing_runs

Start = Callable[..., Site]
Visit = Callable[[Site], Visitor]
TABLE = "質問,回答\n" + "".join(f"検査は{i}日以内ですか,結論：第{i}条です。\n" for i in range(12))
HOSTILE = "<script>alert(1)</script>"


def bring(one: Visitor) -> str:
    made = one.post("/data/upload", files={"file": ("相談.csv", TABLE.encode())})
    one.post(f"{made.url.path}/columns", {"column-0": "question", "column-1": "answer"})
    return made.url.path


def form(one: Visitor, base: str, number: int, **changed: str) -> dict[str, str]:
    """What the page would send, with some of it changed."""
    page = one.get(f"{base}/example?number={number}").text
    given = {"number": str(number), "kind": "", "field": "", "articles": "", "do": "save"}
    given["id"] = re.search(r'name="id" value="([^"]*)"', page)[1]
    for name in ("question", "answer"):
        found = re.search(rf'name="{name}"[^>]*>([^<]*)<', page)
        given[name] = found[1] if found else ""
    return {**given, **changed}


def test_an_imported_pair_is_checked_changed_added_left_out_and_taken_back(
    start: Start, visit: Visit
) -> None:
    one = visit(start())
    base = bring(one)
    sent = form(one, base, 3, answer=HOSTILE, do="check")
    told = one.post(f"{base}/example", sent).text
    assert "まだ保存していません" in told and "&lt;script" in told
    assert_nothing_runs(told)
    assert HOSTILE not in one.get(f"{base}/examples").text
    assert "&lt;script" not in one.get(f"{base}/examples").text, "a check keeps nothing"
    listed = one.post(f"{base}/example", {**sent, "do": "save", "answer": "結論：直した。\r\n次。"})
    assert "結論：直した。\n次。" in listed.text and "結論：第2条です" not in listed.text
    added = form(one, base, 0, question="新しい質問ですか", answer="結論：はい。")
    assert "（13 件）" in one.post(f"{base}/example", added).text
    one.post(f"{base}/example", form(one, base, 1, do="drop"))
    assert "検査は0日以内ですか" not in one.get(f"{base}/examples").text
    for expected in ("検査は0日以内ですか", "検査は0日以内ですか", "結論：第2条です"):
        one.post(f"{base}/undo")
        assert expected in one.get(f"{base}/examples").text
    assert "（12 件）" in one.get(f"{base}/examples").text
    nothing = one.post(f"{base}/undo")
    assert nothing.status_code == 400 and "元に戻せる変更はありません" in nothing.text


def test_a_change_that_says_nothing_or_leaves_nothing_is_refused(
    start: Start, visit: Visit
) -> None:
    one = visit(start())
    base = bring(one)
    for changed, problem in (
        ({}, "どこも直されていません"),
        ({"answer": " \r\n"}, "回答が空です"),
        ({"do": "other"}, ""),
    ):
        refused = one.post(f"{base}/example", form(one, base, 2, **changed))
        assert refused.status_code in (400, 422) and problem in refused.text
    moved = form(one, base, 2, id="somebody-else", answer="結論：別の行。")
    assert one.post(f"{base}/example", moved).status_code == 404
    assert one.get(f"{base}/example?number=99").status_code == 404
    assert "（12 件）" in one.get(f"{base}/examples").text


def test_a_version_is_never_overwritten_and_its_successor_names_it(
    start: Start, visit: Visit
) -> None:
    site = start()
    one = visit(site)
    first = one.post(f"{bring(one)}/dataset", {"valid_percent": "20", "seed": "42"}).url.path
    before = open_dataset(site.home, first.rsplit("/", 1)[1])
    changed = one.post(f"{first}/example", form(one, first, 1, answer="結論：直した答え。"))
    assert changed.url.path.endswith("/changes") and "<ins>" in changed.text
    second = open_dataset(site.home, changed.url.path.split("/")[3])
    assert second.manifest.parents == [before.name]
    assert open_dataset(site.home, before.name).examples == before.examples
    assert second.name in one.get(first).text, "the older version leads to the newer"
    assert f"/data/datasets/{before.name}" in one.get(f"/data/datasets/{second.name}").text
    base = f"/data/datasets/{second.name}"
    new = form(one, base, 0, question="加えた質問ですか", answer="結論：はい。", side="valid")
    added = one.post(f"{base}/example", new)
    assert added.status_code == 200, added.text
    third = open_dataset(site.home, added.url.path.split("/")[3])
    assert [e.question for e in third.valid if e.meta.id.startswith("web-")] == ["加えた質問ですか"]
    assert len(third.examples) == len(before.examples) + 1
    base = f"/data/datasets/{third.name}"
    fourth = one.post(f"{base}/example", form(one, base, 2, do="drop"))
    assert "除いた" in fourth.text
    assert len(open_dataset(site.home, fourth.url.path.split("/")[3]).examples) == 12
    leak = form(one, first, 0, question=before.train[0].question, answer="結論。", side="valid")
    refused = one.post(f"{first}/example", leak)
    assert refused.status_code == 400 and "学習用と検証用の両方にあります" in refused.text
    assert one.get(f"{first}/changes").status_code == 404, "it was made from no other"


def test_a_viewer_reads_the_pairs_and_changes_none(start: Start, visit: Visit) -> None:
    site = start(host="0.0.0.0")
    add_users(site.home, 山田="法務", 見学="閲覧")
    one, viewer = visit(site), visit(site)
    one.sign_in("山田")
    viewer.sign_in("見学")
    base = one.post(f"{bring(one)}/dataset", {"valid_percent": "20", "seed": "42"}).url.path
    page = viewer.get(f"{base}/example?number=1")
    assert page.status_code == 200 and "閲覧の役割では編集できません" in page.text
    assert viewer.post(f"{base}/example", {"do": "drop", "number": "1"}).status_code == 403
