"""法令標準XML read, kept on disk, compared; broken and hostile files are refused calmly."""

import gzip
import os
import zipfile
from pathlib import Path

import pytest

from homutune.errors import UserError
from homutune.law import LawStore, compare, parse_law, read_laws
from statutes import statute

COMMERCE = "132AC0000000048"
ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("HOMUTUNE_SHARED", ROOT.parent / "shared")) / "law/xml"


def test_articles_paragraphs_items_and_captions_are_read():
    law = parse_law(statute("商法", COMMERCE), name="answer")
    assert (law.law_id, law.title, law.in_force_since) == (COMMERCE, "商法", "2026-04-01")
    assert law.revision_id == f"{COMMERCE}_20260401_507AC0000000062"
    assert list(law.articles) == ["1", "2", "3", "4", "4_2", "附則1"]
    first = law.articles["1"]
    assert first.caption == "見本の目的"  # without the ruby
    assert [p.number for p in first.paragraphs] == [1, 2]
    assert first.paragraphs[1].items == {"1": "甲欄　乙欄\nイ　細目", "1_2": "枝の号"}
    assert law.articles["3"].deleted
    assert not law.articles["4_2"].deleted


def test_a_file_without_the_envelope_is_known_by_its_name_or_its_law_number():
    bare = statute("商法")
    named = parse_law(bare, name=f"dir/{COMMERCE}_20250601_504AC0000000068.xml")
    assert (named.law_id, named.in_force_since) == (COMMERCE, "2025-06-01")
    assert parse_law(bare, name="商法.xml").law_id == COMMERCE
    assert parse_law(bare, name="商法.xml").in_force_since == ""
    with pytest.raises(UserError, match="どの法令か分かりません"):
        parse_law(statute("架空法", law_num="令和九十九年法律第一号"), name="x.xml")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "法令標準XMLとして読めません"),
        (b"<html><body>404</body></html>", "Law 要素がありません"),
        (b"<Law><LawBody>", "法令標準XMLとして読めません"),
        ("<Law/>".encode("utf-16"), "UTF-8 ではありません"),
        (
            b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Law>&b;</Law>',
            "DTD を含んでいます",
        ),
    ],
)
def test_what_is_no_statute_is_refused(data, message):
    with pytest.raises(UserError, match=message):
        parse_law(data, name="a.xml")


def test_the_store_gives_back_what_it_was_given(tmp_path):
    store = LawStore(tmp_path)
    law = parse_law(statute("商法", COMMERCE), name="a", as_of="2026-11-01")
    store.put(law)
    assert store.get(COMMERCE) == law
    assert store.law_ids() == [COMMERCE]
    assert store.get("129AC0000000089") is None


def test_a_damaged_store_file_counts_as_none_and_ids_cannot_leave_the_folder(tmp_path):
    store = LawStore(tmp_path)
    path = store.put(parse_law(statute("商法", COMMERCE), name="a"))
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"not gzip", gzip.compress(b"[1]")):
        path.write_bytes(damaged)
        assert store.get(COMMERCE) is None
    with pytest.raises(UserError, match="法令ID"):
        store.get("../../etc/passwd")


def test_versions_are_compared_article_by_article():
    old = parse_law(statute("商法", COMMERCE), name="a")
    new = parse_law(statute("商法", COMMERCE, first="改められた。"), name="a")
    assert compare(old, new).changed == ["1"]
    assert not compare(old, old)
    shorter = parse_law(statute("商法", COMMERCE).replace(b'Num="4_2"', b'Num="5"'), name="a")
    assert (compare(old, shorter).added, compare(old, shorter).removed) == (["5"], ["4_2"])


def test_xml_gz_zip_and_folders_are_read_alike(tmp_path):
    data = statute("商法")
    (tmp_path / "a.xml").write_bytes(data)
    (tmp_path / "b.xml.gz").write_bytes(gzip.compress(data))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("all_xml/132/a.xml", data)
        archive.writestr("readme.txt", "no law")
    assert [law.law_id for law in read_laws(tmp_path)] == [COMMERCE] * 3


def test_missing_empty_and_broken_archives_are_told(tmp_path):
    (tmp_path / "b.xml.gz").write_bytes(gzip.compress(statute("商法"))[:-20])
    (tmp_path / "c.zip").write_bytes(b"PK\x03\x04 broken")
    (tmp_path / "empty").mkdir()
    for name, message in {
        "none.xml": "ファイルがありません",
        "b.xml.gz": "壊れています",
        "c.zip": "壊れています",
        "empty": "法令のファイル",
    }.items():
        with pytest.raises(UserError, match=message):
            list(read_laws(tmp_path / name))


def test_a_file_that_swells_beyond_any_law_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("homutune.law._store.MAX_BYTES", 1000)
    (tmp_path / "bomb.xml.gz").write_bytes(gzip.compress(b" " * 2000))
    with pytest.raises(UserError, match="大きすぎます"):
        list(read_laws(tmp_path / "bomb.xml.gz"))


def test_official_files_are_read_whole():
    if not SHARED.is_dir():
        pytest.skip("../shared/law is not beside this checkout")
    laws = {law.title: law for law in read_laws(SHARED)}
    assert len(laws) == 14
    competition = laws["不正競争防止法"].articles["2"]
    assert competition.caption == "定義"
    assert len(competition.paragraphs) == 11
    assert len(competition.paragraphs[0].items) == 22
    assert laws["特許法"].articles["35"].caption == "職務発明"
