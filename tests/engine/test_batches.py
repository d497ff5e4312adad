from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from homutune.engine._batches import micro_batches, pad, plan_epoch
from homutune.engine._chat import NOT_SCORED, Tokens

lengths = st.lists(st.integers(1, 500), min_size=1, max_size=80)


@given(lengths, st.integers(1, 16), st.integers(0, 99), st.integers(0, 5))
def test_every_example_comes_once_per_epoch_and_the_plan_is_repeatable(
    sizes: list[int], batch_size: int, seed: int, epoch: int
) -> None:
    plan = plan_epoch(sizes, batch_size, seed, epoch)
    assert sorted(i for batch in plan for i in batch) == list(range(len(sizes)))
    assert all(1 <= len(batch) <= batch_size for batch in plan)
    assert plan == plan_epoch(sizes, batch_size, seed, epoch)


def test_epochs_differ_and_batches_hold_similar_lengths() -> None:
    sizes = [10 * (i % 20) + 5 for i in range(200)]
    first, second = plan_epoch(sizes, 4, 1, 0), plan_epoch(sizes, 4, 1, 1)
    assert first != second
    padding = sum(max(sizes[i] for i in b) * len(b) - sum(sizes[i] for i in b) for b in first)
    assert padding < 0.25 * sum(sizes)


@given(lengths, st.integers(10, 2000))
def test_micro_batches_keep_every_example_and_the_limit(sizes: list[int], limit: int) -> None:
    examples = [Tokens([i] * n, [i] * n) for i, n in enumerate(sizes)]
    parts = micro_batches(examples, limit)
    assert sorted(e.ids[0] for part in parts for e in part) == list(range(len(sizes)))
    for part in parts:
        assert len(part) == 1 or max(len(e.ids) for e in part) * len(part) <= limit


def test_padding_is_on_the_right_and_not_scored() -> None:
    batch = pad([Tokens([5, 6, 7], [NOT_SCORED, 6, 7]), Tokens([8], [8])], pad_id=0)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch["labels"].tolist() == [[NOT_SCORED, 6, 7], [8, NOT_SCORED, NOT_SCORED]]


def test_the_length_of_the_answer_does_not_decide_who_shares_a_step() -> None:
    # Every third example is a short answer after a prompt of ordinary length.
    examples = [
        Tokens([1] * (n + a), [NOT_SCORED] * n + [1] * a)
        for n, a in ((50 + i * 7 % 60, 2 if i % 3 == 0 else 40) for i in range(240))
    ]
    plan = plan_epoch([example.prompt for example in examples], 4, seed=1, epoch=0)
    only_short = [b for b in plan if all(examples[i].scored == 2 for i in b)]
    assert len(only_short) <= 0.1 * len(plan)
