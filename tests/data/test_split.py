import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homutune.data import Split, find_leaks, split_examples
from homutune.errors import UserError
from pairs import linked, pair

KINDS = ("契約書に関する質問", "法律解釈に関する質問", "リスク分析に関する質問", None)


@st.composite
def sets(draw):
    size = draw(st.integers(2, 60))
    examples = []
    for number in range(size):
        group = draw(st.one_of(st.none(), st.integers(0, 12)))
        shown = draw(st.lists(st.integers(0, 30), max_size=2, unique=True))
        repeated = draw(st.integers(0, 9)) == 0
        examples.append(
            pair(
                number,
                question="いつもの問い" if repeated else "",
                group=None if group is None else f"g{group}",
                cards=tuple(f"c{n}" for n in shown),
                kind=draw(st.sampled_from(KINDS)),
            )
        )
    return examples


@given(sets(), st.integers(0, 5), st.sampled_from([0.1, 0.2, 0.5]))
@settings(max_examples=60, deadline=None)
def test_a_split_covers_everything_once_shares_nothing_and_ignores_order(examples, seed, ratio):
    try:
        split = split_examples(examples, valid_ratio=ratio, seed=seed)
    except UserError as error:
        assert "グループ" in error.message
        return
    assert sorted((*split.train, *split.valid)) == sorted(e.meta.id for e in examples)
    assert split.train
    assert split.valid
    assert find_leaks(examples, split) == []
    random.Random(seed).shuffle(examples)
    assert split_examples(examples, valid_ratio=ratio, seed=seed) == split


@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.35, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_the_share_and_the_kinds_come_out_as_wanted_where_groups_are_small(ratio, seed):
    rng = random.Random(seed)
    examples = [pair(n, group=f"g{n // 3}", kind=rng.choice(KINDS)) for n in range(160)]
    split = split_examples(examples, valid_ratio=ratio, seed=seed)
    assert abs(len(split.valid) / 160 - ratio) < 0.05
    kinds = Counter(e.meta.kind for e in examples)
    valid = Counter(e.meta.kind for e in examples if e.meta.id in split.valid)
    for kind, count in kinds.items():
        assert abs(valid[kind] / count - ratio) < 0.1


def test_the_share_is_kept_where_no_kind_can_be_shared_out():
    examples = [pair(n, kind=f"種類{n}") for n in range(40)]
    assert len(split_examples(examples).valid) == 8


def test_another_seed_gives_another_split():
    examples, _ = linked(60)
    assert split_examples(examples, seed=1).valid != split_examples(examples, seed=2).valid


def test_thousands_of_single_examples_are_split_in_no_time():
    examples = [pair(n, kind=KINDS[n % 4]) for n in range(3000)]
    assert len(split_examples(examples).valid) == 600


def test_two_groups_of_any_size_give_two_sides():
    examples = [pair(n, group="a" if n else "b") for n in range(20)]
    split = split_examples(examples)
    assert split.valid == ("q-000",)


def test_what_cannot_be_split_is_refused():
    with pytest.raises(UserError, match="1つのグループ"):
        split_examples([pair(n, group="a") for n in range(10)])
    with pytest.raises(UserError, match="id が重なって"):
        split_examples([pair(1), pair(1)])
    with pytest.raises(UserError, match="割合"):
        split_examples([pair(1), pair(2)], valid_ratio=1.0)


def test_a_leak_is_named_whatever_links_the_sides():
    examples = [
        pair(1, group="g"),
        pair(2, group="g"),
        pair(3, cards=("c",)),
        pair(4, cards=("c",)),
        pair(5, question="同じ 問い"),
        pair(6, question="同じ問い"),
    ]
    leaks = find_leaks(examples, Split(("q-001", "q-003", "q-005"), ("q-002", "q-004", "q-006")))
    assert ["カード「c」" in leaks[0], "グループ「g」" in leaks[1], "同じ問い" in leaks[2]] == [
        True
    ] * 3
    assert find_leaks(examples, Split(("q-001",), ("q-001",)))[0].startswith("グループ")
