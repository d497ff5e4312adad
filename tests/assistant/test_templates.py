"""A team's own ひな形 as a playbook: missing, extra and differing clauses."""

import json
import re
from pathlib import Path

import docx
import pytest

from assistant.files import make_docx
from assistant.revisions import body, changes
from homutune.assistant import read_document
from homutune.cli._app import run

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture
def files(home, tmp_path):
    """A template with blanks, and a contract of the counterparty made from it."""
    text = (BENCH / "contracts/gyomu-itaku-1.txt").read_text("utf-8")
    template = text.replace("2,000,000", "●●").replace("2026年9月30日", "20XX年●月●日")
    theirs = text.replace("45日以内", "９０日\n以内").replace("通常生ずべき損害", "一切の損害")
    theirs = re.sub(r"(?ms)^第12条（反社.*?(?=^第)", "", theirs)
    theirs = theirs.replace(
        "第15条（契約期間）", "第12条（競業避止）\n乙は、甲の競合と取引しない。\n第15条（契約期間）"
    )
    return (
        make_docx(tmp_path / "業務委託ひな形.docx", tuple(template.splitlines())),
        make_docx(tmp_path / "契約.docx", tuple(theirs.splitlines())),
    )


def compared(capsys, *command):
    capsys.readouterr()
    assert run([*map(str, command), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_imported_template_finds_missing_extra_and_differing_clauses(files, capsys):
    template, contract = files
    made = compared(capsys, "playbook", "import", template, "--name", "業務委託")
    assert [c["label"] for c in made["clauses"]][:2] == ["第1条", "第2条"]
    review = compared(capsys, "review", contract, "--template", "業務委託")
    assert review["playbook_version"] == made["version"]
    found = {(f["kind"], f["topic"]): f for f in review["findings"]}
    assert set(found) == {
        ("差異", "委託料"),
        ("差異", "損害賠償"),
        ("欠落", "反社会的勢力の排除"),
        ("追加", "競業避止"),
    }
    fee = found["差異", "委託料"]
    assert "「45」→「90」" in fee["gap"]
    # Blanks of the template, widths and line breaks are no difference.
    assert fee["gap"].count("→") == 1
    text = read_document(contract).text
    assert text[fee["start"] : fee["end"]] == fee["quote"]
    assert "見当たりません" in found["欠落", "反社会的勢力の排除"]["gap"]


def test_the_same_text_has_no_findings_and_a_file_will_do(files, capsys):
    template, _ = files
    assert compared(capsys, "review", template, "--template", template)["findings"] == []


def test_priorities_set_in_the_file_count_and_older_versions_are_kept(files, home, capsys):
    template, contract = files
    path = Path(compared(capsys, "playbook", "import", template, "--name", "委託")["path"])
    path.write_text(path.read_text("utf-8").replace("priority: 中", "priority: 高"), "utf-8")
    review = compared(capsys, "review", contract, "--template", "委託")
    assert {f["priority"] for f in review["findings"] if f["kind"] != "追加"} == {"高"}
    compared(capsys, "playbook", "import", template, "--name", "委託")
    assert len(list(path.parent.glob("委託@*.yaml"))) == 1
    listed = compared(capsys, "playbook", "list")
    assert [t["name"] for t in listed["templates"]] == ["委託"]
    assert {b["type"] for b in listed["playbooks"]} >= {"nda", "gyomu-itaku"}
    assert run(["playbook", "list"]) == 0


def test_the_wording_of_the_template_can_be_adopted_as_tracked_changes(files, tmp_path, capsys):
    template, contract = files
    review = compared(capsys, "review", contract, "--template", template)
    fee = next(f for f in review["findings"] if f["topic"] == "損害賠償")
    target = tmp_path / "修正案.docx"
    answer = compared(
        capsys,
        *("review", contract, "--template", template),
        *(f"--decide={fee['id']}=採用", f"--redline={target}"),
    )
    assert answer["redline"] == [{"finding": fee["id"], "applied": True, "reason": None}]
    marked = [(c.tag[-3:], "".join(c.itertext())) for c in changes(body(target))]
    assert marked == [("del", "一切"), ("ins", "通常生"), ("ins", "ずべき")] or (
        "通常生ずべき損害を賠償する" in read_document(target).text and len(marked) <= 4
    )


def test_what_is_no_template_is_refused(files, tmp_path, capsys):
    _, contract = files
    assert run(["review", str(contract), "--template", "ない"]) == 2
    assert "homutune playbook import" in capsys.readouterr().err
    letter = docx.Document()
    letter.add_paragraph("拝啓　時下ますますご清栄のこととお慶び申し上げます。")
    letter.save(str(tmp_path / "手紙.docx"))
    assert run(["playbook", "import", str(tmp_path / "手紙.docx")]) == 2
    assert run(["playbook", "import", str(contract), "--name", "../x"]) == 2
    broken = tmp_path / "home/playbooks/壊れ.yaml"
    broken.parent.mkdir(parents=True, exist_ok=True)
    broken.write_text("template: [", "utf-8")
    assert run(["review", str(contract), "--template", "壊れ"]) == 2
    assert "読めません" in capsys.readouterr().err
