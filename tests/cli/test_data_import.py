import json

import pytest
from openpyxl import Workbook

from homutune.cli._app import run
from homutune.data import read_choices, read_examples


def answered(capsys, *args):
    code = run(["data", *args, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def table(home, tmp_path):
    """A company's own table, with headings of its own, in the encoding Excel writes."""
    rows = "".join(f"{n},期限{n}はいつですか,{n}年です,甲野\n" for n in range(12))
    path = tmp_path / "相談.csv"
    path.write_bytes(f"管理番号,照会内容,当社コメント,担当\n{rows}".encode("cp932"))
    return path


def test_import_shows_how_it_understood_the_columns_and_what_to_do_otherwise(table, capsys):
    assert run(["data", "import", "相談.csv"]) == 2
    said = capsys.readouterr().err
    assert "列「回答」がありません" in said
    assert "照会内容、当社コメント" in said
    assert "--map 当社コメント=answer" in said
    assert not (table.parent / "data").exists()

    assert run(["data", "import", "相談.csv", "--map", "当社コメント=answer"]) == 0
    said = capsys.readouterr()
    assert "管理番号→id、照会内容→question、当社コメント→answer（使わない列: 担当）" in said.err
    assert "Shift_JIS" in said.err
    assert "期限0はいつですか" in said.out
    assert "12 件を data/qa/相談.jsonl に取り込みました" in said.out
    examples = read_examples(table.parent / "data")
    assert [(e.meta.id, e.question, e.answer) for e in examples][:2] == [
        ("0", "期限0はいつですか", "0年です"),
        ("1", "期限1はいつですか", "1年です"),
    ]
    # The project's data is now what the other verbs read by themselves.
    assert answered(capsys, "check")[1]["n"] == 12


def test_import_asks_before_it_replaces_and_a_dry_run_writes_nothing(table, capsys):
    args = ["import", "相談.csv", "--map", "当社コメント=answer"]
    code, shown = answered(capsys, *args, "--dry-run")
    assert (code, shown["count"], shown["out"]) == (0, 12, None)
    assert not (table.parent / "data").exists()
    assert answered(capsys, *args)[0] == 0
    assert run(["data", *args]) == 2
    assert "すでにあります" in capsys.readouterr().err
    assert run(["data", *args, "--overwrite"]) == 0
    assert run(["data", *args, "--out", "a.csv"]) == 2
    assert ".jsonl" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["当社コメント", "=answer"])
def test_a_mapping_in_another_form_is_refused(table, capsys, wrong):
    assert run(["data", "import", "相談.csv", "--map", wrong]) == 2
    assert "見出し=項目" in capsys.readouterr().err


def test_a_sheet_is_chosen_by_its_name_or_by_what_is_in_it(home, tmp_path, capsys):
    book = Workbook()
    book.active.append(["表紙"])
    for name in ("二枚目", "三枚目"):
        sheet = book.create_sheet(name)
        sheet.append(["質問", "回答"])
        sheet.append([f"{name}の問", "答"])
    book.save(tmp_path / "a.xlsx")
    assert answered(capsys, "import", "a.xlsx", "--dry-run")[1]["first"][0]["質問"] == "二枚目の問"
    code, shown = answered(capsys, "import", "a.xlsx", "--sheet", "三枚目")
    assert (code, shown["first"][0]["質問"]) == (0, "三枚目の問")


def test_several_turns_weights_and_meta_survive_an_import(home, tmp_path, capsys):
    turns = [("human", "問"), ("gpt", "答"), ("human", "続き"), ("gpt", "次")]
    record = {"id": "s1", "conversations": [{"from": f, "value": v} for f, v in turns]}
    record["conversations"][1]["weight"] = 0
    odd = {"question": "壊れた\ud800と\u2028行", "answer": "答"}
    text = "\n".join(map(json.dumps, (record, odd)))
    (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    before = read_examples(tmp_path / "a.jsonl")
    assert run(["data", "import", "a.jsonl"]) == 0
    after = read_examples(tmp_path / "data/qa/a.jsonl")
    assert [e.messages for e in after] == [e.messages for e in before]
    assert [e.meta for e in after] == [e.meta for e in before]
    assert after[0].messages[1]["weight"] == 0


def test_a_record_that_is_no_conversation_stops_an_import(home, tmp_path, capsys):
    good = json.dumps({"question": "問", "answer": "答"})
    (tmp_path / "a.jsonl").write_text(f'{good}\n{{"text": "文"}}\n', encoding="utf-8")
    assert run(["data", "import", "a.jsonl"]) == 2
    assert "a.jsonl:2行目" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]


def test_multiple_choice_goes_where_training_never_looks(home, tmp_path, capsys):
    text = "問題,選択肢1,選択肢2,正解\n" + "どちらか,取消し,無効,2\n" * 3
    (tmp_path / "択一.csv").write_text(text, encoding="utf-8")
    code, shown = answered(capsys, "import", "択一.csv", "--choices")
    assert (code, shown["count"], shown["out"]) == (0, 3, "data/choices/択一.jsonl")
    assert shown["first"][0]["正解"] == "無効"
    assert [q.answer for q in read_choices(tmp_path / "data/choices/択一.jsonl")] == [1, 1, 1]
