"""Ratings by people: out as a blinded sheet, back as numbers, and held against a judge."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import openai
import pytest
from openpyxl import load_workbook

from evaluation.legal_models import Models
from evaluation.test_comparison import Page
from homutune.cli._app import run as homutune
from homutune.data import Dataset
from homutune.errors import UserError
from homutune.evaluation import (
    CONDITIONS,
    CRITERIA,
    MockJudge,
    Run,
    compare_runs,
    export_sheet,
    import_sheet,
    judge_runs,
    load_ratings,
    read_opinions,
    run_condition,
    summarize_judge,
    summarize_people,
    write_report,
)
from homutune.settings import Settings

Pair = tuple[Run, Run]
LABELS = list(CRITERIA.values())


@pytest.fixture
def pair(settings: Settings, client: openai.OpenAI, dataset: Dataset, models: Models) -> Pair:
    runs = [
        run_condition(settings, client, dataset, CONDITIONS["plain"], model=model)
        for model in ("base", "tuned")
    ]
    return runs[0], runs[1]


def fill(path: Path, good: int, bad: int, *, blank: str = "") -> None:
    """Rate a sheet as a person would: ``good`` where there is a conclusion, else ``bad``."""
    if path.suffix == ".csv":
        rows = list(csv.reader(path.open(encoding="utf-8-sig", newline="")))
        for row in rows[1:]:
            row[4:8] = [str(good if row[3].startswith("結論") else bad)] * 4
        with path.open("w", encoding="utf-8-sig", newline="") as handle:
            csv.writer(handle).writerows(rows)
        return
    book = load_workbook(path)
    page = book.active
    for row in page.iter_rows(min_row=2):
        value = good if str(row[3].value).startswith("結論") else bad
        for cell in row[4:8]:
            cell.value = None if page.cell(1, cell.column).value == blank else value
    book.save(path)


def test_the_sheet_hides_who_wrote_what(settings: Settings, pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    export_sheet(settings.home, path, pair)
    page = load_workbook(path).active
    rows = list(page.iter_rows(values_only=True))
    assert list(rows[0][4:8]) == LABELS and len(rows) == 25
    everything = " ".join(str(cell) for row in rows for cell in row)
    for secret in ("base", "tuned", pair[0].config.id, pair[1].config.id):
        assert secret not in everything
    conclusions = [str(row[3]).startswith("結論") for row in rows[1:]]
    assert sorted(conclusions) != conclusions  # the models are mixed
    assert sum(conclusions) == 12


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_two_raters_come_back_and_the_models_are_told_apart(
    settings: Settings, pair: Pair, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"sheet.{kind}"
    sheet = export_sheet(settings.home, path, pair)
    fill(path, 5, 2)
    result = import_sheet(settings.home, path, "山田")
    assert (result.sheet, result.answers, result.rated, result.blank) == (sheet, 24, 96, 0)
    assert export_sheet(settings.home, path, pair) == sheet
    fill(path, 4, 2)
    import_sheet(settings.home, path, "佐藤")
    found = summarize_people(*pair, load_ratings(settings.home))
    assert found is not None and found.raters == 2
    correctness = found.criteria["correctness"]
    assert (correctness.base_mean, correctness.tuned_mean) == (2.0, 4.5)
    ac2, double = found.agreement["correctness"]
    assert double == 24 and ac2 is not None and ac2 > 0.8


def test_ratings_again_replace_the_first_and_blanks_stay_blank(
    settings: Settings, pair: Pair, tmp_path: Path
) -> None:
    path = tmp_path / "sheet.xlsx"
    export_sheet(settings.home, path, pair, limit=5)
    fill(path, 5, 1)
    import_sheet(settings.home, path, "山田")
    fill(path, 3, 1, blank="関連性")
    result = import_sheet(settings.home, path, "山田")
    assert (result.answers, result.rated, result.blank) == (10, 30, 10)
    ratings = load_ratings(settings.home)
    assert ratings["relevance"] == {}
    assert {rating["山田"] for rating in ratings["correctness"].values()} == {1, 3}


def test_equal_answers_stand_once_and_count_for_both(
    settings: Settings, pair: Pair, tmp_path: Path
) -> None:
    path = tmp_path / "sheet.csv"
    twin = replace(pair[0], answers=pair[1].answers)
    export_sheet(settings.home, path, (twin, pair[1]))
    fill(path, 4, 1)
    assert import_sheet(settings.home, path, "山田").answers == 12
    assert len(load_ratings(settings.home)["style"]) == 24


def test_hostile_answers_are_no_formulas(settings: Settings, pair: Pair, tmp_path: Path) -> None:
    hostile = {k: replace(a, text='=HYPERLINK("http://x")\x07') for k, a in pair[0].answers.items()}
    runs = (replace(pair[0], answers=hostile), pair[1])
    export_sheet(settings.home, tmp_path / "s.csv", runs)
    assert "'=HYPERLINK" in (tmp_path / "s.csv").read_text("utf-8-sig")
    assert ",=HYPERLINK" not in (tmp_path / "s.csv").read_text("utf-8-sig")
    export_sheet(settings.home, tmp_path / "s.xlsx", runs)
    cells = [c for row in load_workbook(tmp_path / "s.xlsx").active for c in row if c.value]
    assert {cell.data_type for cell in cells} == {"s"}


@pytest.mark.parametrize("bad", ["6", "よい", "3.5", "0"])
def test_a_wrong_rating_is_refused_with_its_line_and_nothing_is_kept(
    settings: Settings, pair: Pair, tmp_path: Path, bad: str
) -> None:
    path = tmp_path / "sheet.csv"
    export_sheet(settings.home, path, pair)
    fill(path, 4, 2)
    lines = list(csv.reader(path.open(encoding="utf-8-sig", newline="")))
    lines[3][5] = bad
    csv.writer(path.open("w", encoding="utf-8", newline="")).writerows(lines)
    with pytest.raises(UserError, match="関連性の点数") as caught:
        import_sheet(settings.home, path, "山田")
    assert caught.value.line == 4
    assert not any(load_ratings(settings.home).values())


def test_other_files_are_refused_in_words(settings: Settings, pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    for content, told in (
        ("a,b\n1,2\n", "見出し"),
        (",".join(["番号", *LABELS]) + "\nR000000,1,2,3,4\n", "作ったものではありません"),
        ("", "見出し"),
    ):
        path.write_text(content, "utf-8")
        with pytest.raises(UserError, match=told):
            import_sheet(settings.home, path, "山田")
    with pytest.raises(UserError, match="形式"):
        export_sheet(settings.home, tmp_path / "sheet.pdf", pair)
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK not really")
    with pytest.raises(UserError, match="読めません"):
        import_sheet(settings.home, broken, "山田")
    path.write_bytes("番号,正確性\n".encode("cp932"))
    with pytest.raises(UserError, match="文字コード"):
        import_sheet(settings.home, path, "山田")
    export_sheet(settings.home, path, pair)
    with pytest.raises(UserError, match="ひとつも書かれていません"):
        import_sheet(settings.home, path, "山田")


def test_a_judge_is_held_against_the_people(settings: Settings, pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    export_sheet(settings.home, path, pair)
    fill(path, 5, 1)
    import_sheet(settings.home, path, "山田")
    ratings = load_ratings(settings.home)

    def result(style: str) -> float | None:
        judged = judge_runs(MockJudge(style), *pair, criteria=["correctness"], pairwise=False)
        found = summarize_judge(judged, *pair, ratings)
        assert found.trusts["correctness"].n == 24
        assert not found.believed  # 24 answers are fewer than 30
        assert any("30件" in warning for warning in found.warnings)
        return found.trusts["correctness"].ac2

    assert result("careful") == 1.0
    unmoved = result("position")
    assert unmoved is not None and unmoved < 0.5


def test_out_and_back_by_command(
    settings: Settings,
    pair: Pair,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "base")
    arms = ["base@plain", "tuned@plain"]
    assert homutune(["eval", "rate", "export", *arms, "--out", "s.xlsx", "--limit", "4"]) == 0
    fill(Path("s.xlsx"), 5, 2)
    assert homutune(["eval", "rate", "import", "s.xlsx", "--rater", "山田"]) == 0
    assert "回答 8件" in capsys.readouterr().out
    assert homutune(["eval", "rate", "import", "none.xlsx", "--rater", "山田"]) == 2


def test_the_report_shows_people_and_judges_with_how_far_to_believe_them(
    settings: Settings, pair: Pair, dataset: Dataset, tmp_path: Path
) -> None:
    def written() -> str:
        comparison = compare_runs(dataset, {"plain": pair}, {})
        opinions = read_opinions(settings.home, *pair)
        write_report(tmp_path / "r.html", comparison, {"plain": pair}, dataset, opinions=opinions)
        html = (tmp_path / "r.html").read_text("utf-8")
        page = Page(html)
        assert page.open == [] and page.outside == []
        return html

    assert "人（弁護士など）による採点。" in written()
    judge_runs(MockJudge("position"), *pair)
    html = written()
    assert "審査員 mock:position" in html and "参考値" in html
    assert "人の採点がないため、確かめていません" in html
    assert "別の AI モデルによる採点。" in html  # a mock is no judge
    path = tmp_path / "s.csv"
    export_sheet(settings.home, path, pair)
    fill(path, 5, 2)
    import_sheet(settings.home, path, "<b>山田</b>")
    html = written()
    assert "人（弁護士など）による採点。" not in html and "1人が1〜5" in html
    assert "二人以上で採点した回答がありません" in html and "AC2" in html
