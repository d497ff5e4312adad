"""The bundled corpus keeps its own rules, and names only articles that exist."""

import gzip
import json
import re
from pathlib import Path

import pytest

from homutune.data import check_examples, corpus_path, read_cards, read_contrast, read_examples
from homutune.law import canonical_law, extract_citations

LAWS = Path(__file__).resolve().parents[2].parent / "shared/law/main_laws_articles.jsonl.gz"


@pytest.fixture(scope="module")
def corpus():
    folder = corpus_path()
    if not any(folder.glob("qa/*.yaml")):
        pytest.skip("the corpus has no pairs yet")
    return read_examples(folder), read_cards(folder)


def test_the_corpus_passes_the_checks(corpus):
    examples, cards = corpus
    report = check_examples(examples, cards)
    assert [f"{p.file}:{p.line} {p.message}" for p in report.errors] == []
    assert [f"{p.file}:{p.line} {p.message}" for p in report.warnings] == []


def test_every_pair_has_a_card_and_a_kind_and_every_kind_25_pairs(corpus):
    examples, _ = corpus
    assert all(e.meta.cards and e.meta.kind and e.meta.as_of and e.meta.must for e in examples)
    assert min(check_examples(examples).by_kind.values()) >= 25


def test_every_article_named_in_the_corpus_exists(corpus):
    if not LAWS.is_file():
        pytest.skip(f"{LAWS.name} is not beside this checkout")
    articles: dict[str, set[str]] = {}
    with gzip.open(LAWS, "rt", encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            # 昭和二十二年法律第五十四号（私的独占の…法律）: the name in use is in the brackets.
            inner = re.fullmatch(r".+号（(.+)）", row["title"])
            law = canonical_law(inner[1] if inner else row["title"])
            articles.setdefault(str(law), set()).add(row["n"])
    examples, cards = corpus
    texts = [(c.id, " ".join((c.text, *c.articles))) for c in cards]
    texts += [(e.meta.id, " ".join((e.answer, *e.meta.articles))) for e in examples]
    texts += [
        (p.id, " ".join((p.right, *p.paraphrases, *p.articles)))
        for p in read_contrast(corpus_path())
    ]
    missing, checked = [], 0
    for name, text in texts:
        for citation in extract_citations(text):
            checked += 1
            if citation.article not in articles.get(citation.law, ()):
                missing.append((name, citation.label))
    assert checked > len(cards)
    assert missing == []
