"""``from homutune import LegalModel``: the wrapper with law, registry, prices and 仮名化."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from client.upstream import Say, Upstream
from homutune import LegalModel
from homutune.settings import Settings


@pytest.fixture
def settings(home: Path, upstream: Upstream) -> Settings:
    return Settings(home=home, base_url=upstream.base_url)


def test_every_article_of_an_answer_carries_its_verdict(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [Say("民法415条、下請法3条、民法3000条によります。")]
    reply = LegalModel("m", settings=settings).ask("質問")
    assert [(c.label, c.verdict) for c in reply.citations] == [
        ("民法415条", "確認済み"),
        ("下請法3条", "旧法"),
        ("民法3000条", "該当なし"),
    ]
    assert reply.citations[0].url == "https://laws.e-gov.go.jp/law/129AC0000000089"


def test_names_numbers_and_clients_leave_as_placeholders_and_come_back(
    settings: Settings, upstream: Upstream
) -> None:
    upstream.script = [Say(lambda body: body["messages"][-1]["content"])]
    model = LegalModel("m", settings=settings, pseudonymize=True, clients=["東西商事株式会社"])
    question = "東西商事株式会社の佐藤健一さん（090-1234-5678）との契約を解除できますか。"
    reply = model.ask(question)
    sent = upstream.bodies[0]["messages"][-1]["content"]
    for secret in ("東西商事", "佐藤健一", "090-1234-5678"):
        assert secret not in sent
    assert "【取引先1】" in sent
    assert reply.text == question
    conversation = model.conversation()
    conversation.ask(question)
    conversation.ask("佐藤健一さんへの通知は。")
    assert "佐藤" not in json.dumps(upstream.bodies[-1], ensure_ascii=False)
    assert conversation.turns[0].answer == question


def test_the_registry_of_this_home_is_known(
    settings: Settings, upstream: Upstream, home: Path
) -> None:
    name = "ft:gemma3-270m:local:keiyaku:abc"
    entry = {
        "model": name,
        "job_id": "ftjob-1",
        "base": "gemma3-270m",
        "base_url": settings.base_url,
        "created_at": 1,
        "suffix": "keiyaku",
    }
    home.mkdir(exist_ok=True)
    (home / "registry.json").write_text(json.dumps({"models": [entry], "uploads": []}), "utf-8")
    upstream.models = {name: 1}
    assert LegalModel("keiyaku", settings=settings).resolve() == name
    assert LegalModel(settings=settings).resolve() == name


def test_the_import_is_lazy_and_needs_no_word_pdf_or_engine_library() -> None:
    code = (
        "import sys, homutune; assert 'homutune.assistant' not in sys.modules; "
        "from homutune import LegalModel; "
        "heavy = {'torch', 'transformers', 'fastapi', 'lxml', 'docx', 'pypdfium2', 'sklearn'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
