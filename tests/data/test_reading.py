import json

import pytest

from homutune.data import Meta, Source, read_cards, read_examples
from homutune.errors import UserError

YAML = """\
defaults:
  system: 簡潔に答えてください。
  as_of: 2026-11-22
pairs:
  - id: a-001
    kind: 契約書に関する質問
    group: g1
    cards: [c1]
    question: 期限はいつですか。
    answer: |-
      結論：1年以内です。
      根拠：民法566条です。
    articles: [民法566条]
    must: ["1年以内|1年の間", 通知]
    must_not: [6]
  - question: 二つ目の質問ですか。
    answer: はい。
    as_of: 2025-04-01
"""


def refused(path, notes=None):
    with pytest.raises(UserError) as caught:
        read_examples(path, notes)
    assert caught.value.remedy
    assert str(path) in (caught.value.file or "")
    return caught.value


def test_yaml_pairs_take_defaults_and_keep_their_line(tmp_path):
    path = tmp_path / "area.yaml"
    path.write_text(YAML, encoding="utf-8")
    first, second = read_examples(path)
    assert first.source == Source(str(path), 5)
    assert second.source == Source(str(path), 16)
    assert first.system == "簡潔に答えてください。"
    assert first.question == "期限はいつですか。"
    assert first.answer == "結論：1年以内です。\n根拠：民法566条です。"
    assert first.meta == Meta(
        id="a-001",
        kind="契約書に関する質問",
        group="g1",
        cards=("c1",),
        articles=("民法566条",),
        must=("1年以内|1年の間", "通知"),
        must_not=("6",),
        as_of="2026-11-22",
    )
    assert (second.meta.id, second.meta.as_of) == ("area-002", "2025-04-01")


def test_a_folder_is_read_file_by_file_and_a_corpus_by_its_qa_and_cards(tmp_path):
    (tmp_path / "qa").mkdir()
    (tmp_path / "cards").mkdir()
    for name in ("b", "a"):
        text = YAML.replace("a-001", f"{name}-001")
        (tmp_path / "qa" / f"{name}.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "cards" / "x.yml").write_text(
        "- {id: c1, title: 題, field: 売買, text: 本文。, as_of: 2026-11-22}\n", encoding="utf-8"
    )
    ids = [example.meta.id for example in read_examples(tmp_path)]
    assert ids == ["a-001", "a-002", "b-001", "b-002"]
    assert ids == [example.meta.id for example in read_examples(tmp_path / "qa")]
    (found,) = read_cards(tmp_path)
    assert (found.id, found.as_of, found.reviewed) == ("c1", "2026-11-22", None)


def test_jsonl_is_read_with_our_meta_and_what_does_not_fit_is_kept_for_the_checks(tmp_path):
    path = tmp_path / "train.jsonl"
    messages = [{"role": "user", "content": "問"}, {"role": "assistant", "content": "答"}]
    lines = [
        {"messages": messages, "meta": {"id": "x", "must": ["答"], "group": None}},
        {"messages": messages, "lang": "ja"},
        [1],
        {"messages": ["文字列"]},
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    path.write_text(f"\n{text}\n\n", encoding="utf-8")
    first, *others = read_examples(path)
    assert (first.meta.id, first.meta.must, first.raw) == ("x", ("答",), None)
    assert first.source == Source(str(path), 2)
    assert [example.raw for example in others] == lines[1:]
    assert [example.meta.id for example in others] == ["train-003", "train-004", "train-005"]


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", None),
        ("utf-8-sig", "BOM"),
        ("cp932", "Shift_JIS"),
        ("utf-16", "UTF-16"),
        ("euc_jp", "EUC-JP"),
    ],
)
def test_csv_is_read_in_the_encodings_excel_writes(tmp_path, encoding, note):
    path = tmp_path / "qa.csv"
    text = (
        "質問,回答,種類,必須,備考\r\n"
        '期限は？,"1年、\r\n以内です",その他,1年;以内,x\r\n'
        "\r\n次は？,ない,,,\r\n"
    )
    path.write_bytes(text.encode(encoding))
    notes = []
    first, second = read_examples(path, notes)
    assert first.answer == "1年、\r\n以内です"
    assert (first.meta.kind, first.meta.must) == ("その他", ("1年", "以内"))
    assert (first.source.line, second.source.line) == (2, 5)
    assert (first.meta.id, second.meta.id) == ("qa-001", "qa-002")
    assert any("備考" in line for line in notes)
    assert any(note in line for line in notes) if note else len(notes) == 1


def test_a_csv_without_answers_tells_the_columns_it_found(tmp_path):
    path = tmp_path / "qa.csv"
    path.write_text("質問,メモ\na,b\n", encoding="utf-8")
    error = refused(path)
    assert "列「回答」がありません" in error.message
    assert "質問、メモ" in error.message
    assert "--map メモ=answer" in error.remedy
    assert error.line == 1


def test_a_csv_row_with_an_unquoted_comma_is_named(tmp_path):
    path = tmp_path / "qa.csv"
    path.write_text("question,answer\na,b\nc,d,e\n", encoding="utf-8")
    error = refused(path)
    assert error.line == 3
    assert "列の数" in error.message


def test_a_csv_whose_quote_never_closes_is_refused(tmp_path):
    path = tmp_path / "qa.csv"
    path.write_text('question,answer\na,"b\n', encoding="utf-8")
    assert "CSV" in refused(path).message


def test_broken_json_names_its_line(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"messages": []}\n' * 16 + '{"messages": [}\n', encoding="utf-8")
    error = refused(path)
    assert error.line == 17
    assert error.message.startswith("17行目の JSON を読めません（")


def test_broken_yaml_names_its_line(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("pairs:\n  - question: a\n   answer: b\n", encoding="utf-8")
    error = refused(path)
    assert error.line == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "pairs:"),
        ("pairs:\n  - answer: b\n", "question がありません"),
        ("pairs:\n  - question: a\n    musst: [b]\n", "musst"),
        ("pairs:\n  - 文字列\n", "項目: 値"),
        ("pairs: []\n", "1件もありません"),
        ("# 注\n", "空"),
        ("pairs:\n  - question: a\n    as_of: 2026-13-45\n", "YAML の値"),
    ],
)
def test_yaml_of_another_shape_is_refused(tmp_path, text, message):
    path = tmp_path / "a.yaml"
    path.write_text(text, encoding="utf-8")
    assert message in refused(path).message


def test_a_missing_file_an_empty_file_and_an_unknown_extension_are_refused(tmp_path):
    assert "見つかりません" in refused(tmp_path / "no.yaml").message
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert "空" in refused(empty).message
    empty.write_text(" \n")
    assert "1件もありません" in refused(empty).message
    word = tmp_path / "qa.docx"
    word.write_bytes(b"PK")
    assert ".docx" in refused(word).message
    (tmp_path / "folder").mkdir()
    assert ".yaml" in refused(tmp_path / "folder").message


def test_bytes_of_no_known_encoding_are_refused(tmp_path):
    path = tmp_path / "qa.csv"
    path.write_bytes("質問,回答\n期限は,一年以内\n".encode() + b"\xff\x81 \xfe\xe3\n")
    error = refused(path)
    assert "文字コード" in error.message
    assert error.line == 3


def test_an_empty_answer_is_read_and_left_to_the_checks(tmp_path):
    path = tmp_path / "qa.csv"
    path.write_text("question,answer\na,\n", encoding="utf-8")
    assert read_examples(path)[0].answer == ""


def test_cards_must_be_complete_and_their_ids_unique(tmp_path):
    path = tmp_path / "c.yaml"
    one = "- {id: c1, title: 題, text: 本文}\n"
    for text, line, message in (
        (one + one, 2, "重なって"),
        ("- {id: c1, title: 題}\n", 1, "text がありません"),
        ("id: c1\n", None, "一覧"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError) as caught:
            read_cards(path)
        assert caught.value.line == line
        assert message in caught.value.message
