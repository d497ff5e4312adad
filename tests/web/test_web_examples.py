"""データ: one question and answer at a time is changed, added or left out, and taken back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from homutune import web
from homutune.data import Example, check_examples, create_dataset, open_dataset
from web.sites import Site, Visitor, add_users
from web.test_web_pages import assert_nothing_runs

Start = Callable[..., Site]
Visit = Callable[[Site], Visitor]
TABLE = "質問,回答\n" + "".join(f"検査は{i}日以内ですか,結論：第{i}条です。\n" for i in range(12))
HOSTILE = "<script>alert(1)</script>"


def bring(one: Visitor, table: str = TABLE) -> str:
    made = one.post("/data/upload", files={"file": ("相談.csv", table.encode())})
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
        assert "判定を" not in refused.text, "that column is one of Excel"
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


def test_what_was_written_is_still_there_when_it_is_refused(start: Start, visit: Visit) -> None:
    one = visit(start())
    base = bring(one)
    version = one.post(f"{base}/dataset", {"valid_percent": "20", "seed": "42"}).url.path
    long = "長く書いた回答。"
    for where in (base, version):
        there = form(one, where, 1)
        same = form(one, where, 0, question=there["question"], answer=there["answer"])
        for sent, problem in (
            (form(one, where, 0, question="新しい", answer=long, cards="無い札"), "「無い札」は"),
            (form(one, where, 0, question=" ", answer=long), "質問か回答が空です"),
            (form(one, where, 1, question="", answer=long), "質問が空です"),
            (same, "同じ質問と回答がすでにあります"),
            (there, "どこも直されていません"),
        ):
            refused = one.post(f"{where}/example", sent)
            assert refused.status_code == 400
            alert = refused.text.split('role="alert"')[1].split("</div>")[0]
            assert problem in alert and alert.count("<p>") == 2, "what happened and what to do"
            assert f">{sent['answer']}</textarea>" in refused.text
            assert sent.get("cards", "") in refused.text


def test_line_breaks_do_not_count_twice(start: Start, visit: Visit) -> None:
    one = visit(start())
    base = bring(one)
    # As a browser sends 20,000 characters.
    text = "あ\r\n" * 10_000 + "終わり"
    kept = one.post(f"{base}/example", form(one, base, 1, answer=text + "い" * 5_000))
    assert kept.status_code == 200 and "終わりい" in kept.text


def test_a_pair_whose_first_words_changed_since_can_be_added_again(
    start: Start, visit: Visit
) -> None:
    one = visit(start())
    base = bring(one)
    new = form(one, base, 0, question="新しい質問ですか", answer="結論：はい。")
    one.post(f"{base}/example", new)
    one.post(f"{base}/example", form(one, base, 13, answer="結論：いいえ。"))
    assert "（14 件）" in one.post(f"{base}/example", new).text
    page = one.get(f"{base}/examples").text
    assert len(set(re.findall(r"web-[0-9a-f]{10}(?:-2)?", page))) == 2, "two ids"


def test_the_pair_at_hand_is_told_of_however_many_others_have_the_same_problem(
    start: Start, visit: Visit
) -> None:
    one = visit(start())
    rows = (f"番号は{i}ですか,結論：03-1234-{i:04}に電話します。\n" for i in range(101))
    asked = (f"同じ質問ですか,結論：答え{i}です。\n" for i in range(25))
    base = bring(one, "質問,回答\n" + "".join((*rows, *asked)))
    assert f'<a href="{base}/example?number=10">10 件目</a>' in one.get(base).text
    phone = form(one, base, 0, question="宛先は", answer="結論：03-9999-0000へ。", do="check")
    told = one.post(f"{base}/example", phone).text
    assert "電話番号" in told and "問題は見つかりませんでした" not in told
    again = form(one, base, 0, question="同じ質問ですか", answer="結論：別の答え。", do="check")
    assert "同じ質問に違う回答があります" in one.post(f"{base}/example", again).text
    sound = form(one, base, 0, question="全く別のことですか", answer="結論：はい。", do="check")
    assert "電話番号" not in one.post(f"{base}/example", sound).text, "nothing of the others"


def test_an_import_is_checked_only_when_its_check_is_looked_at(
    start: Start, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = visit(start())
    base = bring(one)
    checks: list[int] = []

    def count(examples: list[Example], *rest: object, **options: object) -> object:
        checks.append(len(examples))
        return check_examples(examples, *rest, **options)

    for module in (web._editing, web._imports):
        monkeypatch.setattr(module, "check_examples", count)
    one.post(f"{base}/example", form(one, base, 2, answer="結論：直した。"))
    assert not checks
    one.post(f"{base}/example", form(one, base, 2, do="drop"))
    assert checks == [11], "for the page of the check, which comes next"


def test_a_change_outside_the_texts_is_said_to_be_one(start: Start, visit: Visit) -> None:
    site = start()
    one = visit(site)
    first = one.post(f"{bring(one)}/dataset", {"valid_percent": "20", "seed": "42"}).url.path
    old = open_dataset(site.home, first.rsplit("/", 1)[1])
    examples = list(old.examples)
    examples[3] = replace(examples[3], meta=replace(examples[3].meta, must=("検収",)))
    new = create_dataset(site.home, examples, old.cards, old.split, parents=[old.name])
    page = one.get(f"/data/datasets/{new.name}/changes").text
    assert page.count("直した：") == 1 and "質問・回答以外" in page
