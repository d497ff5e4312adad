import datetime
import io
import json

import docx
import pytest
import yaml

from homutune.assistant import (
    certified_letter,
    check_answers,
    check_certified,
    count_characters,
    draft,
    form_text,
    legal_basis,
    load_playbooks,
    load_templates,
    review_document,
    template_folder,
    text_document,
)
from homutune.cli._app import run
from homutune.errors import UserError


@pytest.fixture(scope="module")
def templates():
    return load_templates()


@pytest.fixture(scope="module")
def books():
    return load_playbooks()


def examples(template, **changed):
    answers = {f.name: f.example if f.default is None else f.default for f in template.fields}
    return {**answers, **changed}


def test_there_is_a_template_for_every_playbook_and_three_letters(templates, books):
    assert set(books) < set(templates)
    assert set(templates) - set(books) == {"saikoku", "kaijo-tsuchi", "memo"}


def test_every_draft_is_clean_under_its_own_playbook(templates, books):
    made = 0
    for name, book in books.items():
        template = templates[name]
        yes = {f.name: "はい" for f in template.fields if f.kind == "yesno"}
        variants = [({}, {})] + ([(yes, {})] if yes else [])
        variants += [({}, {c.id: o}) for c in template.clauses for o in list(c.options)[1:]]
        for side in (side.name for side in book.sides):
            for changed, options in variants:
                if options.get("songai") == "上限なし" and side == "受託者":
                    continue  # a choice against this side's own playbook
                done = draft(
                    template,
                    examples(template, **changed),
                    playbook=book,
                    side=side,
                    options=options,
                )
                document = text_document("a.txt", done.text)
                review = review_document(document, books, side=side)
                assert (review.type, review.type_source) == (name, "自動判定")
                assert [f.gap for f in review.findings] == [], (name, side, options)
                assert done.problems == (), (name, side, options)
                assert "{{" not in done.text
                made += 1
    assert made > 40


def test_the_draft_for_the_other_side_differs_by_few_findings_at_most(templates, books):
    for name, book in books.items():
        first, second = (side.name for side in book.sides)
        for ours, theirs in ((first, second), (second, first)):
            done = draft(templates[name], examples(templates[name]), playbook=book, side=ours)
            review = review_document(
                text_document("a.txt", done.text), books, side=theirs, contract_type=name
            )
            assert len(review.findings) <= 2, (name, ours)


def test_the_side_and_the_option_choose_the_wording(templates, books):
    template, book = templates["license"], books["license"]
    ours = draft(template, examples(template), playbook=book, side="ライセンサー")
    theirs = draft(template, examples(template), playbook=book, side="ライセンシー")
    assert "知る限り" in ours.text
    assert "知る限り" not in theirs.text
    assert "甲は、本契約の締結の時において" in ours.text  # roles become 甲 and 乙
    exclusive = draft(
        template,
        examples(template),
        playbook=book,
        side="ライセンシー",
        options={"kyodaku": "独占", "kikan": "更新なし"},
    )
    assert "独占的な通常実施権" in exclusive.text
    assert exclusive.options["kikan"] == "更新なし"
    for wrong in ({"kyodaku": "半独占"}, {"hansha": "なし"}):
        with pytest.raises(UserError):
            draft(template, examples(template), playbook=book, side="ライセンシー", options=wrong)


def test_clauses_left_out_move_the_references(templates, books):
    template, book = templates["koyo"], books["koyo"]
    with_it = draft(
        template, examples(template, overtime="はい"), playbook=book, side="使用者"
    ).text
    without = draft(template, examples(template), playbook=book, side="使用者").text
    assert "（固定残業代）" in with_it
    assert "（固定残業代）" not in without
    numbers = [line.split("条")[0] for line in without.splitlines() if line.startswith("第")]
    assert numbers == [f"第{n}" for n in range(1, len(numbers) + 1)]


def test_all_wrong_answers_are_told_at_once(templates):
    template = templates["gyomu-itaku"]
    given = examples(
        template,
        kou="同じ株式会社",
        otsu="同じ株式会社",
        fee="たくさん",
        start="2027-02-30",
        delivery="2026-01-01",
        nature="雇用",
        work="甲\u202e乙",
        extra="x",
    )
    given["signed"] = ""
    with pytest.raises(UserError) as caught:
        check_answers(template, given)
    said = str(caught.value)
    for words in ("fee", "start", "nature", "見えない文字", "extra", "signed", "甲と乙が同じ"):
        assert words in said
    with pytest.raises(UserError, match="より前です"):
        check_answers(template, examples(template, end="2027-03-31", start="2027-04-01"))


def test_answers_are_values_and_never_templates(templates, books):
    template = templates["nda"]
    done = draft(
        template,
        examples(template, purpose="{{ 7 * 7 }}の検討"),
        playbook=books["nda"],
        side="受領側",
    )
    assert "{{ 7 * 7 }}" in done.text


def test_a_form_filled_with_its_own_examples_is_accepted(templates):
    for template in templates.values():
        given = yaml.load(form_text(template), yaml.BaseLoader)
        values = check_answers(template, given)
        assert set(values) == {f.name for f in template.fields}
    assert check_answers(templates["nda"], given={**examples(templates["nda"])})[
        "start"
    ].date == datetime.date(2027, 4, 1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["clauses"].append("nothing"), "共通の条 nothing"),
        (lambda c: c["clauses"].append(c["clauses"][0]), "重複"),
        (lambda c: c["clauses"][0].update(when="nobody"), "nobody"),
        (lambda c: c["clauses"][0].update(rules=["x"]), "どれか一つ"),
        (lambda c: c["fields"][0].update(kind="color"), "kind"),
        (lambda c: c["clauses"][0].update(text="{{ nobody }}"), "nobody"),
        (lambda c: c["clauses"][0].update(text="{{ ref('x') }}"), "条 x"),
        (lambda c: c["clauses"][0].update(text="{{ sample('x') }}"), "x の文例"),
        (
            lambda c: c["clauses"][0].update(text="{{ kou.__class__.__mro__ }}"),
            "組み立てられません",
        ),
    ],
)
def test_a_broken_template_is_refused(tmp_path, books, change, told):
    for name in ("_common.yaml", "nda.yaml"):
        content = yaml.safe_load((template_folder() / name).read_text("utf-8"))
        if name == "nda.yaml":
            change(content)
        (tmp_path / name).write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    with pytest.raises(UserError, match=told):
        template = load_templates(tmp_path)["nda"]
        draft(template, examples(template), playbook=books["nda"], side="受領側")


def test_a_defined_term_without_use_and_a_missing_signature_are_told(templates, books):
    template = templates["nda"]
    closing = template.closing.replace("{{ otsu }}", "")
    unused = template.model_copy(
        update={"closing": closing, "preamble": template.preamble + "（以下「本提案」という。）"}
    )
    done = draft(unused, examples(template), playbook=books["nda"], side="受領側")
    assert any("本提案" in problem for problem in done.problems)
    assert any("署名欄に「乙」" in problem for problem in done.problems)


def test_letters_are_set_in_lines_of_20_and_sheets_of_26(templates):
    for name in ("saikoku", "kaijo-tsuchi"):
        text = draft(templates[name], examples(templates[name])).text
        letter = certified_letter(text)
        assert "".join(line for s in letter.sheets for line in s) == text.replace("\n", "")
        lines = [line for sheet in letter.sheets for line in sheet]
        assert max(map(count_characters, lines)) <= 20
        assert all(len(sheet) <= 26 for sheet in letter.sheets)
        assert not any(line[0] in "、。）" for line in lines)
        assert check_certified("\f".join("\n".join(s) for s in letter.sheets)) == []


def test_what_the_post_office_refuses_is_refused():
    assert count_characters("①と㎡と⑩") == 2 + 1 + 2 + 1 + 3
    assert check_certified("あ" * 21) == ["1 枚目 1 行目が 21 字です（20 字まで）"]
    assert check_certified("あ\n" * 27) == ["1 枚目が 27 行です（26 行まで）"]
    with pytest.raises(UserError, match="🙂"):
        certified_letter("支払え🙂")
    assert "固有名詞" in certified_letter("ＡＢＣ株式会社").warnings[0]
    assert "2 枚" in certified_letter("あ\n" * 27).warnings[0]
    # A paragraph of nothing but 句読点 ends all the same.
    assert "".join(certified_letter("。" * 45).sheets[0]) == "。" * 45


def test_the_notes_of_letters_name_articles_that_exist(templates):
    basis = [b for t in templates.values() for b in legal_basis(t.notes)]
    assert {b.status for b in basis} == {"確認済み"}


@pytest.fixture
def form(home, tmp_path, capsys):
    assert run(["draft", "license", "--form"]) == 0
    path = tmp_path / "回答.yaml"
    path.write_text(capsys.readouterr().out, "utf-8")
    return path


def test_the_command_writes_a_word_file_from_a_form(form, tmp_path, capsys):
    target = tmp_path / "契約書.docx"
    command = ["draft", "license", "--side", "ライセンシー", "--answers", str(form)]
    assert run([*command, "--set", "rate=5", "--out", str(target)]) == 0
    said = capsys.readouterr().out
    assert "差異: 0 件" in said
    paragraphs = [p.text for p in docx.Document(str(target)).paragraphs]
    assert paragraphs[0] == "ライセンス契約書"
    assert any("正味販売額の5％" in text for text in paragraphs)
    assert run(["review", str(target), "--side", "ライセンシー", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


def test_the_command_lists_prints_and_refuses(form, tmp_path, capsys):
    assert run(["draft"]) == 0
    assert "kyodo-kenkyu" in capsys.readouterr().out
    assert run(["draft", "memo", "--set", "subject=件名", "--json"]) == 2
    capsys.readouterr()
    for wrong in (
        ["draft", "遺言"],
        ["draft", "license", "--answers", str(form)],
        ["draft", "license", "--side", "買主", "--answers", str(form)],
        ["draft", "license", "--side", "ライセンサー"],
        ["draft", "license", "--side", "ライセンサー", "--answers", str(form), "--set", "x"],
        ["draft", "license", "--side", "ライセンサー", "--answers", str(form), "--out", "a.pdf"],
        ["draft", "license", "--side", "ライセンサー", "--answers", "nowhere.yaml"],
    ):
        assert run(wrong) == 2, wrong
        assert "対処" in capsys.readouterr().err
    assert not (tmp_path / "a.pdf").exists()


def test_a_demand_is_written_in_the_form_of_certified_mail(home, tmp_path, capsys):
    assert run(["draft", "saikoku", "--form"]) == 0
    path = tmp_path / "a.yaml"
    path.write_text(capsys.readouterr().out, "utf-8")
    target = tmp_path / "催告書.txt"
    assert run(["draft", "催告書", "--answers", str(path), "--out", str(target), "--json"]) == 0
    assert check_certified(target.read_text("utf-8")) == []
    assert json.loads(capsys.readouterr().out)["sheets"][0][0] == "催告書"
    assert run(["draft", "memo", "--form"]) == 0
    path.write_text(capsys.readouterr().out, "utf-8")
    assert run(["draft", "memo", "--answers", str(path)]) == 0
    assert "フリーランス法4条1項（確認済み）" in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_without_answers_every_question_is_put_until_it_is_answered_well(
    home, tmp_path, capsys, monkeypatch, templates
):
    template = templates["kaijo-tsuchi"]
    given = examples(template, demanded="いいえ")
    lines = []
    for field in template.fields:
        if field.when:
            continue
        if field.name == "date":
            lines.append("きのう")
        lines.append("" if field.default == given[field.name] else given[field.name])
    monkeypatch.setattr("sys.stdin", Terminal("\n".join(lines) + "\n"))
    target = tmp_path / "通知.txt"
    assert run(["draft", "kaijo-tsuchi", "--out", str(target)]) == 0
    assert "暦にある日" in capsys.readouterr().err
    text = target.read_text("utf-8").replace("\n", "")
    assert "同契約第十二条に基づき" in text
    assert "催告しましたが" not in text
