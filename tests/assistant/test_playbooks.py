import gzip
import json
import re
from pathlib import Path

import pytest
import yaml

from homutune.assistant import load_playbooks, playbook_folder
from homutune.errors import UserError
from homutune.law import canonical_law, extract_citations

LAWS = Path(__file__).resolve().parents[2].parent / "shared/law/main_laws_articles.jsonl.gz"


@pytest.fixture(scope="module")
def books():
    return load_playbooks()


def test_every_rule_says_what_is_standard_why_and_how_to_word_it(books):
    structural = {"sanshou", "teigi", "joban", "besshi", "tojisha", "hizuke", "kuran"}
    for book in books.values():
        for rule in book.rules:
            for side in (side.name for side in book.sides):
                if rule.sides and side not in rule.sides:
                    continue
                assert rule.text("standard", side), (book.type, rule.id, side)
                assert rule.id in structural or rule.text("sample", side), (book.type, rule.id)
            assert rule.commentary
            assert rule.missing or rule.checks, f"{rule.id} can never find anything"


def test_every_article_named_in_a_playbook_is_a_citation(books):
    for book in books.values():
        for text in [a for rule in book.rules for a in rule.law]:
            (citation,) = extract_citations(text)
            assert citation.label == text


def test_every_article_named_in_a_playbook_exists():
    if not LAWS.is_file():
        pytest.skip(f"{LAWS.name} is not beside this checkout")
    articles: dict[str, set[str]] = {}
    with gzip.open(LAWS, "rt", encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            inner = re.fullmatch(r".+号（(.+)）", row["title"])
            law = canonical_law(inner[1] if inner else row["title"])
            articles.setdefault(str(law), set()).add(row["n"])
    checked, missing = 0, []
    for path in playbook_folder().glob("*.yaml"):
        for citation in extract_citations(path.read_text("utf-8")):
            if citation.law == "商法" and citation.article == "514":
                continue  # a search pattern: the repealed article itself
            checked += 1
            if citation.article not in articles.get(citation.law, ()):
                missing.append((path.name, citation.label))
    assert checked > 60
    assert missing == []


def written(tmp_path, change):
    content = yaml.safe_load((playbook_folder() / "nda.yaml").read_text("utf-8"))
    content["common"] = []
    change(content)
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    return load_playbooks(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["rules"][0].update(priority="最高"), "nda-mokuteki → priority"),
        (lambda c: c["rules"][0]["find"].update(body="(("), "正規表現"),
        (lambda c: c["rules"].append(c["rules"][0]), "重複"),
        (lambda c: c["rules"][0].update(sides=["売主"]), "売主"),
        (lambda c: c["rules"][0].update(extra=1), "nda-mokuteki → extra"),
        (lambda c: c["rules"][0]["checks"][0].pop("pattern"), "pattern"),
        (lambda c: c.update(common=["nothing"]), "共通ルール nothing"),
    ],
)
def test_a_broken_playbook_is_refused_with_the_rule_at_fault(tmp_path, change, told):
    with pytest.raises(UserError, match=told):
        written(tmp_path, change)


def test_the_version_changes_with_the_content(tmp_path):
    first = written(tmp_path, lambda c: None)["nda"].version
    assert written(tmp_path, lambda c: None)["nda"].version == first
    changed = written(tmp_path, lambda c: c["rules"][0].update(priority="低"))["nda"].version
    assert changed != first
    assert changed.startswith("2026-11-22+")
