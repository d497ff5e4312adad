import itertools
import re
from pathlib import Path

import pytest

from homutune.assistant import (
    Shadow,
    find_amounts,
    find_dates,
    find_parties,
    find_terms,
    read_document,
    segment,
)

CONTRACTS = Path(__file__).resolve().parents[2].parent / "shared/contracts"


def clauses_of(tmp_path, text, name="a.txt"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    document = read_document(path)
    return document, segment(document)


def test_headings_are_told_from_sentences_that_cite_a_clause(tmp_path):
    text = """業務委託契約書
第1条（目的）
甲は、
第5条に定めるところにより支払う。
第5条（支払）の規定は準用する。
第２条　期間
本契約の期間は1年とする。
第三条 甲は、乙に通知する。
（解除）
第4条　甲は、契約を解除することができる。
第4条の2(協議)
甲及び乙は協議する。
第10条
欠番のあとの条とする。
"""
    _, clauses = clauses_of(tmp_path, text)
    assert [c.label for c in clauses] == [
        "業務委託契約書",
        "第1条（目的）",
        "第2条（期間）",
        "第3条",
        "第4条（解除）",
        "第4条の2（協議）",
        "第10条",
    ]


def test_paragraphs_and_items_know_their_place(tmp_path):
    text = """第1条（禁止）
乙は、次の行為をしてはならない。
(1) 転売すること
（２）複製すること
２　前項にかかわらず、甲が認めたときは、この限りでない。
③　甲は、理由を示す。
"""
    document, (clause,) = clauses_of(tmp_path, text)
    assert [(p.kind, p.number) for p in clause.parts] == [
        ("項", "1"),
        ("号", "1"),
        ("号", "2"),
        ("項", "2"),
        ("項", "3"),
    ]
    assert clause.place(document.text.index("複製")) == "第1条第1項第2号"
    assert clause.place(document.text.index("理由")) == "第1条第3項"


def test_signatures_annexes_and_supplements_end_the_clauses(tmp_path):
    text = """契約書
第1条（目的）
甲及び乙は契約する。
附則
第1条　本契約は令和8年4月1日から適用する。
以上、本契約の成立の証として本書2通を作成する。
令和8年3月1日
甲　住所
別紙1（仕様書）
第1条から始まる説明です。
"""
    _, clauses = clauses_of(tmp_path, text)
    assert [(c.kind, c.number) for c in clauses] == [
        ("表題", ""),
        ("条", "1"),
        ("附則", ""),
        ("条", "附則1"),
        ("署名欄", ""),
        ("別紙", ""),
    ]


@pytest.mark.parametrize("form", ["1. 目的", "１　目的"])
def test_contracts_without_articles_are_cut_at_numbered_headings(tmp_path, form):
    second, third = (
        form.replace("1", "2").replace("１", "２"),
        form.replace("1", "3").replace("１", "３"),
    )
    text = f"覚書\n{form}\n甲は協力する。\n{second}\n乙は協力する。\n{third}\n協議する。\n"
    _, clauses = clauses_of(tmp_path, text)
    assert [c.number for c in clauses] == ["", "1", "2", "3"]


def test_the_clauses_cover_the_body_without_gaps(tmp_path):
    document, clauses = clauses_of(tmp_path, "契約書\n前置きです。\n第1条（目的）\n甲は働く。\n")
    assert clauses[0].start == 0
    assert clauses[-1].end == len(document.text)
    assert all(a.end == b.start for a, b in itertools.pairwise(clauses))


def test_parties_terms_dates_and_amounts_are_found(tmp_path):
    text = """売買契約書
株式会社青葉商事（以下「甲」という。）と●●株式会社（以下「乙」という。）は、
別紙の商品（以下「本商品」という。）について契約する。
第1条（定義）
「納入場所」とは、甲の倉庫をいう。代金は金１，２００，０００円又は金参百万円とする。
契約日は令和８年４月１日、終期は2027年3月31日とする。2026年2月30日はない。
"""
    document, clauses = clauses_of(tmp_path, text)
    shadow = Shadow(document.text)
    parties = find_parties(shadow, clauses)
    assert [(p.alias, p.name) for p in parties] == [("甲", "株式会社青葉商事"), ("乙", "")]
    assert [t.name for t in find_terms(shadow)] == ["甲", "乙", "本商品", "納入場所"]
    assert [d.iso for d in find_dates(shadow)] == ["2026-04-01", "2027-03-31"]
    amounts = find_amounts(shadow)
    assert [a.yen for a in amounts] == [1_200_000, 3_000_000]
    assert document.text[amounts[0].start : amounts[0].end] == "金１，２００，０００円"


def test_the_shadow_evens_out_what_hides_a_word_and_leads_back():
    text = "⼄は、損害を 賠\n償\u200bする。６ヶ月①"
    shadow = Shadow(text)
    assert shadow.text == "乙は、損害を賠償する。6か月①"
    at = shadow.text.index("賠償")
    assert text[slice(*shadow.span(at, at + 2))] == "賠\n償"


@pytest.mark.parametrize("path", sorted(CONTRACTS.glob("*/*.md")), ids=lambda p: p.stem[:12])
def test_every_article_of_real_documents_is_found(path):
    source = re.sub(r"<!--.*?-->", "", path.read_text("utf-8"), flags=re.DOTALL)
    wanted = re.findall(r"^#+\s*(第[0-9０-９]+条(?:の[0-9]+)?)", source, re.MULTILINE)
    if not wanted:
        pytest.skip("no numbered articles in this document")
    found = [c.label.split("（")[0] for c in segment(read_document(path)) if c.kind == "条"]
    assert found == wanted


def test_the_real_documents_are_there():
    if not CONTRACTS.is_dir():
        pytest.skip("../shared/contracts is not beside this checkout")
    assert len(list(CONTRACTS.glob("*/*.md"))) > 10
