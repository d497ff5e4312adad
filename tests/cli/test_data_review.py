import json
from pathlib import Path

import pytest
import yaml
from openpyxl import load_workbook

from homutune.cli._app import run
from homutune.data import open_dataset
from pairs import ANSWER


def answered(capsys, *args):
    code = run(["data", *args, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def parent(home, tmp_path, capsys):
    """The name of a dataset made by ``data split``, and a file for reviewers beside it."""
    (tmp_path / "cards").mkdir()
    cards = [{"id": f"c-{n}", "title": f"題{n}", "text": f"規則{n}の本文。"} for n in range(8)]
    (tmp_path / "cards/a.yaml").write_text(json.dumps(cards), encoding="utf-8")
    pairs = [
        {
            "id": f"q-{n:02d}",
            "cards": [f"c-{n // 2}"],
            "group": f"c-{n // 2}",
            "must": ["1年"],
            "question": f"第{n}号案件では、いつまでに売主へ連絡すべきですか。",
            "answer": ANSWER,
        }
        for n in range(16)
    ]
    (tmp_path / "a.yaml").write_text(json.dumps({"pairs": pairs}), encoding="utf-8")
    code, dataset = answered(capsys, "split", "a.yaml")
    assert code == 0
    assert run(["data", "review", "export", "--out", "校閲.xlsx"]) == 0
    assert dataset["name"] in capsys.readouterr().out
    return dataset["name"]


def edit(path, **cells):
    book = load_workbook(path)
    for place, value in cells.items():
        book["確認"][place] = value
    book.save(path)


def test_three_edited_answers_come_back_as_three_changes_and_a_version_with_its_parent(
    home, tmp_path, parent, capsys
):
    new = {f"E{row}": ANSWER.replace("1年以内", f"1年以内（{row}行目）", 1) for row in (3, 8, 12)}
    edit("校閲.xlsx", **new, G5="出典を確認")
    assert run(["data", "review", "import", "校閲.xlsx", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "変更 3 か所、除外 0 件、コメント 1 件" in said
    assert len(list((home / "datasets").iterdir())) == 1

    assert run(["data", "review", "import", "校閲.xlsx"]) == 0
    said = capsys.readouterr().out
    ids = [f"q-{row - 2:02d}" for row in (3, 8, 12)]
    lines = said.splitlines()
    assert [line for line in lines if line.endswith(" 回答")] == [f"{i} 回答" for i in ids]
    assert sum(line.startswith("- 結論：") for line in lines) == 3
    assert [line for line in lines if line.startswith("+ ")] == [
        f"+ {new[f'E{row}'].splitlines()[0]}" for row in (3, 8, 12)
    ]
    assert not [line for line in lines if "根拠：" in line]  # what is the same is not shown
    assert "q-03 コメント: 出典を確認" in lines

    made = open_dataset(home)
    assert made.manifest.parents == [parent]
    assert f"{made.name}（元の版 {parent}）" in said
    before = {e.meta.id: e for e in open_dataset(home, parent).examples}
    assert [e.meta.id for e in made.examples if e != before[e.meta.id]] == ids
    remarks = json.loads((made.path / "review.json").read_text("utf-8"))
    assert remarks == [{"id": "q-03", "decision": "", "comment": "出典を確認"}]


def test_a_file_without_edits_makes_no_version(home, parent, capsys):
    code, result = answered(capsys, "review", "import", "校閲.xlsx")
    assert (code, result["dataset"], result["changes"]) == (0, None, [])
    assert run(["data", "review", "import", "校閲.xlsx"]) == 0
    assert "作りませんでした" in capsys.readouterr().out
    assert len(list((home / "datasets").iterdir())) == 1


def test_an_edit_that_the_checks_refuse_makes_no_version_unless_allowed(home, parent, capsys):
    edit("校閲.xlsx", E2=ANSWER.replace("1年", "一定期間"))
    assert run(["data", "review", "import", "校閲.xlsx"]) == 2
    said = capsys.readouterr().err
    assert "q-00" in said and "1年" in said and "--allow-errors" in said
    assert len(list((home / "datasets").iterdir())) == 1
    assert answered(capsys, "review", "import", "校閲.xlsx", "--allow-errors")[0] == 0
    assert open_dataset(home).manifest.checks["errors"] == 1


def test_a_second_reviewers_edits_go_on_top_of_the_firsts(home, tmp_path, parent, capsys):
    assert run(["data", "review", "export", "--out", "二人目.xlsx"]) == 0
    edit("校閲.xlsx", E2=f"{ANSWER}追記です。")
    edit("二人目.xlsx", E3=f"{ANSWER}別の追記です。", H5="除外")
    capsys.readouterr()
    first = answered(capsys, "review", "import", "校閲.xlsx")[1]["dataset"]
    code, result = answered(capsys, "review", "import", "二人目.xlsx", "--into", "latest")
    assert (code, result["parent"]) == (0, first)
    made = open_dataset(home, result["dataset"])
    assert made.manifest.parents == [first, parent]
    answers = {e.meta.id: e.answer.removeprefix(ANSWER) for e in made.examples}
    assert (answers["q-00"], answers["q-01"]) == ("追記です。", "別の追記です。")
    assert "q-03" not in answers


def test_a_file_that_may_hold_a_review_is_not_overwritten(home, tmp_path, parent, capsys):
    edit("校閲.xlsx", E2="大事な直し")
    assert run(["data", "review", "export", "--out", "校閲.xlsx"]) == 2
    assert "すでにあります" in capsys.readouterr().err
    assert load_workbook("校閲.xlsx")["確認"]["E2"].value == "大事な直し"


def test_revised_answers_are_exported_as_preferences_in_openais_form(home, parent, capsys):
    edit("校閲.xlsx", **{f"E{row}": f"{ANSWER}補足{row}です。" for row in range(2, 17)})
    assert run(["data", "review", "import", "校閲.xlsx"]) == 0
    capsys.readouterr()
    code, result = answered(capsys, "export", "--format", "dpo", "--recipe", "plain")
    assert code == 0
    assert sum(result["lines"].values()) == 15
    lines = [json.loads(x) for x in Path(result["files"]["train"]).read_text("utf-8").splitlines()]
    for line in lines:
        assert set(line) == {"input", "preferred_output", "non_preferred_output"}
        assert [m["role"] for m in line["input"]["messages"]] == ["system", "user"]
        (good,), (bad,) = line["preferred_output"], line["non_preferred_output"]
        assert good["role"] == bad["role"] == "assistant"
        assert good["content"].startswith(bad["content"]) and "補足" in good["content"]
        assert bad["content"] == ANSWER
    assert run(["data", "export", parent, "--format", "dpo"]) == 2
    assert "元の版がない" in capsys.readouterr().err


def test_a_hugging_face_folder_has_both_splits_and_says_so_in_its_card(home, parent, capsys):
    pq = pytest.importorskip("pyarrow.parquet")

    assert run(["data", "export", "--format", "hf", "--recipe", "plain", "--out", "hf"]) == 0
    card = yaml.safe_load(Path("hf/README.md").read_text("utf-8").split("---")[1])
    files = {f["split"]: f["path"] for f in card["configs"][0]["data_files"]}
    assert set(files) == {"train", "validation"}
    opened = open_dataset(home)
    for split, examples in (("train", opened.train), ("validation", opened.valid)):
        rows = pq.read_table(f"hf/{files[split]}").to_pylist()
        assert [row["example_id"] for row in rows] == [e.meta.id for e in examples]
        assert rows[0]["messages"][-1] == {"role": "assistant", "content": ANSWER}
        assert rows[0]["meta"]["cards"] == list(examples[0].meta.cards)
        assert rows[0]["case"] == "plain"


def test_the_library_that_the_folder_is_for_reads_it(home, parent, capsys, monkeypatch, tmp_path):
    datasets = pytest.importorskip("datasets", reason="not a dependency: too large for one test")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run(["data", "export", "--format", "hf", "--recipe", "plain", "--out", "hf"]) == 0
    loaded = datasets.load_dataset(str(tmp_path / "hf"), cache_dir=str(tmp_path / "cache"))
    assert sum(len(loaded[split]) for split in ("train", "validation")) == 16


@pytest.mark.parametrize(
    "verb", [["import"], ["review"], ["review", "export"], ["review", "import"]]
)
def test_help_is_japanese_and_has_examples(verb, capsys):
    assert run(["data", *verb, "--help"]) == 0
    assert "使い方の例" in capsys.readouterr().out
