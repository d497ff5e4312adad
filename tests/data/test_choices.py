import json

import pytest

from homutune.data import read_choices, write_choices
from homutune.errors import UserError

OPTIONS = ["取消し", "無効", "解除", "撤回"]


def write(path, *records):
    path.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "record",
    [
        {"question": "問", "options": OPTIONS, "answer_index": 2},
        {"question": "問", "choices": OPTIONS, "answer": 2},
        {"question": "問", "choices": OPTIONS, "answer": "C"},
        {"question": "問", "choices": OPTIONS, "answer": "解除"},
        {"問題文": "問", "選択肢": OPTIONS, "正解": 3},
        {"問題文": "問", "選択肢": OPTIONS, "正解": "ウ"},
        {"問題文": "問", "選択肢": OPTIONS, "正解": "③"},
        {"question": "問", **{f"choice{n}": o for n, o in enumerate(OPTIONS)}, "label": 2},
        {
            "ファイル名": "x",
            "問題文": "問",
            "選択肢": "a 取消し\nb 無効\nc 解除\nd 撤回",
            "output": "c",
        },
        {
            "question": "問",
            "choices": {"text": OPTIONS, "label": ["A", "B", "C", "D"]},
            "answerKey": "C",
        },
        {"question": "問", "options": dict(zip("abcd", OPTIONS, strict=True)), "answer": "c"},
    ],
)
def test_the_usual_forms_of_multiple_choice_are_one(tmp_path, record):
    (found,) = read_choices(write(tmp_path / "b.json", record))
    assert (found.question, found.options, found.answer) == ("問", tuple(OPTIONS), 2)


def test_a_table_of_ones_own_with_context(tmp_path):
    path = tmp_path / "b.csv"
    path.write_text(
        "番号,問題,選択肢1,選択肢2,選択肢3,正解,条文,分野\n"
        "q1,問,取消し,無効,,1,第1条,民法\n"
        "q2,問,取消し,無効,解除,２,,\n",
        encoding="utf-8",
    )
    notes = []
    first, second = read_choices(path, notes)
    assert (first.id, first.answer, first.context, first.field) == ("q1", 0, "第1条", "民法")
    assert (first.options, second.options) == (("取消し", "無効"), ("取消し", "無効", "解除"))
    assert (second.answer, second.context) == (1, None)
    assert any("1 から数えました" in note for note in notes)


def test_the_numbers_found_decide_from_where_answers_count(tmp_path):
    def answers(key, numbers, **options):
        records = [{"question": "問", "options": OPTIONS, key: n} for n in numbers]
        return [c.answer for c in read_choices(write(tmp_path / "b.json", *records), **options)]

    assert answers("正解", [0, 1]) == [0, 1]
    assert answers("label", [1, 4]) == [0, 3]
    assert answers("正解", [1, 2]) == [0, 1]
    assert answers("label", [1, 2]) == [1, 2]
    assert answers("label", [1, 2], first_answer=1) == [0, 1]


def test_what_is_written_comes_back(tmp_path):
    records = [{"question": "問", "options": OPTIONS, "answer": "b", "context": "文"}] * 2
    questions = read_choices(write(tmp_path / "b.json", *records))
    write_choices(tmp_path / "out.jsonl", questions)
    again = read_choices(tmp_path / "out.jsonl")
    assert [(q.id, q.options, q.answer, q.context) for q in again] == [
        (q.id, q.options, q.answer, q.context) for q in questions
    ]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"question": "問", "options": OPTIONS[:1], "answer": 0}, "2つ以上"),
        ({"question": "問", "options": ["a", "a"], "answer": 0}, "重なって"),
        ({"question": "問", "options": OPTIONS, "answer": 9}, "どの選択肢でもありません"),
        ({"question": "問", "options": OPTIONS, "answer": None}, "どの選択肢でもありません"),
        ({"question": " ", "options": OPTIONS, "answer": 0}, "問題文が空"),
        ({"question": "問", "answer": 0}, "列「選択肢」がありません"),
        ("文", "項目: 値"),
    ],
)
def test_a_question_that_cannot_be_scored_is_refused_with_its_line(tmp_path, record, message):
    good = {"question": "問", "options": OPTIONS, "answer": 1}
    with pytest.raises(UserError, match=message) as caught:
        read_choices(write(tmp_path / "b.json", good, record))
    assert caught.value.line == 2
