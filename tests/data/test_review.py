import json
import zipfile
from dataclasses import replace

import pytest
from openpyxl import load_workbook

from homutune.data import (
    create_dataset,
    merge_review,
    open_dataset,
    read_review,
    review_base,
    split_examples,
    write_review,
)
from homutune.errors import UserError
from pairs import ANSWER, linked, pair


def dataset(home, examples=None):
    made, cards = linked(12)
    examples = made if examples is None else examples
    return create_dataset(home, examples, cards, split_examples(examples))


def edit(path, **cells):
    """Write values into cells of the sheet for reviewers, as a reviewer would."""
    book = load_workbook(path)
    for place, value in cells.items():
        book["確認"][place] = value
    book.save(path)


def column(path, letter):
    book = load_workbook(path)
    return [cell.value for cell in book["確認"][letter]]


def refused(path, base):
    with pytest.raises(UserError) as caught:
        read_review(path, base)
    assert caught.value.remedy
    return caught.value


@pytest.fixture
def base(home):
    return dataset(home)


@pytest.fixture
def sheet(base, tmp_path):
    path = tmp_path / "review.xlsx"
    write_review(path, base)
    return path


def test_an_untouched_file_changes_nothing_and_names_its_version(base, sheet):
    review = read_review(sheet, base)
    assert (review.edits, review.dropped, review.remarks, review.notes) == ((), (), (), ())
    assert review_base(sheet) == base.name


def test_three_edited_answers_are_exactly_three_changes(base, sheet):
    new = [f"{ANSWER}\n追記{n}" for n in range(3)]
    edit(sheet, E2=new[0], E5=new[1], E9=new[2])
    review = read_review(sheet, base)
    ids = column(sheet, "A")
    assert [(c.id, c.field, c.old, c.new) for c in review.edits] == [
        (ids[1], "answer", ANSWER, new[0]),
        (ids[4], "answer", ANSWER, new[1]),
        (ids[8], "answer", ANSWER, new[2]),
    ]
    examples, split = merge_review(base, review)
    changed = {e.meta.id: e for e in examples}
    assert [changed[ids[row - 1]].answer for row in (2, 5, 9)] == new
    assert sum(e != o for e, o in zip(examples, base.examples, strict=True)) == 3
    assert split == base.split


def test_every_column_can_be_edited_and_rows_may_be_sorted_or_left_out(base, sheet):
    book = load_workbook(sheet)
    rows = [[cell.value for cell in row] for row in book["確認"].iter_rows()]
    rows[1][1:6] = [
        "リスク分析に関する質問",
        "労働",
        "新しい質問ですか。",
        "新しい答え",
        "民法1条、民法2条",
    ]
    rows[2][6] = "要確認"
    rows[3][7] = "除外"
    rows[4][7] = "修正"
    book["確認"].delete_rows(2, 100)
    for row in [rows[3], rows[4], rows[1], rows[2]]:
        book["確認"].append(row)
    book.save(sheet)
    review = read_review(sheet, base)
    assert {c.field for c in review.edits} == {"kind", "field", "question", "answer", "articles"}
    assert review.dropped == (rows[3][0],)
    assert [(r.id, r.decision, r.comment) for r in review.remarks] == [
        (rows[3][0], "除外", ""),
        (rows[4][0], "修正", ""),
        (rows[2][0], "", "要確認"),
    ]
    assert [note for note in review.notes if "直した所がありません" in note]
    assert [note for note in review.notes if "8 件は、そのまま" in note]
    examples, split = merge_review(base, review)
    first = next(e for e in examples if e.meta.id == rows[1][0])
    assert (first.question, first.answer) == ("新しい質問ですか。", "新しい答え")
    assert first.meta.articles == ("民法1条", "民法2条")
    assert len(examples) == 11
    assert rows[3][0] not in (*split.train, *split.valid)


def test_texts_that_excel_cannot_hold_or_would_compute_come_back_unchanged(home, tmp_path):
    odd = ["=1+1", "+81-3", "@SUM(A1)", "-x", "\tタブ", "a\x07b\r\nc", "_x000D_", " 前後の空白 "]
    examples = [pair(n, answer=text, question=f"{text}{n}") for n, text in enumerate(odd)]
    examples.append(pair(90, answer="長" * 40_000))
    base = dataset(home, examples)
    path = tmp_path / "review.xlsx"
    write_review(path, base)
    assert read_review(path, base).edits == ()
    for cells in load_workbook(path)["確認"].iter_rows():
        assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
        assert all(cell.quotePrefix and cell.number_format == "@" for cell in cells)
    xml = zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in xml
    edit(path, E10="長")
    assert "32,767" in refused(path, base).message


def test_reviewers_see_a_frozen_header_wrapped_texts_and_a_list_of_decisions(sheet):
    book = load_workbook(sheet)
    page = book["確認"]
    header = [cell.value for cell in page[1]]
    assert header == ["ID", "種類", "分野", "質問", "回答", "条文", "コメント", "判定"]
    assert page.freeze_panes == "A2"
    assert page["E2"].alignment.wrap_text
    assert page.column_dimensions["E"].width > page.column_dimensions["B"].width
    assert page.data_validations.dataValidation[0].formula1 == '"採用,修正,除外"'


def test_only_the_last_answer_of_a_longer_conversation_can_be_edited(home, tmp_path):
    turns = ("user", "問"), ("assistant", "答"), ("user", "続き"), ("assistant", "次")
    messages = tuple({"role": role, "content": text} for role, text in turns)
    base = dataset(home, [replace(pair(0), messages=messages), *[pair(n) for n in range(1, 5)]])
    path = tmp_path / "review.xlsx"
    write_review(path, base)
    assert column(path, "D")[1] == "【質問】問\n【回答】答\n【質問】続き"
    edit(path, E2="直した次")
    examples, _ = merge_review(base, read_review(path, base))
    assert [m["content"] for m in examples[0].messages] == ["問", "答", "続き", "直した次"]
    edit(path, D2="別の問い")
    assert "やり取り" in refused(path, base).message


@pytest.mark.parametrize(
    ("cells", "message", "line"),
    [
        ({"A2": "q-999"}, "q-999", 2),
        ({"A3": "q-000"}, "重なって", 3),
        ({"E4": None}, "回答が空です", 4),
        ({"E4": "=1+1"}, "回答が空です", 4),
        ({"H5": "却下"}, "却下", 5),
        ({"A2": "x", "A3": "y", "A4": "z"}, "ほか 2 件", 2),
    ],
)
def test_rows_that_cannot_be_merged_are_named(base, sheet, cells, message, line):
    edit(sheet, **cells)
    error = refused(sheet, base)
    assert message in error.message
    assert error.line == line


def test_a_file_that_was_not_made_for_review_is_refused(base, sheet, tmp_path):
    book = load_workbook(sheet)
    del book["説明"]
    book.save(sheet)
    with pytest.raises(UserError, match="確認用の Excel ではありません"):
        review_base(sheet)
    write_review(sheet, base)
    edit(sheet, E1="こたえ")
    assert "回答" in refused(sheet, base).message


def test_two_reviewers_of_one_version_are_merged_one_after_the_other(home, base, tmp_path):
    paths = [tmp_path / f"{name}.xlsx" for name in "ab"]
    for path in paths:
        write_review(path, base)
    edit(paths[0], E2="甲の直し", C3="労働")
    edit(paths[1], E4="乙の直し", C3="労働")
    examples, split = merge_review(base, read_review(paths[0], base))
    second = create_dataset(home, examples, base.cards, split, parents=[base.name])
    review = read_review(paths[1], base)
    examples, split = merge_review(second, review)
    answers = {e.meta.id: e.answer for e in examples}
    ids = column(paths[0], "A")
    assert (answers[ids[1]], answers[ids[3]]) == ("甲の直し", "乙の直し")

    edit(paths[1], E2="乙の別の直し")
    with pytest.raises(UserError, match=f"{ids[1]} の回答") as caught:
        merge_review(second, read_review(paths[1], base))
    assert second.name in caught.value.message


def test_the_new_version_names_its_parent(home, base, sheet):
    edit(sheet, E2="新しい答え")
    examples, split = merge_review(base, read_review(sheet, base))
    new = create_dataset(home, examples, base.cards, split, parents=[base.name])
    assert new.name != base.name
    assert open_dataset(home, new.name).manifest.parents == [base.name]
    manifest = json.loads((new.path / "manifest.json").read_text("utf-8"))
    assert manifest["parents"] == [base.name]
    assert open_dataset(home, base.name) == base
