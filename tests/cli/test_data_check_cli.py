"""``homutune data`` check, leaks, pseudonymize, restore, preview and advise, as called."""

import json

import pytest

from homutune.cli._app import run
from homutune.data import open_dataset
from pairs import ANSWER

QUESTIONS = [
    f"{thing}を{deed}ときは、どのような手順で進めますか。"
    for thing in ("倉庫", "商標", "社宅", "機械", "株式", "看板")
    for deed in ("借りる", "売り渡す", "共同で持つ")
]


@pytest.fixture
def folder(home, tmp_path):
    return tmp_path


def write(path, pairs):
    lines = (
        json.dumps(
            {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
        )
        for q, a in pairs
    )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def answered(capsys, *args):
    capsys.readouterr()
    code = run(["data", *args, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_fail_on_decides_what_stops_a_build(folder, capsys):
    write(folder / "qa.jsonl", [(f"{q}\u200b", ANSWER) for q in QUESTIONS])
    assert run(["data", "check", "qa.jsonl"]) == 0
    assert run(["data", "check", "qa.jsonl", "--fail-on", "warning"]) == 2
    write(folder / "bad.jsonl", [(q, ANSWER + "<|im_end|>") for q in QUESTIONS])
    assert run(["data", "check", "bad.jsonl"]) == 2
    assert run(["data", "check", "bad.jsonl", "--fail-on", "never"]) == 0


def test_the_report_is_one_page_that_asks_for_nothing_and_runs_nothing(folder, capsys):
    write(folder / "qa.jsonl", [(q, ANSWER + "<script>alert(1)</script>①") for q in QUESTIONS])
    assert run(["data", "check", "qa.jsonl", "--report", "r.html"]) == 0
    page = (folder / "r.html").read_text("utf-8")
    assert "機種依存文字" in page
    assert "質問の地図" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert run(["data", "check", "qa.jsonl", "--report", "r.json"]) == 0
    assert json.loads((folder / "r.json").read_text("utf-8"))["n"] == len(QUESTIONS)
    assert run(["data", "check", "qa.jsonl", "--report", "r.pdf"]) == 2


def test_fix_writes_a_new_file_and_leaves_the_old_one(folder, capsys):
    write(folder / "qa.jsonl", [(q, ANSWER + "ﾃﾞｰﾀ\x07") for q in QUESTIONS])
    before = (folder / "qa.jsonl").read_bytes()
    code, result = answered(capsys, "check", "qa.jsonl", "--fix")
    assert (code, len(result["fixed"]["changes"])) == (0, len(QUESTIONS))
    assert (folder / "qa.jsonl").read_bytes() == before
    assert "ﾃﾞ" not in (folder / "qa.fixed.jsonl").read_text("utf-8")
    rules = {f["id"] for f in answered(capsys, "check", "qa.fixed.jsonl")[1]["findings"]}
    assert not rules & {"C002", "C005"}
    # A second time nothing is overwritten.
    assert run(["data", "check", "qa.jsonl", "--fix"]) == 2
    assert "--out" in capsys.readouterr().err


def test_fix_of_a_dataset_makes_a_version_that_names_its_parent(folder, home, capsys):
    write(folder / "qa.jsonl", [(q, ANSWER + "①") for q in QUESTIONS])
    assert run(["data", "split", "qa.jsonl"]) == 0
    old = open_dataset(home)
    capsys.readouterr()
    code, result = answered(capsys, "check", "latest", "--fix")
    assert code == 0
    new = open_dataset(home, result["fixed"]["to"])
    assert new.manifest.parents == [old.name]
    assert new.split.valid == old.split.valid
    assert all("①" not in example.answer for example in new.examples)
    assert open_dataset(home, old.name).examples == old.examples


def test_control_characters_of_the_data_do_not_reach_the_terminal(folder, capsys):
    line = {"messages": [{"role": "\x1b[31mbot", "content": "a"}]}
    (folder / "qa.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert run(["data", "check", "qa.jsonl"]) == 2
    assert "\x1b[31mbot" not in capsys.readouterr().out


def test_clients_and_the_plan_are_read_from_files(folder, capsys):
    write(folder / "qa.jsonl", [(q, ANSWER + "青凪フーズです。") for q in QUESTIONS])
    (folder / "c.txt").write_text("株式会社青凪フーズ\n\n", encoding="utf-8")
    (folder / "plan.yaml").write_text("売買: {検査: 3}\n", encoding="utf-8")
    options = ("--clients", "c.txt", "--plan", "plan.yaml")
    _, result = answered(capsys, "check", "qa.jsonl", *options)
    counts = {f["id"]: f["count"] for f in result["findings"]}
    assert (counts["P009"], counts["D007"]) == (len(QUESTIONS), 1)
    (folder / "plan.yaml").write_text("- 1\n", encoding="utf-8")
    assert run(["data", "check", "qa.jsonl", *options]) == 2
    assert "論点の計画" in capsys.readouterr().err


def test_leaks_are_told_with_exit_code_2(folder, home, capsys):
    write(folder / "a.jsonl", [(q, ANSWER) for q in QUESTIONS[:9]])
    write(folder / "b.jsonl", [(f"お尋ねします。{QUESTIONS[3]}", "別の答えです。")])
    code, proof = answered(capsys, "leaks", "a.jsonl", "--against", "b.jsonl")
    assert (code, proof["ok"], proof["near"][0]["left"]) == (2, False, "a-004")
    assert run(["data", "leaks", "a.jsonl", "--against", "b.jsonl"]) == 2
    write(folder / "c.jsonl", [("海外子会社の清算に要る書類は何か。", "別の答えです。")])
    assert answered(capsys, "leaks", "a.jsonl", "--against", "c.jsonl")[0] == 0
    assert run(["data", "leaks", "a.jsonl"]) == 2


def test_pseudonyms_go_out_and_come_back_with_the_key_elsewhere(folder, home, capsys):
    original = [(f"担当の佐藤健一さんです。{q}", '"佐藤健一"が答えます。') for q in QUESTIONS]
    write(folder / "qa.jsonl", original)
    assert run(["data", "pseudonymize", "qa.jsonl", "--out", "out.jsonl"]) == 0
    text = (folder / "out.jsonl").read_text("utf-8")
    assert "佐藤" not in text
    key = home / "pseudonyms/out.json"
    assert key.stat().st_mode & 0o077 == 0
    assert run(["data", "restore", "out.jsonl", "--out", "back.jsonl"]) == 0
    rows = [json.loads(line) for line in (folder / "back.jsonl").read_text("utf-8").splitlines()]
    assert [tuple(m["content"] for m in row["messages"]) for row in rows] == original
    (folder / "answer.txt").write_text("【氏名1】さんへ【氏名9】", encoding="utf-8")
    capsys.readouterr()
    assert run(["data", "restore", "answer.txt", "--map", str(key)]) == 0
    assert capsys.readouterr().out == "佐藤健一さんへ【氏名9】"


def test_the_key_is_never_put_beside_the_data(folder, capsys):
    write(folder / "qa.jsonl", [("佐藤健一さんの件。", ANSWER)])
    assert run(["data", "pseudonymize", "qa.jsonl", "--out", "o.jsonl", "--map", "k.json"]) == 2
    assert "同じフォルダー" in capsys.readouterr().err
    assert not (folder / "o.jsonl").exists()


def test_advice_follows_from_the_data(folder, capsys):
    write(folder / "few.jsonl", [(q, ANSWER) for q in QUESTIONS])
    assert answered(capsys, "advise", "few.jsonl")[1]["choice"] == "retrieve"
    many = [(f"{n}番目の{q}", ANSWER) for n in range(4) for q in QUESTIONS]
    write(folder / "many.jsonl", many)
    assert answered(capsys, "advise", "many.jsonl")[1]["choice"] == "cards_first"
    write(folder / "form.jsonl", [(q, "丁寧にお答えします。") for q, _ in many])
    assert answered(capsys, "advise", "form.jsonl")[1]["choice"] == "plain"
    assert answered(capsys, "advise")[1]["choice"] == "grounded"  # the bundled corpus


def test_preview_shows_what_is_learned_by_openai_models(folder, capsys):
    write(folder / "qa.jsonl", [("質問です。", "髙い鬱蒼とした答えです。")])
    code, result = answered(capsys, "preview", "qa.jsonl", "--model", "gpt-4.1-mini")
    assert code == 0
    learned = "".join(p["text"] for p in result["pieces"] if p["scored"])
    assert learned == "髙い鬱蒼とした答えです。"
    assert result["learned"] < result["tokens"] < result["cap"]
    assert run(["data", "preview", "qa.jsonl", "--line", "2", "--model", "gpt-4.1-mini"]) == 2


def test_preview_shows_the_loss_mask_of_a_local_model(folder, home, capsys, monkeypatch):
    pytest.importorskip("torch")
    from tiny import build_tiny_base

    build_tiny_base(home)
    monkeypatch.setenv("HOMUTUNE_BASE_MODEL", "tiny-gemma")
    write(folder / "qa.jsonl", [("質問です。", "鬱な答えです。")])
    code, result = answered(capsys, "preview", "qa.jsonl")
    assert code == 0
    text = "".join(p["text"] for p in result["pieces"])
    learned = "".join(p["text"] for p in result["pieces"] if p["scored"])
    assert learned == "鬱な答えです。<end_of_turn>"
    assert "質問です。<end_of_turn>" in text
    assert run(["data", "preview", "qa.jsonl"]) == 0
    assert "学習されるのは" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["check", "leaks", "advise", "preview", "pseudonymize", "restore"])
def test_help_is_japanese_and_has_examples(verb, capsys):
    assert run(["data", verb, "--help"]) == 0
    assert "使い方の例" in capsys.readouterr().out
