import zipfile
from datetime import datetime

import pytest
from openpyxl import Workbook

from homutune.data import read_examples
from homutune.errors import UserError


def workbook(path, **sheets):
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def refused(path, **options):
    with pytest.raises(UserError) as caught:
        read_examples(path, **options)
    assert caught.value.remedy
    return caught.value


def test_excel_is_read_below_its_title_with_dates_and_numbers_as_people_see_them(tmp_path):
    path = workbook(
        tmp_path / "qa.xlsx",
        表紙=[["2026年度"]],
        一覧=[
            ["法務相談の一覧"],
            [],
            ["No.", "質問（必須）", "回答", "基準日", "備考", None],
            [1.0, "期限は？", "1年\r\n以内", datetime(2026, 4, 1), "x", "はみ出し"],
            [],
            [2, "次は？", None],
        ],
    )
    notes = []
    first, second = read_examples(path, notes)
    assert (first.question, first.answer) == ("期限は？", "1年\n以内")
    assert (first.meta.id, first.meta.as_of, first.source.line) == ("1", "2026-04-01", 4)
    assert (second.meta.id, second.answer, second.source.line) == ("2", "", 6)
    assert notes == [
        "qa.xlsx: 列の対応 No.→id、質問（必須）→question、回答→answer、"
        "基準日→as_of（使わない列: 備考）",
        "qa.xlsx: シート「一覧」を読みました。",
    ]


def test_a_sheet_can_be_named_and_a_wrong_name_lists_those_there(tmp_path):
    rows = [["質問", "回答"], ["a", "b"]]
    path = workbook(tmp_path / "qa.xlsx", 一=rows, 二=[*rows, ["c", "d"]])
    assert len(read_examples(path)) == 1
    assert len(read_examples(path, sheet="二")) == 2
    assert "一、二" in refused(path, sheet="三").remedy


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", "質問\t回答\n問,い\t答\n"),
        ("a.csv", "質問\t回答\n問,い\t答\n"),
        ("a.csv", "質問;回答\n問,い;答\n"),
        ("a.csv", '質問,回答,\n"問,い",答,\n'),
    ],
)
def test_the_separator_is_found(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    (example,) = read_examples(path)
    assert (example.question, example.answer) == ("問,い", "答")


def test_the_users_mapping_goes_before_the_guess(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("質問,回答,書き直した回答,コード\n問,答,新,x\n", encoding="utf-8")
    columns = {"書き直した回答": "answer", "コード": "topic"}
    notes = []
    (example,) = read_examples(path, notes, columns=columns)
    assert (example.answer, example.meta.topic) == ("新", "x")
    assert "書き直した回答→answer" in notes[0]
    assert "使わない列: 回答" in notes[0]
    (example,) = read_examples(path, columns={"書き直した回答": ""})
    assert example.answer == "答"
    assert "ありません" in refused(path, columns={"誤記": "answer"}).message
    assert "question" in refused(path, columns={"質問": "qestion"}).remedy
    assert "複数" in refused(path, columns={"質問": "answer", "回答": "answer"}).message


def test_rows_of_one_message_each_become_conversations(tmp_path):
    rows = [
        ["会話ID", "役割", "発言", "重み"],
        ["c1", "ユーザー", "問", None],
        [None, "アシスタント", "答", 0],  # the cell above is merged with this one
        ["c1", "ユーザー", "続き", None],
        ["c1", "アシスタント", "次", 1],
        ["c2", "user", "別", None],
        ["c2", "assistant", "返事", None],
    ]
    path = workbook(tmp_path / "a.xlsx", 会話=rows)
    first, second = read_examples(path)
    assert [m["role"] for m in first.messages] == ["user", "assistant"] * 2
    assert [m.get("weight") for m in first.messages] == [None, 0, None, 1]
    assert (first.meta.id, first.source.line) == ("c1", 2)
    assert (second.meta.id, second.answer, second.source.line) == ("c2", "返事", 6)


def test_the_size_that_a_sheet_claims_is_not_believed(tmp_path):
    path = workbook(tmp_path / "a.xlsx", 表=[["質問", "回答"], ["問", "答"]])
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    name = "xl/worksheets/sheet1.xml"
    assert b'ref="A1:B2"' in parts[name]
    with zipfile.ZipFile(path, "w") as package:
        parts[name] = parts[name].replace(b'ref="A1:B2"', b'ref="A1:A1"')
        for part, content in parts.items():
            package.writestr(part, content)
    assert read_examples(path)[0].answer == "答"


def test_a_formula_is_read_as_the_value_it_last_had(tmp_path):
    path = workbook(tmp_path / "a.xlsx", 表=[["質問", "回答"], ["問", "=1+1"]])
    # openpyxl computes nothing, so there is no last value.
    assert read_examples(path)[0].answer == ""


def test_a_million_rows_in_one_conversation_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("会話,役割,発言\n" + "1,user,a\n" * 1001, encoding="utf-8")
    assert refused(path).line == 1002


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "euc_jis_2004"])
@pytest.mark.parametrize("rows", [1, 600])
def test_old_japanese_encodings_are_told_apart(tmp_path, encoding, rows):
    path = tmp_path / "a.csv"
    text = "契約の解除には催告が必要ですか,原則として必要です。ｶﾞ\n"
    if encoding != "euc_jp":
        text += "㈱の契約①は有効ですか,はい\n"
    # The first 600 kB say nothing about the encoding.
    head = "question,answer\n" + f"{'a' * 1000},b\n" * (rows - 1)
    path.write_bytes((head + text).encode(encoding))
    notes = []
    examples = read_examples(path, notes)
    assert examples[-1].question in text
    assert len(notes) == 2
