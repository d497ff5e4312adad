import random

import pytest

from homutune.data import check_examples, prove_separation
from homutune.data._checks._signatures import SHINGLE, Keys, Signatures, comparable
from pairs import pair

WORDS = "契約 解除 通知 売主 買主 期間 損害 賠償 請求 検査 納品 代金 支払 保証 秘密 情報 委託"
WORDS = WORDS.split()


def text(rng, words=30):
    return "".join(rng.choice(WORDS) for _ in range(words))


def jaccard(one, other):
    a, b = ({t[i : i + SHINGLE] for i in range(len(t) - SHINGLE + 1)} for t in (one, other))
    return len(a & b) / len(a | b)


def grouped(texts, threshold):
    signatures = Signatures()
    for item in texts:
        signatures.add(comparable(item))
    return [set(map(int, group)) for group in signatures.groups(threshold)]


def test_nearly_equal_texts_among_thousands_are_found_and_others_are_not():
    rng = random.Random(1)
    texts = [text(rng) for _ in range(5000)]
    pairs = {}
    for index in range(0, 400):
        copy = texts[index]
        cut = rng.randrange(10, 40)
        copy = copy[:cut] + rng.choice(WORDS) + copy[cut + 2 :]
        pairs[len(texts)] = index
        texts.append(copy)
    groups = grouped(texts, 0.7)
    of = {member: group for group in groups for member in group}
    assert sum(old in of.get(new, ()) for new, old in pairs.items()) >= 0.98 * len(pairs)
    for group in groups:
        first, *others = sorted(group)
        assert all(max(jaccard(texts[o], texts[m]) for m in group - {o}) > 0.5 for o in others)
        assert first < 5000


def test_texts_too_short_to_compare_are_in_no_group():
    assert grouped(["", "あ", "ab", "", "。。。。"], 0.5) == []


def test_a_broken_character_does_not_stop_the_comparison():
    assert grouped(["契約の\ud800解除です", "契約の\ud800解除です"], 0.9) == [{0, 1}]


def test_keys_come_together_in_the_order_of_their_first():
    keys = Keys()
    for key in (7, 0, 5, 7, 0, 5, 9, 7):
        keys.add(key)
    assert [list(map(int, group)) for group in keys.groups()] == [[0, 3, 7], [2, 5]]


def test_a_paraphrased_question_with_the_opposite_answer_is_a_contradiction():
    ask = "当社の取引先が納期を守らないとき、催告をすれば契約を解除できますか。"
    again = "当社の取引先が納期を守らないとき、催告をすれば契約を解除できるのでしょうか。"
    yes, no = "結論：はい。解除できます。", "結論：いいえ。解除できません。"

    def rules(one, other, second=again):
        found = check_examples([pair(1, one, ask), pair(2, other, second)]).findings
        return {f.rule.id for f in found} & {"D004", "Q001"}

    assert rules(yes, no) == {"D004", "Q001"}
    assert rules(yes, yes) == {"D004"}
    assert rules("結論：10日以内です。", "結論：20日以内です。") == {"D004", "Q001"}
    # Another condition makes another question: the answers may differ.
    assert rules(yes, no, ask.replace("催告をすれば", "催告をしないで")) == {"D004"}


def test_parts_that_share_nothing_are_proven_apart():
    left = [pair(n, question=f"{'甲乙丙丁戊'[n]}社の{WORDS[n]}はどうしますか。") for n in range(3)]
    right = [pair(9, answer="別の答えです。", question="海外の子会社に役員を送る手順は何ですか。")]
    proof = prove_separation(left, right)
    assert proof.ok
    assert proof.closest[0].right == "q-009"
    assert proof.closest[0].jaccard < 0.3


def test_a_question_reworded_across_the_parts_is_a_leak():
    left = [pair(1, question="取引先が納期を守らないとき、契約を解除できますか。")]
    right = [pair(2, "別の答え。", "取引先が納期を守らないとき、契約を解除できるでしょうか。")]
    proof = prove_separation(left, right)
    assert not proof.ok
    (near,) = proof.near
    assert (near.left, near.right, near.part) == ("q-001", "q-002", "question")
    texts = [comparable(e.question) for e in (left[0], right[0])]
    assert near.jaccard == pytest.approx(jaccard(*texts), abs=1e-3)


def test_the_same_answer_and_shared_groups_are_leaks_within_one_set_only():
    left = [pair(1, question="最初の問いです。", group="a")]
    right = [pair(1, question="まったく異なる内容を尋ねます。", group="a")]
    proof = prove_separation(left, right)
    assert {near.part for near in proof.near} == {"answer"}
    assert len(proof.shared) == 2  # id and group
    assert prove_separation(left, right, same_set=False).shared == ()
