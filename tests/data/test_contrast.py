"""The bundled contrast set keeps its own rules; the reader names file and line of a fault."""

import re
from collections import Counter

import pytest

from homutune.data import CONTRAST_TYPES, corpus_path, read_cards, read_contrast
from homutune.errors import UserError
from homutune.law import extract_citations, normalize

PAIR = """\
defaults: {type: number, as_of: 2026-11-22}
pairs:
  - id: n-1
    right: 法定利率は年3%です（民法404条）。
    wrong: 法定利率は年6%です（民法404条）。
    paraphrases: [民法404条の法定利率は年3パーセントである。]
    reason: 民法404条2項の率は年3%である。
    articles: [民法404条]
"""


@pytest.fixture(scope="module")
def pairs():
    return read_contrast(corpus_path())


def edits(a: str, b: str) -> int:
    """Levenshtein distance in characters."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def refused(path, text):
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_contrast(path)
    assert caught.value.remedy
    assert caught.value.file == str(path)
    return caught.value


def test_the_bundled_set_has_160_pairs_and_at_least_15_of_every_type(pairs):
    counts = Counter(pair.type for pair in pairs)
    assert sum(counts.values()) >= 160
    assert set(counts) == set(CONTRAST_TYPES)
    assert min(counts.values()) >= 15


def test_every_wrong_side_is_a_small_change_of_the_right_one(pairs):
    far = [
        (pair.id, edits(pair.right, pair.wrong))
        for pair in pairs
        if not 0 < edits(pair.right, pair.wrong) <= min(12, 0.3 * len(pair.right))
    ]
    assert far == []


def test_every_pair_has_two_paraphrases_that_are_neither_side(pairs):
    for pair in pairs:
        texts = {normalize(text) for text in (pair.right, pair.wrong, *pair.paraphrases)}
        assert (pair.id, len(texts)) == (pair.id, 4)


def test_every_article_resolves_and_is_named_by_the_reason_or_the_right_side(pairs):
    for pair in pairs:
        for article in pair.articles:
            (citation,) = extract_citations(article)
            assert normalize(citation.label) == normalize(article), pair.id
        keys = {c.key for article in pair.articles for c in extract_citations(article)}
        named = {c.key for c in extract_citations(f"{pair.right}\n{pair.reason}")}
        assert keys <= named, pair.id


def test_a_named_card_exists_and_holds_the_numbers_of_the_right_side(pairs):
    cards = {card.id: card for card in read_cards(corpus_path())}
    for pair in pairs:
        if pair.card is None:
            continue
        card = cards[pair.card]
        proof = normalize(" ".join((card.text, *card.articles)))
        known = set(re.findall(r"[0-9]+(?:\.[0-9]+)?", proof))
        wanted = set(re.findall(r"[0-9]+(?:\.[0-9]+)?", normalize(pair.right)))
        assert (pair.id, wanted - known) == (pair.id, set())


def test_most_pairs_are_proven_by_a_card_and_contract_pairs_quote_their_clause(pairs):
    assert sum(pair.card is not None for pair in pairs) >= 140
    assert all(pair.articles or "「" in (pair.context or "") for pair in pairs)


def test_defaults_hold_for_every_pair_and_the_line_is_kept(tmp_path):
    path = tmp_path / "set.yaml"
    path.write_text(PAIR, encoding="utf-8")
    (pair,) = read_contrast(path)
    assert (pair.id, pair.type, pair.as_of) == ("n-1", "number", "2026-11-22")
    assert (pair.articles, pair.card, pair.context) == (("民法404条",), None, None)
    assert pair.source is not None
    assert (pair.source.file, pair.source.line) == (str(path), 3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    reason: 民法404条2項の率は年3%である。\n", "", "対の項目に reason がありません。"),
        ("reason:", "resaon: x\n    reason:", "対の項目に知らない項目 resaon があります。"),
        ("type: number", "type: amount", "種類「amount」は使えません。"),
        ("年6%です", "年3%です", "正しい文と誤った文が同じです。"),
        ("    articles: [民法404条]\n", "", "根拠となる articles も context もありません。"),
        ("[民法404条の法定利率は年3パーセントである。]", "[]", "paraphrases が空です"),
        ("- id: n-1", "- 文だけ\n  - id: n-1", "対の項目は「項目: 値」の形にしてください。"),
    ],
)
def test_a_faulty_pair_is_refused_with_its_line(tmp_path, old, new, message):
    assert old in PAIR
    error = refused(tmp_path / "set.yaml", PAIR.replace(old, new))
    assert message in error.message
    assert error.line == 3


def test_a_repeated_id_is_refused_at_its_second_place(tmp_path):
    error = refused(tmp_path / "set.yaml", PAIR + PAIR[PAIR.index("  - id") :])
    assert "id「n-1」が重なっています。" in error.message
    assert error.line == 9


def test_a_file_without_pairs_is_refused(tmp_path):
    assert "pairs" in refused(tmp_path / "set.yaml", "- id: n-1\n").message
    assert "defaults" in refused(tmp_path / "set.yaml", "defaults: 1\npairs: []\n").message
