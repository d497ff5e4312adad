import json

import pytest

from homutune.cli._app import run
from homutune.data import open_dataset
from pairs import ANSWER


@pytest.fixture
def corpus(home, tmp_path):
    """A project folder with ``data/qa`` and ``data/cards``, as ``homutune init`` makes it."""
    qa, cards = tmp_path / "data/qa", tmp_path / "data/cards"
    qa.mkdir(parents=True)
    cards.mkdir()
    pairs = [
        {
            "id": f"q-{n:02d}",
            "kind": "契約書に関する質問",
            "group": f"c-{n // 2}",
            "cards": [f"c-{n // 2}"],
            "question": f"第{n}号案件では、いつまでに売主へ連絡すべきですか。",
            "answer": ANSWER,
        }
        for n in range(20)
    ]
    notes = [{"id": f"c-{n}", "title": f"題{n}", "text": f"規則{n}の本文。"} for n in range(10)]
    # JSON is YAML.
    (qa / "a.yaml").write_text(json.dumps({"pairs": pairs}), encoding="utf-8")
    (cards / "a.yaml").write_text(json.dumps(notes), encoding="utf-8")
    return tmp_path


def answered(capsys, *args):
    code = run(["data", *args, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_check_reports_a_sound_set_with_its_counts(corpus, capsys):
    code, report = answered(capsys, "check")
    assert code == 0
    assert (report["ok"], report["n"]) == (True, 20)
    assert run(["data", "check", "data/qa"]) == 0
    assert "エラー 0 件" in capsys.readouterr().out


def test_check_exits_2_and_points_to_the_line_of_an_error(corpus, capsys):
    path = corpus / "qa.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "a"}]}\n', encoding="utf-8")
    code, report = answered(capsys, "check", "qa.jsonl")
    assert code == 2
    assert {p["id"] for p in report["problems"]} == {"F008", "F011"}
    assert run(["data", "check", "qa.jsonl"]) == 2
    assert "qa.jsonl:1行目" in capsys.readouterr().out


def test_check_finds_the_cards_beside_the_pairs(corpus, capsys):
    (corpus / "data/cards/a.yaml").write_text("- {id: c-0, title: 題, text: 文}", encoding="utf-8")
    for path in ("data", "data/qa", "data/qa/a.yaml"):
        code, report = answered(capsys, "check", path)
        assert code == 2
        assert "G001" in {p["id"] for p in report["problems"]}


def test_a_file_that_cannot_be_read_is_told_without_traceback(corpus, capsys):
    assert run(["data", "check", "none.csv"]) == 2
    said = capsys.readouterr()
    assert "見つかりません" in said.err
    assert "Traceback" not in said.err + said.out


def test_split_export_and_estimate_work_one_after_the_other(corpus, home, capsys):
    code, dataset = answered(capsys, "split", "--seed", "3")
    assert code == 0
    assert dataset["counts"]["train"] == 16
    assert dataset["seed"] == 3
    assert answered(capsys, "split", "--seed", "3")[1] == dataset

    code, exported = answered(capsys, "export")
    folder = home / "datasets" / dataset["name"] / "exports/grounded"
    assert exported["lines"]["train"] == 20  # 16 and a quarter of them withheld
    rows = (folder / "train.jsonl").read_text("utf-8").splitlines()
    assert len(rows) == 20
    assert set(json.loads(rows[0])) == {"messages"}
    code, plain = answered(capsys, "export", dataset["name"], "--recipe", "plain", "--out", "x")
    assert plain["lines"] == {"train": 16, "valid": 4}
    assert (corpus / "x/valid.jsonl").is_file()

    code, estimate = answered(capsys, "estimate", "--model", "gpt-4.1-mini", "--epochs", "2")
    assert code == 0
    assert (estimate["recipe"], estimate["lines"], estimate["n_epochs"]) == ("grounded", 20, 2)
    assert estimate["openai"][0]["billed_tokens"] == 2 * estimate["openai"][0]["tokens"]["total"]
    assert estimate["local"] is None


def test_a_held_out_set_has_no_training_side_and_is_never_taken_for_the_latest(
    corpus, home, capsys
):
    _, split = answered(capsys, "split")
    code, held_out = answered(capsys, "split", "--held-out")
    assert code == 0
    assert (held_out["counts"]["train"], held_out["counts"]["valid"]) == (0, 20)
    assert held_out["name"] != split["name"]
    assert open_dataset(home).name == split["name"]
    assert len(open_dataset(home, held_out["name"]).valid) == 20


def test_split_refuses_a_set_with_errors_and_says_how_to_see_them(corpus, capsys):
    (corpus / "few.csv").write_text("質問,回答\na,b\n", encoding="utf-8")
    assert run(["data", "split", "few.csv"]) == 2
    assert "homutune data check few.csv" in capsys.readouterr().err


def test_a_set_without_cards_is_exported_and_estimated_plain(corpus, capsys):
    rows = "".join(f"問い{n}ですか,答えは{n}番です\n" for n in range(12))
    (corpus / "own.csv").write_bytes(f"質問,回答\n{rows}".encode("cp932"))
    assert run(["data", "split", "own.csv"]) == 0
    assert "Shift_JIS" in capsys.readouterr().err
    assert run(["data", "export"]) == 2
    assert "--recipe plain" in capsys.readouterr().err
    assert run(["data", "export", "--recipe", "plain"]) == 0
    capsys.readouterr()
    _, estimate = answered(capsys, "estimate", "own.csv", "--model", "gpt-4o-mini")
    assert (estimate["recipe"], estimate["lines"]) == ("plain", 12)


def test_estimate_says_what_the_local_model_has_not_been_measured_for(corpus, capsys):
    assert run(["data", "estimate", "data"]) == 0
    said = capsys.readouterr()
    assert "gpt-4.1-mini-2025-04-14" in said.out
    assert "ローカル" in said.out
    assert "未計測" in said.out
    assert "仮定" in said.out
    assert "終了しました" in said.err  # gpt-3.5-turbo


@pytest.mark.parametrize("epochs", ["0", "51", "-1", "二", "1.5"])
def test_epochs_outside_the_limits_are_refused(corpus, capsys, epochs):
    assert run(["data", "estimate", "--epochs", epochs]) == 2
    assert "エポック数" in capsys.readouterr().err


def test_a_model_without_a_price_is_refused_with_those_that_have_one(corpus, capsys):
    assert run(["data", "estimate", "--model", "gpt-9"]) == 2
    assert "gpt-4.1-mini-2025-04-14" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["check", "split", "export", "estimate"])
def test_help_is_japanese_and_has_examples(verb, capsys):
    assert run(["data", verb, "--help"]) == 0
    assert "使い方の例" in capsys.readouterr().out


def test_a_probe_measures_minutes_and_memory_in_real_steps_and_is_remembered(
    corpus, home, capsys, monkeypatch
):
    pytest.importorskip("torch")
    from tiny import build_tiny_base

    build_tiny_base(home)
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "tiny-gemma")
    before = answered(capsys, "estimate", "data")[1]["local"]
    assert before["minutes"] is None and not before["memory_measured"]
    assert before["memory_gb"] > 0  # told from the model's shape
    args = ("estimate", "data", "--epochs", "50")
    measured = answered(capsys, *args, "--probe")[1]["local"]
    assert measured["tokens_per_s"] > 0 and measured["minutes"] >= 0
    assert measured["memory_measured"] and measured["memory_gb"] > 0
    assert answered(capsys, *args)[1]["local"] == measured
    assert not [path for path in home.rglob("*") if "checkpoint" in path.name]


def test_a_probe_without_its_base_model_says_how_to_get_it(corpus, capsys):
    pytest.importorskip("torch")
    assert run(["data", "estimate", "data", "--probe"]) == 2
    assert "homutune doctor --prepare" in capsys.readouterr().err


def test_a_probe_of_a_model_that_is_trained_elsewhere_is_refused(corpus, capsys):
    assert run(["data", "estimate", "data", "--model", "gpt-4.1-mini", "--probe"]) == 2
    told = capsys.readouterr().err
    assert "ローカルのモデルだけ" in told and "--model を外して" in told
