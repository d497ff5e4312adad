"""The head of a table, before anybody has said what its columns mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import Workbook

from homutune.data import FIELDS, read_table_head
from homutune.errors import UserError


def test_known_headings_are_recognised_below_a_title_and_the_rest_is_left_open(
    tmp_path: Path,
) -> None:
    path = tmp_path / "相談.csv"
    path.write_text("相談記録,,\n照会,見解,担当\n質問1,答え1,山田\n質問2,答え2,佐藤\n", "utf-8")
    head = read_table_head(path)
    assert head is not None and head.suffices
    assert head.headings == ("照会", "見解", "担当")
    assert head.fields == ("question", "answer", "")
    assert head.rows == (("質問1", "答え1", "山田"), ("質問2", "答え2", "佐藤"))


def test_a_table_without_known_headings_is_shown_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("甲欄\t乙欄\n一\t二\n", "utf-8")
    head = read_table_head(path)
    assert head is not None and not head.suffices
    assert (head.headings, head.fields) == (("甲欄", "乙欄"), ("", ""))


def test_the_sheet_with_questions_is_taken_unless_another_is_named(tmp_path: Path) -> None:
    book = Workbook()
    book.active.title = "表紙"
    book.active.append(["この本について"])
    book.create_sheet("記録").append(["質問", "回答"])
    path = tmp_path / "本.xlsx"
    book.save(path)
    head = read_table_head(path)
    assert head is not None and (head.sheet, head.sheets) == ("記録", ("表紙", "記録"))
    other = read_table_head(path, "表紙")
    assert other is not None and other.headings == ("この本について",)


def test_files_whose_records_name_their_fields_have_no_head(tmp_path: Path) -> None:
    assert read_table_head(tmp_path / "a.jsonl") is None


def test_an_empty_or_broken_table_is_refused(tmp_path: Path) -> None:
    for name, content in (("empty.csv", b""), ("broken.xlsx", b"PK")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError):
            read_table_head(tmp_path / name)


def test_every_field_has_a_name_a_person_can_choose() -> None:
    assert FIELDS["question"] == "質問" and FIELDS["answer"] == "回答"
    assert all(FIELDS.values())
