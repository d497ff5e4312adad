"""自社カード: read from Markdown, Excel, CSV and YAML, kept, found at once, removed."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from homutune.data import CardLibrary, CardShelf, read_cards, read_team_cards
from homutune.errors import UserError

MARKDOWN = """\
# 秘密保持

## 当社の秘密保持期間
分野：契約
基準日：2026-10-01
想定質問：秘密保持の期間は何年ですか

秘密保持契約の期間は、原則として3年とします。不正競争防止法2条6項の営業秘密は期間を定めません。

## 開示先の範囲
- 条文：民法644条

開示先は、知る必要のある役員と従業員に限ります。
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def workbook(path: Path, *sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"シート{number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(
        tmp_path / "base.yaml",
        "- {id: kikan, title: 期間の計算, text: 期間の初日は数えない。, as_of: 2026-10-01}\n",
    )


def test_markdown_headings_become_cards_with_field_articles_and_date(tmp_path: Path) -> None:
    first, second = read_team_cards(write(tmp_path / "社内見解.md", MARKDOWN))
    assert (first.title, first.field, first.as_of) == ("当社の秘密保持期間", "契約", "2026-10-01")
    assert first.articles == ("不正競争防止法2条6項",)  # found in the text
    assert first.text.startswith("秘密保持契約の期間は")
    assert (second.field, second.articles) == ("秘密保持", ("民法644条",))
    assert "条文：" not in second.text


def test_a_table_of_questions_and_answers_serves_as_cards_and_other_sheets_are_passed_over(
    tmp_path: Path,
) -> None:
    path = workbook(
        tmp_path / "faq.xlsx",
        [["メモ"], ["読まない"]],
        [["番号", "質問", "回答", "基準日"], [7, "印紙は要りますか。", "請負なら要ります。", None]],
    )
    (card,) = read_team_cards(path)
    assert (card.id, card.title, card.text) == ("7", "印紙は要りますか。", "請負なら要ります。")


def test_csv_from_japanese_excel_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_bytes("題名,本文\r\n検収,10日以内に検査します。\r\n".encode("cp932"))
    (card,) = read_team_cards(path)
    assert (card.title, card.text) == ("検収", "10日以内に検査します。")


def test_a_long_text_is_cut_between_sentences_into_numbered_cards(tmp_path: Path) -> None:
    cards = read_team_cards(write(tmp_path / "長い.md", "# 長い見解\n" + "これは説明です。" * 250))
    assert [card.title for card in cards] == [f"長い見解（{n}/3）" for n in (1, 2, 3)]
    assert all(card.text.endswith("。") and len(card.text) <= 800 for card in cards)
    assert sum(len(card.text) for card in cards) == 8 * 250


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("空.md", "# 題名だけ\n", "カードになる"),
        ("表.csv", "あ,い\n1,2\n", "列が見つかりません"),
        ("表.csv", "題名,本文\nだけ,\n", "本文が空"),
        ("二つ.md", "# 同じ\n一\n# 同じ\n二\n", "同じカード"),
        ("契約.pdf", "x", "読めません"),
    ],
)
def test_what_is_no_card_is_told_and_nothing_is_kept(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    shelf = CardShelf(tmp_path / "home")
    with pytest.raises(UserError, match=told):
        shelf.add(write(tmp_path / name, text))
    assert shelf.cards() == []


def test_cards_are_kept_in_the_form_of_the_bundled_ones_replaced_and_removed(
    tmp_path: Path,
) -> None:
    shelf = CardShelf(tmp_path / "home")
    path = write(tmp_path / "見解.md", MARKDOWN)
    added = shelf.add(path)
    assert read_cards(shelf.folder) == added == shelf.cards()
    write(path, "# 一枚だけ\n本文です。\n")
    assert [card.title for card in shelf.add(path)] == ["一枚だけ"]
    shelf.add(write(tmp_path / "別.md", "# 別の見解\n本文です。\n"))
    assert len(shelf.cards()) == 2
    (removed,) = shelf.remove(shelf.cards()[0].id)
    assert len(shelf.cards()) == 1
    assert removed.id not in {card.id for card in shelf.cards()}
    shelf.remove(shelf.listed()[0][0])
    assert shelf.cards() == [] and shelf.files() == []
    with pytest.raises(UserError, match="ありません"):
        shelf.remove("無い")


def test_an_id_of_another_file_is_not_taken_over(tmp_path: Path) -> None:
    shelf = CardShelf(tmp_path / "home")
    shelf.add(write(tmp_path / "a.yaml", "- {id: x, title: 甲, text: 甲の説明}\n"))
    with pytest.raises(UserError, match=r"a のカード"):
        shelf.add(write(tmp_path / "b.yaml", "- {id: x, title: 乙, text: 乙の説明}\n"))


def test_a_card_added_while_the_library_is_open_is_found_by_the_next_search(
    tmp_path: Path, base: Path
) -> None:
    shelf = CardShelf(tmp_path / "home")
    library = CardLibrary(base, shelf)
    assert [card.id for card in library.search("秘密保持の期間は何年ですか")] == ["kikan"]
    added = shelf.add(write(tmp_path / "社内見解.md", MARKDOWN))
    best = library.search("秘密保持の期間は何年ですか")[0]
    assert best == added[0]
    assert library.is_own(best.id) and not library.is_own("kikan")
    shelf.remove(best.id)
    assert best not in library.search("秘密保持の期間は何年ですか")


def test_a_card_of_the_team_takes_the_place_of_a_bundled_one(tmp_path: Path, base: Path) -> None:
    shelf = CardShelf(tmp_path / "home")
    shelf.add(write(tmp_path / "own.yaml", "- {id: kikan, title: 期間, text: 当社の数え方。}\n"))
    (card,) = CardLibrary(base, shelf).search("期間")
    assert card.text == "当社の数え方。"
