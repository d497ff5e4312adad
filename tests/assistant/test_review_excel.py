import json
from pathlib import Path

import pytest
from openpyxl import load_workbook

from assistant.files import make_docx
from homutune.cli._app import run

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture
def command(home, tmp_path):
    text = (BENCH / "contracts/gyomu-itaku-1.txt").read_text("utf-8")
    text = text.replace("45日以内", "90日以内").replace("2　本業務の仕様は", "=1+1　仕様は")
    text = text.replace("専属的合意管轄", "合意管轄")
    path = make_docx(tmp_path / "契約.docx", tuple(text.splitlines()))
    return ["review", str(path), "--side", "受託者"]


def columns(sheet):
    return {cell.value: cell.column for cell in sheet[1]}


def decide(path, row, **cells):
    book = load_workbook(path)
    sheet = book["指摘"]
    for name, value in cells.items():
        sheet.cell(row, columns(sheet)[name]).value = value
    book.save(path)


def test_decisions_go_out_to_excel_and_come_back(command, tmp_path, capsys):
    target = tmp_path / "結果.xlsx"
    assert run([*command, "--out", str(target), "--decide", "1=却下:合意済み"]) == 0
    book = load_workbook(target)
    summary = {row[0].value: row[1].value for row in book["要約"].iter_rows()}
    assert "法的助言・鑑定ではありません" in summary["注意"]
    assert summary["指摘"].startswith("高 1 件")
    assert summary["判断"].startswith("採用 0 件、修正 0 件、却下 1 件")
    sheet = book["指摘"]
    at = columns(sheet)
    assert (sheet.cell(2, at["判断"]).value, sheet.cell(2, at["コメント"]).value) == (
        "却下",
        "合意済み",
    )
    assert sheet.data_validations.dataValidation[0].formula1 == '"採用,修正,却下,保留"'
    decide(target, 2, 判断="修正", 修正文言="60日以内に支払う。", コメント="再交渉")
    capsys.readouterr()
    assert run([*command, "--import", str(target), "--json"]) == 0
    review = json.loads(capsys.readouterr().out)
    first = review["decisions"][review["findings"][0]["id"]]
    assert (first["choice"], first["wording"], first["comment"]) == (
        "修正",
        "60日以内に支払う。",
        "再交渉",
    )


def test_words_of_a_contract_are_never_a_formula(command, tmp_path):
    target = tmp_path / "結果.xlsx"
    assert run([*command, "--out", str(target), "--decide", '1=却下:=HYPERLINK("x")']) == 0
    sheet = load_workbook(target)["指摘"]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value]
    assert any(cell.value.startswith("=HYPERLINK") for cell in cells)
    assert {cell.data_type for cell in cells} == {"s"}


def test_a_workbook_that_does_not_fit_is_refused_and_changes_nothing(command, tmp_path, capsys):
    target = tmp_path / "結果.xlsx"
    assert run([*command, "--out", str(target)]) == 0
    decide(target, 2, 判断="たぶん")
    assert run([*command, "--import", str(target)]) == 2
    assert "2行目" in capsys.readouterr().err
    decide(target, 2, 判断="採用")
    assert run(["review", command[1], "--side", "委託者", "--import", str(target)]) == 2
    assert "別のレビュー" in capsys.readouterr().err
    (tmp_path / "x.xlsx").write_bytes(b"PK\x03\x04 broken")
    assert run([*command, "--import", str(tmp_path / "x.xlsx")]) == 2
    assert run([*command, "--import", str(tmp_path / "none.xlsx")]) == 2
    capsys.readouterr()
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decisions"] == {}


def test_rows_of_findings_that_are_gone_are_named(command, tmp_path, capsys):
    target = tmp_path / "結果.xlsx"
    assert run([*command, "--out", str(target)]) == 0
    decide(target, 2, 判断="採用", ID="ffffffff")
    capsys.readouterr()
    assert run([*command, "--import", str(target), "--json"]) == 0
    said = capsys.readouterr()
    assert "ffffffff" in said.err
    assert json.loads(said.out)["decisions"] == {}
