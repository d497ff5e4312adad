import pytest

from homutune.data import (
    auto_epochs,
    base_of,
    count_openai_tokens,
    encoding_of,
    estimate_cost,
    load_prices,
)
from homutune.errors import UserError

# Token numbers from the OpenAI Cookbook, "How to count tokens with tiktoken":
# "お誕生日おめでとう" is 9 tokens in cl100k_base and 8 in o200k_base; a role is 1 token.
TEXT = "お誕生日おめでとう"
CHAT = [{"role": "user", "content": TEXT}, {"role": "assistant", "content": TEXT}]


def test_tokens_follow_the_cookbook():
    assert count_openai_tokens(CHAT, "gpt-4.1-mini") == 2 * (3 + 1 + 8) + 3
    assert count_openai_tokens(CHAT, "gpt-3.5-turbo") == 2 * (3 + 1 + 9) + 3
    named = [{"role": "user", "content": "tiktoken is great!", "name": "user"}]
    assert count_openai_tokens(named, "gpt-4") == 3 + 1 + 1 + 6 + 1 + 3


def test_weights_and_special_looking_text_are_counted_as_what_they_are():
    weighted = [CHAT[0], {**CHAT[1], "weight": 0}]
    assert count_openai_tokens(weighted, "gpt-4o") == count_openai_tokens(CHAT, "gpt-4o")
    assert count_openai_tokens([{"role": "user", "content": "<|endoftext|>"}], "gpt-4o") == 14


@pytest.mark.parametrize(
    ("model", "encoding", "assumed"),
    [
        ("gpt-4.1-2025-04-14", "o200k_base", False),
        ("ft:gpt-4.1-mini-2025-04-14:org:suffix:abc", "o200k_base", False),
        ("gpt-4o-mini", "o200k_base", False),
        ("gpt-5", "o200k_base", False),
        ("o4-mini", "o200k_base", False),
        ("gpt-4", "cl100k_base", False),
        ("gpt-4-turbo", "cl100k_base", False),
        ("ft:gpt-3.5-turbo-0125:org::abc", "cl100k_base", False),
        ("gpt-6-mini", "o200k_base", True),
        ("gemma3-270m", "o200k_base", True),
    ],
)
def test_the_encoding_of_each_model(model, encoding, assumed):
    name, note = encoding_of(model)
    assert (name, note is not None) == (encoding, assumed)


def test_a_tuned_name_is_its_base():
    assert base_of("ft:gpt-4o-2024-08-06:org:x:id:ckpt-step-20") == "gpt-4o-2024-08-06"
    assert base_of("gpt-4o") == "gpt-4o"


@pytest.mark.parametrize(
    ("n", "epochs"),
    [(0, 3), (1, 25), (10, 10), (33, 3), (34, 3), (160, 3), (8333, 3), (8334, 2), (50_000, 1)],
)
def test_auto_epochs_are_the_cookbooks(n, epochs):
    assert auto_epochs(n) == epochs


def test_the_cost_is_capped_tokens_times_epochs_times_price():
    # 27 tokens each; 10 examples, 10 epochs by the rule; 5 USD per million.
    estimate = estimate_cost([CHAT] * 10, "gpt-4.1-mini")
    assert (estimate.n_epochs, estimate.billed_tokens) == (10, 2700)
    assert estimate.usd == pytest.approx(2700 * 5 / 1_000_000)
    assert estimate.jpy == 2  # 0.0135 USD at the assumed 155 yen
    assert (estimate.tokens.min, estimate.tokens.median, estimate.tokens.max) == (27, 27, 27)
    assert estimate.to_dict()["model"] == "gpt-4.1-mini-2025-04-14"


def test_an_example_over_the_cap_is_named_and_billed_at_the_cap():
    long = [{"role": "user", "content": "あ" * 30_000}, CHAT[1]]
    estimate = estimate_cost([CHAT, long], "gpt-3.5-turbo", n_epochs=2)
    assert estimate.over_cap == (2,)
    assert estimate.billed_tokens == (29 + 16385) * 2
    (note,) = (note for note in estimate.notes if "16,385" in note)
    assert "2番目" in note
    lost = count_openai_tokens(long, "gpt-3.5-turbo") - 16385
    assert f"{lost:,} トークンは切り捨てられ" in note


def test_a_model_that_is_gone_says_so_and_an_unknown_one_is_refused():
    assert any("終了しました" in note for note in estimate_cost([CHAT], "gpt-3.5-turbo").notes)
    with pytest.raises(UserError, match="gpt-9") as caught:
        estimate_cost([CHAT], "gpt-9")
    assert "gpt-4.1-mini-2025-04-14" in caught.value.remedy


def test_a_price_list_is_dated_editable_and_checked(tmp_path):
    prices = load_prices()
    assert prices.date
    assert "仮定" in prices.usd_jpy_note
    path = tmp_path / "prices.yaml"
    path.write_text(
        "date: 2027-01-01\nsource: 手元\nusd_jpy: 100\nusd_jpy_note: 仮定\n"
        "models:\n  m-1: {train: 1000, input: 1, output: 2, token_cap: 10}\n",
        encoding="utf-8",
    )
    estimate = estimate_cost([CHAT], "m-1", n_epochs=1, prices=load_prices(path))
    assert (estimate.usd, estimate.jpy) == (0.01, 1)
    path.write_text("date: 2027-01-01\n", encoding="utf-8")
    with pytest.raises(UserError, match="料金表"):
        load_prices(path)
