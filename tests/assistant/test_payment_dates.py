"""Payment dates against the 60 days of 取適法3条1項 and フリーランス法4条1項."""

from pathlib import Path

import pytest

from homutune.assistant import Shadow, load_playbooks, read_document, review_document
from homutune.assistant._payment import late_words

CONTRACT = Path(__file__).resolve().parents[2] / "bench/contracts/gyomu-itaku-1.txt"


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("甲は、納入を受けた月の翌々月末日までに委託料を支払う。", "翌々月末日"),
        ("委託料は、検収月の翌々月末に支払う。", "翌々月末"),
        ("委託料は、検収した月の翌々月２０日に振り込む。", "翌々月20日"),
        ("毎月末日締め、翌々月１０日払いとする。", "翌々月10日"),
        ("月末締め翌々月\n末日払いとする。", "翌々月末日"),
        ("支払日は、請求書を受領した月の翌々々月末日とする。", "翌々々月末日"),
        ("委託料は、受領後９０日以内に支払う。", "90日"),
        ("甲は、成果物の納品の日から３か月以内に委託料を支払う。", "3か月"),
        ("甲は、検収完了日から起算して三箇月を経過した日に支払う。", "三か月"),
        ("委託料は、納品後１０週間以内に支払う。", "10週間"),
        ("委託料は、納入の日から六十一日以内に支払う。", "六十一日"),
        ("毎月２０日締め、翌月末日払いとする。", "翌月末日"),
        ("毎月20日締めで請求し、甲は翌月中に支払う。", "翌月中"),
        ("毎月15日までに納入した分の委託料を、翌月20日に支払う。", "翌月20日"),
    ],
)
def test_a_date_that_may_lie_beyond_sixty_days_is_found(sentence, words):
    assert late_words(Shadow(sentence).text) == words


@pytest.mark.parametrize(
    "sentence",
    [
        "甲は、納入を受けた月の翌月末日までに委託料を支払う。",
        "毎月末日締め、翌月末日払いとする。",
        "毎月20日締め、翌月20日払いとする。",
        "毎月２０日締め、翌月１０日払いとする。",
        "毎月15日までに納入した分の委託料を、翌月10日に支払う。",
        "委託料は、受領した日から起算して60日以内に支払う。",
        "委託料は、納品の日から２か月以内に支払う。",
        "甲は、請求書を受領した日から30日以内に支払う。",
        "甲は、支払の方法を変えるときは、90日前までに乙に通知する。",
        "遅延損害金は、年365日の日割計算により支払う。",
        "遅延損害金は、1年を365日とする日割計算により支払う。",
        "契約期間は６か月とし、委託料は当月末日に支払う。",
        "委託料は、３か月ごとに、各期間の初日に前払いする。",
        "甲は、2027年4月1日に委託料を支払う。",
    ],
)
def test_a_date_within_sixty_days_is_none(sentence):
    assert late_words(Shadow(sentence).text) == ""


@pytest.mark.parametrize(
    ("name", "sides"),
    [
        ("gyomu-itaku-1", ("委託者", "受託者")),
        ("baibai-1", ("売主",)),
    ],
)
def test_the_review_shows_it_with_its_source(tmp_path, name, sides):
    text = CONTRACT.with_stem(name).read_text("utf-8")
    clause = "\n第98条（支払）\n甲は、納入を受けた月の翌々月末日までに、前条の代金を支払う。\n"
    path = tmp_path / "契約.txt"
    for added, expected in ((clause, 1), (clause.replace("翌々月", "翌月"), 0)):
        path.write_text(text.replace("\n第2条", f"{added}第2条", 1), encoding="utf-8")
        for side in sides:
            review = review_document(read_document(path), load_playbooks(), side=side)
            found = [f for f in review.findings if "60日を超える" in f.gap]
            assert len(found) == expected
            if found:
                assert found[0].gap.endswith("（翌々月末日）")
                assert "取適法3条1項" in [basis.label for basis in found[0].basis]
                assert {basis.status for basis in found[0].basis} == {"確認済み"}
