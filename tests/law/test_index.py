"""The facts that ship with the package, and the names that lead to them."""

import importlib.util
import json
import lzma
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from homutune.law import law_index, law_names
from homutune.law._index import INDEX_FILE, expand
from homutune.law._names import _read

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("HOMUTUNE_SHARED", ROOT.parent / "shared")) / "law"
#: In names.yaml, but not in e-Gov's data or not among statutes at all.
NOT_INDEXED = {
    "租税特別措置法",
    "地方税法",
    "民事訴訟規則",
    "刑事訴訟規則",
    "民事執行規則",
    "民事保全規則",
    "民事再生規則",
    "破産規則",
    "会社更生規則",
    "会社非訟事件等手続規則",
    "ウィーン売買条約",
    "ニューヨーク条約",
}


def law(name):
    return law_names().laws(law_names().short(name))[0]


def test_the_index_knows_all_laws_with_branches_ranges_and_deleted_articles():
    assert len(law_index()) == 8955
    assert law_index().date == "2026-02-08"
    civil = law("民法")
    assert (civil.law_id, civil.law_num) == ("129AC0000000089", "明治二十九年法律第八十九号")
    assert civil.last_number == 1050
    article = civil.articles["415"]
    assert (article.caption, article.paragraphs) == ("債務不履行による損害賠償", 2)
    assert "548_2" in civil.articles
    assert "548_5" not in civil.articles
    assert civil.articles["60"].deleted  # 第38条から第84条まで削除
    assert civil.neighbour("548_2", -1) == "548"


def test_a_law_without_a_title_is_found_by_the_name_in_use_and_by_its_number():
    name = "私的独占の禁止及び公正取引の確保に関する法律"
    assert law_index().find(name)[0].law_id == "322AC0000000054"
    assert law("昭和二十二年法律第五十四号").title == name
    assert law("独禁法").title == name


def test_captions_of_a_renumbered_law_are_not_those_of_the_old_one():
    # Until 2025 第3条 of this law_id was 書面の交付等; now it is the due date of payment.
    assert law("取適法").articles["3"].caption is None


def test_the_index_is_small_and_holds_no_statute_text():
    packed = (resources.files("homutune.law") / INDEX_FILE).read_bytes()
    assert len(packed) < 800_000
    lines = lzma.decompress(packed).decode("utf-8").splitlines()
    captions = [caption for line in lines[1:] for caption in line.split("\t")[6].split("|")]
    assert max(map(len, captions)) < 200
    assert not any("。" in caption for caption in captions)


def test_every_name_leads_to_a_law_of_the_index():
    names = _read("names.yaml")
    missing = {short for short in names if not law_names().laws(short)}
    assert missing == NOT_INDEXED
    for short, others in names.items():
        assert {law_names().short(name) for name in (short, *others)} == {short}


def test_amendments_are_told_only_while_they_are_younger_than_the_index():
    for law_name, sentence in law_names().amendments.items():
        assert law_names().laws(law_name)
        assert sentence[:10] > law_index().date
        assert sentence.endswith("。")


def test_every_changed_law_leads_to_one_in_force_and_to_articles_it_has():
    for old, change in law_names().changes.items():
        now = law_names().laws(change.now)
        assert now, old
        assert now[0].in_force, old
        assert set(change.articles.values()) <= set(now[0].articles), old


def test_the_article_map_of_the_subcontract_act_covers_every_old_article():
    file = SHARED / "shitaukeho_until_2025-12-31.json"
    if not file.is_file():
        pytest.skip("../shared/law is not beside this checkout")
    old = [article["n"] for article in json.loads(file.read_text("utf-8"))["articles"]]
    assert list(law_names().changes["下請法"].articles) == old


def test_runs_of_articles_are_spelled_out():
    assert list(expand("1-2 2_2-3 x3")) == [
        ("1", False),
        ("2", False),
        ("2_2", False),
        ("2_3", False),
        ("3", True),
    ]


def test_the_builder_packs_runs_without_losing_an_article():
    builder = load_builder()
    entries = ["1", "2", "3", "3_2", "3_3", "4", {"n": "5", "to": "7", "deleted": True}, "8"]
    packed = builder.compress(entries)
    assert packed == "1-3 3_2-3 4 x5-7 8"
    assert [n for n, deleted in expand(packed) if deleted] == ["5", "6", "7"]


@pytest.mark.slow
def test_the_shipped_index_is_what_the_builder_makes_of_the_data(tmp_path):
    if not SHARED.is_dir():
        pytest.skip("../shared/law is not beside this checkout")
    out = tmp_path / INDEX_FILE
    command = [sys.executable, ROOT / "scripts/build_law_index.py", SHARED, "--out", out]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    shipped = (resources.files("homutune.law") / INDEX_FILE).read_bytes()
    # The bytes depend on the version of liblzma as well; the facts must not.
    assert lzma.decompress(out.read_bytes()) == lzma.decompress(shipped)


def load_builder():
    spec = importlib.util.spec_from_file_location(
        "build_law_index", ROOT / "scripts/build_law_index.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
