"""Hand-made answers get the scores a reader would give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from homutune.data import ABSTENTION, Dataset, Example, Split, create_dataset, with_sources
from homutune.evaluation import Answer, ItemScore, Scorer, learned_from
from homutune.evaluation import _text as text
from homutune.evaluation._safeguards import find_leakage, mark_scale
from homutune.evaluation._vocabulary import expected_terms, term_recall
from homutune.tuning import ModelEntry, remember_model
from pairs import pair

SHOWN = ("shoshu", "kaiko", "chingin")  # the right card is number 2


@pytest.fixture
def item(dataset: Dataset) -> Example:
    return next(item for item in dataset.valid if item.meta.id == "kaiko-0")


def score(
    dataset: Dataset,
    item: Example,
    answer: str,
    *,
    finish_reason: str = "stop",
    shown: tuple[str, ...] = (),
    withheld: bool = False,
) -> ItemScore:
    scorer = Scorer(dataset.examples, dataset.cards)
    given = Answer(item.meta.id, answer, finish_reason, shown=shown)
    return scorer.score(item, given, withheld=withheld)


def cited(dataset: Dataset, item: Example, numbers: list[int]) -> str:
    (card,) = [card for card in dataset.cards if card.id == item.meta.cards[0]]
    return with_sources(item.answer, [(number, card) for number in numbers])


def test_notes_that_retrieval_kept_back_count_against_the_model(
    dataset: Dataset, item: Example
) -> None:
    scorer = Scorer(dataset.examples, dataset.cards)
    silent = scorer.score(item, Answer(item.meta.id, ABSTENTION, "stop"), searched=True)
    assert silent.flags["right_card"] is False
    assert silent.flags["over_abstained"] is True
    plain = scorer.score(item, Answer(item.meta.id, ABSTENTION, "stop"))
    assert "right_card" not in plain.flags


def test_the_reference_answer_gets_full_marks(dataset: Dataset, item: Example) -> None:
    result = score(dataset, item, cited(dataset, item, [2]), shown=SHOWN)
    assert result.criteria == pytest.approx(dict.fromkeys(result.criteria, 1.0))
    assert result.flags == {
        "retrieved": True,
        "right_card": True,
        "verbatim": False,
        "over_abstained": False,
        "contradicts": False,
        "stopped": True,
    }


def test_a_wrong_number_in_a_well_written_answer_costs_correctness_only(
    dataset: Dataset, item: Example
) -> None:
    wrong = item.answer.replace("30日前", "90日前").replace("労働基準法20条", "労働基準法24条")
    result = score(dataset, item, wrong)
    assert result.parts["correctness"] == {"rubric": 0.5, "articles": 0.0, "legal": 0.0}
    # The article alone costs its own part and no second one; as evidence it is kept.
    other = score(dataset, item, item.answer.replace("労働基準法20条", "労働基準法24条"))
    assert other.parts["correctness"] == {"rubric": 1.0, "articles": 0.0, "legal": None}
    assert [difference.type for difference in other.differences] == ["article"]
    assert result.criteria["style"] == 1.0
    assert result.criteria["relevance"] == 1.0


def test_a_wrong_statement_cancels_a_right_one(dataset: Dataset, item: Example) -> None:
    result = score(dataset, item, item.answer + "\n100年以内でもかまいません。")
    assert result.parts["correctness"]["rubric"] == 0.5


def test_citing_every_article_does_not_pay(dataset: Dataset, item: Example) -> None:
    result = score(dataset, item, item.answer + "民法1条、民法566条、商法526条も参照します。")
    assert result.parts["expertise"]["article_precision"] == 0.25
    assert result.parts["expertise"]["article_recall"] == 1.0
    assert result.parts["correctness"]["articles"] == pytest.approx(0.4)


def test_abstaining_on_an_answerable_question_is_not_correct(
    dataset: Dataset, item: Example
) -> None:
    result = score(dataset, item, ABSTENTION, shown=SHOWN)
    assert result.criteria["correctness"] == result.criteria["relevance"] == 0.0
    assert result.flags["right_card"] is False
    assert result.flags["over_abstained"] is True


def test_abstaining_is_right_when_the_card_was_withheld(dataset: Dataset, item: Example) -> None:
    abstained = score(dataset, item, ABSTENTION, shown=("shoshu",), withheld=True)
    assert abstained.flags == {"abstained": True, "stopped": True}
    assert abstained.criteria == {}
    invented = score(dataset, item, item.answer, shown=("shoshu",), withheld=True)
    assert invented.flags["abstained"] is False


@pytest.mark.parametrize("numbers", [[1], [1, 2], [], [7]])
def test_only_the_right_numbers_are_right(
    dataset: Dataset, item: Example, numbers: list[int]
) -> None:
    result = score(dataset, item, cited(dataset, item, numbers), shown=SHOWN)
    assert result.flags["right_card"] is False


def test_the_model_is_not_blamed_for_a_card_that_was_not_retrieved(
    dataset: Dataset, item: Example
) -> None:
    result = score(dataset, item, ABSTENTION, shown=("shoshu", "chingin"))
    assert result.flags["retrieved"] is False
    assert result.flags["right_card"] is None
    assert result.flags["over_abstained"] is None


def test_repeating_the_question_is_neither_correct_nor_expert(
    dataset: Dataset, item: Example
) -> None:
    result = score(dataset, item, item.question)
    assert result.criteria["correctness"] == 0.0
    assert result.parts["relevance"]["own_words"] == 0.0
    assert result.criteria["expertise"] == 0.0


def test_repetition_and_being_cut_off_cost_style(dataset: Dataset, item: Example) -> None:
    result = score(dataset, item, "期限があります。" * 40, finish_reason="length")
    assert result.parts["style"]["stopped"] == 0.0
    assert result.flags["stopped"] is False
    assert (result.parts["style"]["no_repetition"] or 0) < 0.1
    assert result.parts["style"]["polite"] == 1.0
    assert result.parts["style"]["three_lines"] == 0.0


def test_an_empty_answer_scores_nothing_but_its_end(dataset: Dataset, item: Example) -> None:
    result = score(dataset, item, "")
    assert result.criteria["correctness"] == result.criteria["relevance"] == 0.0
    assert result.criteria["expertise"] == 0.0
    assert {name for name, value in result.parts["style"].items() if value} == {"stopped"}


def test_topic_is_a_rank_and_chance_is_zero(dataset: Dataset, item: Example) -> None:
    # Four other groups answered at once: own reference at most sixth of fourteen, below chance.
    foreign = [e.answer for e in dataset.valid if e.meta.group != "kaiko"]
    assert score(dataset, item, item.answer).parts["relevance"]["topic"] == 1.0
    assert score(dataset, item, "\n".join(foreign[2:])).parts["relevance"]["topic"] == 0.0
    assert score(dataset, item, "XYZ").parts["relevance"]["topic"] == 0.0


def test_rubric_points_match_across_width_and_spaces() -> None:
    assert text.rubric_share("１ 年以内に通知", ["1年以内|一年以内", "通知"], []) == 1.0
    assert text.rubric_share("何か", [], ["x"]) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("結論：a\n根拠：b\n留意点：c", 1.0),
        ("結論:a\n\n根拠:b\n留意点:c\n", 1.0),
        ("根拠：b\n結論：a\n留意点：c", 1 / 3),
        ("結論：a\n根拠：b\n留意点：c\nなお、d", 0.75),
        ("結論：a", 1 / 3),
        ("a", 0.0),
    ],
)
def test_three_lines_in_order(answer: str, expected: float) -> None:
    assert text.three_lines(answer) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("通知が必要です[1]。記録を残します（商法526条）。", 1.0),
        ("結論：はい。通知が必要です。", 1.0),
        ("通知が必要である。記録を残します。", 0.5),
        ("", 0.0),
    ],
)
def test_polite_sentences(answer: str, expected: float) -> None:
    assert text.polite_share(answer) == expected


def test_length_falls_off_on_both_sides() -> None:
    assert [text.length_fit("あ" * n) for n in (0, 50, 100, 450, 675, 900, 2000)] == [
        0.0,
        0.5,
        1.0,
        1.0,
        0.5,
        0.0,
        0.0,
    ]


def test_japanese_share_ignores_digits_and_punctuation() -> None:
    assert text.japanese_share("民法566条、（1）") == 1.0
    assert text.japanese_share("民法article") == pytest.approx(2 / 9)


def test_terms_are_those_of_the_card_and_the_law_but_not_of_the_question() -> None:
    terms = expected_terms(
        "結論：債務不履行により損害賠償を1年以内に請求できます（会社法362条）。",
        "債務不履行のときはどうなりますか",
        ["損害賠償の請求は債務不履行による。1年以内"],
    )
    assert terms == {"損害賠償", "賠償"}
    assert term_recall("賠償を求めます", terms) == 0.5
    assert term_recall("何か", frozenset()) is None


def test_the_marks_on_the_scale_are_far_apart(dataset: Dataset) -> None:
    marks = mark_scale(dataset, dataset.valid)
    assert marks["reference"] == pytest.approx(dict.fromkeys(marks["reference"], 1.0))
    assert marks["other"]["correctness"] < 0.1
    assert marks["echo"]["correctness"] < 0.1


def test_a_nearly_equal_training_question_is_found(dataset: Dataset) -> None:
    # The questions of the tiny dataset differ by four characters only.
    assert len(find_leakage(dataset).near) == len(dataset.valid)
    assert find_leakage(dataset).shared == ()


def test_what_the_model_learned_from_elsewhere_is_compared_too(
    home: Path, dataset: Dataset
) -> None:
    held = create_dataset(
        home,
        dataset.valid,
        dataset.cards,
        Split((), tuple(item.meta.id for item in dataset.valid)),
    )
    assert find_leakage(held).checked == ()
    apart = find_leakage(held, [dataset])
    assert apart.checked == (dataset.name,) and apart.shared == ()
    # The same items on the training side of what the model learned from.
    both = Split(tuple(sorted(e.meta.id for e in dataset.examples)), ())
    leaking = create_dataset(home, dataset.examples, dataset.cards, both)
    found = find_leakage(held, [leaking])
    assert len(found.near) == len(held.valid)
    assert any("グループ" in text for text in found.shared)


def test_equal_ids_of_two_files_are_no_leak(home: Path, dataset: Dataset) -> None:
    def alone(question: str) -> list[Example]:
        return [pair(1, question=question, group=question, cards=())]

    split = Split((alone("解雇")[0].meta.id,), ())
    learned = create_dataset(home, alone("解雇の予告はいつまでですか。"), [], split)
    asked = alone("商標の更新はどうしますか。")
    held = create_dataset(home, asked, [], Split((), (asked[0].meta.id,)))
    found = find_leakage(held, [learned])
    assert (found.shared, found.near, found.checked) == ((), (), (learned.name,))


def test_a_model_trained_on_from_another_has_learned_from_both(
    home: Path, dataset: Dataset
) -> None:
    other = create_dataset(home, [pair(1), pair(2)], [], Split(("q-001", "q-002"), ()))
    for name, base, learned in (("ft:a", "gemma", dataset.name), ("ft:b", "ft:a", other.name)):
        remember_model(home, ModelEntry(name, name, base, "http://127.0.0.1:1/v1", 1,
                                        dataset=learned))  # fmt: skip
    assert {d.name for d in learned_from(home, ["gemma", "ft:b"])} == {dataset.name, other.name}


def test_a_quotation_must_stand_in_a_note_word_for_word(dataset: Dataset, item: Example) -> None:
    (card,) = [card for card in dataset.cards if card.id == item.meta.cards[0]]
    answer = f"結論：はい。\n根拠：「{card.text}」\n留意点：「別紙」を見ます。"
    assert score(dataset, item, answer, shown=SHOWN).flags["verbatim"] is True
    changed = answer.replace("30日前", "90日前")
    assert changed != answer
    assert score(dataset, item, changed, shown=SHOWN).flags["verbatim"] is False
    assert score(dataset, item, answer, shown=("shoshu",)).flags["verbatim"] is False
    assert score(dataset, item, ABSTENTION, shown=SHOWN).flags["verbatim"] is None


def test_a_contradiction_of_the_reference_is_evidence_that_similarity_cannot_give(
    dataset: Dataset, item: Example
) -> None:
    denied = item.answer.replace("行う必要があります", "行う必要はありません")
    result = score(dataset, item, denied)
    assert result.flags["contradicts"] is True
    (difference,) = result.differences
    assert difference.type == "negation"
    assert item.answer[slice(*difference.reference_span)] == difference.reference
    # Rubric words and article are all there: only the legal check lowers the score.
    assert result.parts["correctness"] == {"rubric": 1.0, "articles": 1.0, "legal": 0.0}
    assert result.similarity is not None and result.similarity > 0.9


def test_saying_nothing_contradicts_nothing_and_earns_nothing(
    dataset: Dataset, item: Example
) -> None:
    silent = score(dataset, item, ABSTENTION, shown=SHOWN)
    assert silent.flags["contradicts"] is None and not silent.differences
    off = score(dataset, item, "お問い合わせありがとうございます。担当者が確認します。")
    assert off.flags["contradicts"] is False
    assert off.parts["correctness"]["legal"] is None
    assert off.criteria["correctness"] == 0.0
