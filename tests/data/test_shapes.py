import json

import pytest

from homutune.data import check_examples, iter_examples, read_examples
from homutune.errors import UserError

PAIR = [{"role": "user", "content": "問"}, {"role": "assistant", "content": "答"}]
CHAT = {"role": "user", "content": "続き"}, {"role": "assistant", "content": "次", "weight": 0}

RECORDS = [
    ({"messages": PAIR}, PAIR),
    ({"messages": [*PAIR, *CHAT]}, [*PAIR, *CHAT]),
    ({"prompt": "問", "completion": " 答"}, PAIR),
    ({"prompt": PAIR[:1], "completion": PAIR[1:]}, PAIR),
    ({"instruction": "問", "input": "", "output": "答"}, PAIR),
    (
        {"instruction": "直せ", "input": "文", "output": "答", "system": "短く"},
        [
            {"role": "system", "content": "短く"},
            {"role": "user", "content": "直せ\n\n文"},
            PAIR[1],
        ],
    ),
    (
        {"instruction": "続き", "output": "次", "history": [["問", "答"]]},
        [*PAIR, CHAT[0], {"role": "assistant", "content": "次"}],
    ),
    (
        {
            "conversations": [
                {"from": "human", "value": "問"},
                {"from": "gpt", "value": "答"},
                {"from": "user", "value": "続き"},
                {"from": "assistant", "value": "次", "weight": 0},
            ]
        },
        [*PAIR, *CHAT],
    ),
    ({"question": "問", "answer": "答"}, PAIR),
    ({"設問": "問", "模範回答": "答"}, PAIR),
    ({"質問": "問", "回答": "答", "重み": 0}, [PAIR[0], {**PAIR[1], "weight": 0}]),
]


@pytest.mark.parametrize(("record", "messages"), RECORDS)
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet"])
def test_every_usual_form_becomes_the_same_conversation(tmp_path, record, messages, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist([record, record]), path)
    elif suffix == ".json":
        path.write_text(json.dumps({"data": [record, record]}), encoding="utf-8")
    else:
        path.write_text(f"{json.dumps(record)}\n" * 2, encoding="utf-8")
    first, second = read_examples(path)
    assert list(first.messages) == list(second.messages) == messages
    assert first.raw is None
    assert [first.meta.id, second.meta.id] == ["a-001", "a-002"]


def test_what_stands_beside_a_conversation_and_is_ours_is_kept(tmp_path):
    path = tmp_path / "a.jsonl"
    records = [
        {"id": 7, "conversations": [{"from": "human", "value": "問"}], "field": "売買", "x": 1},
        {"質問": "問", "答え": "答", "分野": "労働", "条文": ["民法1条", "民法2条"]},
    ]
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    notes = []
    first, second = read_examples(path, notes)
    assert (first.meta.id, first.meta.field) == ("7", "売買")
    assert (second.meta.field, second.meta.articles) == ("労働", ("民法1条", "民法2条"))
    assert notes == [
        "a.jsonl: ShareGPT の形式として読みました。",
        "a.jsonl: 列の対応 質問→question、答え→answer、分野→field、条文→articles",
    ]


@pytest.mark.parametrize(
    "record",
    [
        {"text": "ただの文"},
        {"input": {"messages": PAIR[:1]}, "preferred_output": [], "non_preferred_output": []},
        {"prompt": ["a"], "completion": ["b"]},
        {"question": "問", "answer": {"text": "答"}},
        ["問", "答"],
        None,
    ],
)
def test_a_record_that_is_no_conversation_is_left_to_the_checks(tmp_path, record):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(record), encoding="utf-8")
    report = check_examples(read_examples(path))
    assert {problem.line for problem in report.errors if problem.id != "F011"} == {1}


def test_a_list_where_a_text_belongs_is_refused_with_its_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"messages": [], "meta": {"kind": [["a"]]}}', encoding="utf-8")
    with pytest.raises(UserError, match="「kind」の値が文ではありません") as caught:
        read_examples(path)
    assert caught.value.line == 1


def test_yaml_pairs_may_have_several_turns_and_a_weight(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(
        "defaults: {system: 短く}\n"
        "pairs:\n"
        "  - messages:\n"
        "      - {role: user, content: 問}\n"
        "      - {role: assistant, content: 答, weight: 0}\n"
        "  - {question: 問, answer: 答, weight: 1}\n",
        encoding="utf-8",
    )
    first, second = read_examples(path)
    assert [m["role"] for m in first.messages] == ["system", "user", "assistant"]
    assert first.messages[2] == {"role": "assistant", "content": "答", "weight": 0}
    assert second.messages[2]["weight"] == 1


def test_reading_one_by_one_stops_only_where_the_damage_is(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f"{json.dumps({'messages': PAIR})}\n" * 3 + "{", encoding="utf-8")
    examples = iter_examples(path)
    assert [next(examples).meta.id for _ in range(3)] == ["a-001", "a-002", "a-003"]
    with pytest.raises(UserError) as caught:
        next(examples)
    assert caught.value.line == 4


def test_yaml_and_jsonl_lie_side_by_side_in_a_folder(tmp_path):
    (tmp_path / "qa").mkdir()
    (tmp_path / "qa/b.jsonl").write_text(json.dumps({"messages": PAIR}), encoding="utf-8")
    (tmp_path / "qa/a.yaml").write_text("pairs:\n- {question: 問}\n", encoding="utf-8")
    assert [example.meta.id for example in read_examples(tmp_path)] == ["a-001", "b-001"]
