"""``homutune law`` from the outside: what it prints, what it returns, what it leaves alone."""

import json
import subprocess
import sys

import pytest

from homutune.cli._app import run
from scripted import Reply
from statutes import statute

COMMERCE = "132AC0000000048"
XML = {"content-type": "application/xml"}


@pytest.fixture
def law(home, capsys):
    def call(*args):
        code = run(["law", *args])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def egov(home, scripted_server, monkeypatch):
    """An imitation of e-Gov that knows 商法."""
    monkeypatch.setenv("HOMUTUNE_LAW_API_URL", scripted_server.base_url)
    path = f"/law_data/{COMMERCE}"
    scripted_server.routes["GET", path] = Reply(statute("商法", COMMERCE), headers=XML)
    return scripted_server


def test_show_says_what_is_known_of_an_article_and_where_to_read_it(law):
    code, out, _ = law("show", "民法415条1項")
    assert code == 0
    assert "民法415条1項（債務不履行による損害賠償）" in out
    assert "［確認済み］" in out
    assert "https://laws.e-gov.go.jp/law/129AC0000000089" in out
    assert "homutune law update 民法" in out


def test_show_leads_from_the_old_law_to_the_new_number(law):
    code, out, _ = law("show", "下請法3条")
    assert code == 0
    assert "［旧法］" in out
    assert "取適法4条" in out
    code, out, _ = law("show", "下請法3条", "--json")
    assert json.loads(out)[0]["now"] == "取適法4条"


def test_show_exits_2_where_there_is_no_such_article(law):
    code, out, _ = law("show", "民法9999条")
    assert code == 2
    assert "［該当なし］" in out


def test_show_of_a_name_tells_about_the_law(law):
    code, out, _ = law("show", "個情法", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["title"] == "個人情報の保護に関する法律"
    assert facts["articles"] == 185
    assert "個人情報保護法" in facts["names"]
    assert "下請法は現在「取適法」です" in law("show", "下請法")[2]


def test_show_of_a_misspelt_name_offers_the_right_one(law):
    code, _, err = law("show", "個人情報保護方")
    assert code == 2
    assert "もしかして: 個人情報保護法" in err


def test_verify_lists_every_citation_with_line_verdict_and_remedy(law, tmp_path):
    file = tmp_path / "契約.md"
    file.write_text("# 見出し\n\n民法415条と同法9999条。\n下請法3条の書面。\n", encoding="utf-8")
    code, out, _ = law("verify", str(file))
    assert code == 2
    assert "引用 3 件（確認済み 1、要確認 0、該当なし 1、旧法 1" in out
    assert "3行目  民法415条  ［確認済み］" in out
    assert "3行目  民法9999条  ［該当なし］" in out
    assert "4行目  下請法3条  ［旧法］" in out
    assert "現在は取適法4条です" in out
    assert "民法415条" not in law("verify", str(file), "--problems")[1]


def test_verify_exits_0_when_all_is_well_and_strict_counts_doubts(law, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("民法415条。会社法附則2条。", encoding="utf-8")
    assert law("verify", str(file))[0] == 0
    assert law("verify", str(file), "--strict")[0] == 2
    file.write_text("本契約第5条。", encoding="utf-8")
    assert law("verify", str(file), "--strict")[0] == 0


def test_verify_finds_the_lines_of_yaml_and_jsonl(law, tmp_path):
    yaml = tmp_path / "a.yaml"
    yaml.write_text(
        "- id: x\n  answer: |-\n    結論：1行目\n    根拠：民法1条\n"
        "  note: >-\n    長い\n    文の中の商法2条\n  articles: [会社法3条, '民法4条']\n",
        encoding="utf-8",
    )
    rows = json.loads(law("verify", str(yaml), "--json")[1])["citations"]
    assert [(row["line"], row["label"]) for row in rows] == [
        (4, "民法1条"),
        (7, "商法2条"),
        (8, "会社法3条"),
        (8, "民法4条"),
    ]
    lines = tmp_path / "a.jsonl"
    lines.write_text(
        json.dumps({"messages": [{"role": "user", "content": "民法5条"}]})
        + "\n\n"
        + json.dumps({"text": "同法6条"})  # 同法 does not reach into another example
        + "\n"
        + json.dumps(["会社法7条"], ensure_ascii=False),
        encoding="utf-8",
    )
    rows = json.loads(law("verify", str(lines), "--json")[1])["citations"]
    assert [(row["line"], row["label"]) for row in rows] == [(1, "民法5条"), (4, "会社法7条")]


def test_verify_reads_shift_jis_and_standard_input(law, home, tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("民法415条".encode("cp932"))
    assert "民法415条" in law("verify", str(file))[1]
    command = [sys.executable, "-m", "homutune.cli", "law", "verify", "-"]
    done = subprocess.run(command, input="商法526条".encode(), capture_output=True, timeout=60)
    assert "商法526条" in done.stdout.decode()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.docx", b"PK", "この種類のファイルは読めません"),
        ("a.txt", b"\xff\xfe\x00\x81", "文字コード"),
        ("a.yaml", b"a: [1\nb: ]", "YAML として読めません"),
        ("a.yaml", b"[" * 5000, "入れ子が深すぎ|YAML として読めません"),
        ("a.jsonl", b'{"a": 1}\n{"a": ', "a.jsonl:2行目: JSON として読めません"),
        ("a.jsonl", b"[" * 100_000, "入れ子が深すぎ|JSON として読めません"),
        ("none.md", None, "ファイルを読めません"),
    ],
)
def test_verify_refuses_what_it_cannot_read(law, tmp_path, name, data, message):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    code, out, err = law("verify", name)
    assert (code, out) == (2, "")
    assert any(part in err for part in message.split("|")), err


def test_update_fetches_the_text_and_show_prints_as_much_as_is_cited(law, egov):
    code, out, _ = law("update", "商法")
    assert code == 0
    assert "商法：6 条、2026-04-01 施行の版" in out
    out = law("show", "商法1条2項1号")[1]
    assert "甲欄　乙欄" in out
    assert "枝の号" not in out
    assert "見本である" not in out
    assert "出典: e-Gov法令検索" in out
    assert "見本である" in law("show", "商法1条")[1]


def test_update_without_a_name_refreshes_what_is_stored_and_tells_amendments(law, egov):
    assert law("update")[0] == 2
    law("update", "商法")
    assert "前回から変更なし" in law("update")[1]
    path = f"/law_data/{COMMERCE}"
    egov.routes["GET", path] = Reply(statute("商法", COMMERCE, first="改めた。"), headers=XML)
    code, out, _ = law("update", "--json")
    assert code == 0
    assert json.loads(out)[0]["changes"] == {"added": [], "removed": [], "changed": ["1"]}


def test_a_failed_update_keeps_the_text_that_was_there(law, egov):
    law("update", "商法")
    egov.stop()
    code, _, err = law("update", "商法")
    assert code == 2
    assert "接続できません" in err
    assert "見本である" in law("show", "商法1条")[1]


def test_show_and_verify_never_use_the_network(law, egov, tmp_path):
    (tmp_path / "a.md").write_text("商法1条", encoding="utf-8")
    law("show", "商法1条")
    law("verify", "a.md")
    assert egov.requests == []


def test_import_takes_files_but_no_version_that_is_old_or_not_in_force(law, tmp_path):
    def write(revision):
        (tmp_path / f"{COMMERCE}_{revision}_507AC0000000001.xml").write_bytes(statute("商法"))
        return f"{COMMERCE}_{revision}_507AC0000000001.xml"

    code, out, _ = law("import", write("20250601"))
    assert code == 0
    assert "1 件の法令を取り込みました" in out
    assert "見本である" in law("show", "商法1条")[1]
    # Nobody said on which day this text was in force, so the index keeps the verdict.
    assert "［確認済み］" in law("show", "商法526条")[1]
    assert "まだ施行されていない版" in law("import", write("29990101"))[2]
    assert "より古い版" in law("import", write("20200401"))[2]
    law("import", write("20260401"), "--as-of", "2026-11-01")
    assert "［該当なし］" in law("show", "商法526条")[1]


def test_import_refuses_a_wrong_date_before_it_reads(law):
    code, _, err = law("import", "none.xml", "--as-of", "昨日")
    assert code == 2
    assert "日付" in err
