"""Legal checks find the one word that decides, and let other wordings pass."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homutune.data import CONTRAST_TYPES, corpus_path, read_contrast
from homutune.evaluation import LegalDifference, compare

#: Statements of this test's own, none from the contrast set: type, reference, wrong, right.
CASES = [
    (
        "negation",
        "借主は賃料の減額を請求できます。",
        "借主は賃料の減額を請求できません。",
        "借主には賃料の減額を請求することが認められる。",
    ),
    (
        "negation",
        "監査役の同意は必要ありません。",
        "監査役の同意が必要です。",
        "監査役の同意は要らない。",
    ),
    ("negation", "この条項は有効です。", "この条項は無効です。", "この条項は効力を有する。"),
    (
        "negation",
        "届出をしなくてもかまいません。",
        "届出をしなければなりません。",
        "届出は不要である。",
    ),
    (
        "party",
        "受託者は、委託者に納品書を交付します。",
        "委託者は、受託者に納品書を交付します。",
        "納品書は、受託者が委託者に対して交付する。",
    ),
    (
        "party",
        "検査の費用は甲の負担とします。",
        "検査の費用は乙の負担とします。",
        "検査の費用は甲が負担する。",
    ),
    (
        "party",
        "中途で解約できるのは借主です。",
        "中途で解約できるのは貸主です。",
        "借主は、中途で解約することができる。",
    ),
    ("number", "違約金は代金の2割です。", "違約金は代金の3割です。", "違約金は、代金の20%とする。"),
    ("number", "上限は500万円です。", "上限は300万円です。", "上限は五百万円である。"),
    (
        "number",
        "議決権の4分の3の賛成が要ります。",
        "議決権の3分の2の賛成が要ります。",
        "議決権の75%の賛成を要する。",
    ),
    (
        "period",
        "解約は2週間前に申し出ます。",
        "解約は1週間前に申し出ます。",
        "解約の申出は14日前にする。",
    ),
    ("period", "保証は1年間続きます。", "保証は2年間続きます。", "保証は12か月続く。"),
    (
        "period",
        "契約締結の日から起算します。",
        "納品の日から起算します。",
        "起算日は契約の締結日です。",
    ),
    (
        "period",
        "知った時から3年、行為の時から20年で消滅します。",
        "知った時から20年、行為の時から3年で消滅します。",
        "行為の時からは20年、知った時からは3年で消滅する。",
    ),
    ("article", "根拠は民法415条です。", "根拠は民法416条です。", "民法第四百十五条による。"),
    (
        "article",
        "会社法369条2項によります。",
        "会社法369条3項によります。",
        "会社法第369条第2項の定めである。",
    ),
    (
        "bound",
        "従業員が50人以上の会社です。",
        "従業員が50人を超える会社です。",
        "従業員が少なくとも50人いる会社である。",
    ),
    (
        "bound",
        "代金が30万円未満の場合です。",
        "代金が30万円以下の場合です。",
        "代金が30万円に満たない場合である。",
    ),
    (
        "connective",
        "本社または工場で受け取ります。",
        "本社および工場で受け取ります。",
        "受取りは本社か工場のいずれかで行う。",
    ),
    (
        "connective",
        "届出をし、かつ許可を得ます。",
        "届出をし、または許可を得ます。",
        "届出と許可の両方が要る。",
    ),
    (
        "presumption",
        "到達したものと推定します。",
        "到達したものとみなします。",
        "到達の推定を受ける。",
    ),
    (
        "presumption",
        "承諾したものとみなされます。",
        "承諾したものと推定されます。",
        "承諾があったとみなす。",
    ),
    (
        "old_law",
        "委託事業者の義務です。",
        "親事業者の義務です。",
        "義務を負うのは委託事業者である。",
    ),
    (
        "old_law",
        "契約不適合責任を負います。",
        "瑕疵担保責任を負います。",
        "契約不適合についての責任がある。",
    ),
]

#: Pieces to make texts of.
WORDS = [
    "買主", "売主", "甲", "乙", "は", "が", "に", "の", "を", "請求", "解除", "承諾", "できる",
    "できない", "しなければ", "ならない", "同意なしに", "必要", "不要", "1年", "3割", "60日",
    "以上", "を超える", "または", "および", "かつ", "、", "。", "民法566条", "知った時から",
    "みなす", "推定", "ｶﾞ", "１", "無効", "いずれか", "半額", "\n",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "reference", "wrong", "right"), CASES)
def test_the_wrong_word_is_found_and_the_other_wording_passes(kind, reference, wrong, right):
    assert kind in {difference.type for difference in compare(reference, wrong)}
    assert compare(reference, right) == []


def test_a_difference_says_what_both_texts_say_and_where():
    reference = "結論：期間は１年 以内です。\n根拠：民法566条です。"
    answer = "結論：\n期間は ２年 以内です。根拠：民法566条です。"
    (found,) = compare(reference, answer)
    assert found == LegalDifference("period", "１年", "２年", (6, 8), (8, 10))
    assert reference[slice(*found.reference_span)] == "１年"
    assert answer[slice(*found.answer_span)] == "２年"


def test_leaving_something_out_or_adding_to_it_is_no_contradiction():
    reference = "1か月前までに書面で通知します（民法617条）。違約金は10万円です。"
    assert compare(reference, "1か月前までに通知します。") == []
    assert compare(reference, reference + "控えは5年間保管します（商法19条）。") == []


def test_old_law_told_as_history_is_no_contradiction():
    reference = "売主は契約不適合責任を負います。"
    assert compare(reference, "改正前の瑕疵担保責任に代わり、契約不適合責任を負います。") == []
    assert compare(reference, "売主は瑕疵担保責任を負います。")


def test_a_condition_put_the_other_way_round_is_no_contradiction():
    reference = "買主が通知しなければ、代金の減額を請求できません。"
    assert compare(reference, "買主は、通知すれば代金の減額を請求できます。") == []
    assert compare(reference, "代金の減額を請求するには、買主の通知が必要です。") == []


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(WORDS),
        max_size=25,
    ).map("".join)
)
def test_no_text_contradicts_itself(text):
    assert compare(text, text) == []


@pytest.mark.parametrize("endless", ["通知では", "では", "なく", "1", "十", "承諾なしに"])
def test_a_model_that_repeats_itself_for_ever_is_read_to_its_end(endless):
    assert compare("通知が必要です（民法566条）。", endless * 2000) is not None


@pytest.mark.parametrize(
    ("ours", "theirs"), [("1年", "2年"), ("1年以内", "1年以上"), ("又は", "及び"), ("1", "2")]
)
def test_two_texts_that_repeat_themselves_take_no_quadratic_time(ours, theirs):
    assert compare(ours * 10_000, theirs * 10_000) is not None


@pytest.mark.parametrize("odd", [True, False], ids=["half it was written from", "other half"])
def test_on_the_contrast_set_90_percent_are_caught_with_at_most_5_percent_false_alarms(odd):
    pairs = [p for p in read_contrast(corpus_path()) if int(p.id[-2:]) % 2 == odd]
    caught = [bool(compare(pair.right, pair.wrong)) for pair in pairs]
    alarms = [bool(compare(p.right, text)) for p in pairs for text in p.paraphrases]
    assert len(pairs) > 80
    assert sum(caught) >= 0.9 * len(caught)
    assert sum(alarms) <= 0.05 * len(alarms)


def test_differences_carry_the_types_of_the_contrast_set():
    pairs = read_contrast(corpus_path())
    found = {d.type for pair in pairs for d in compare(pair.right, pair.wrong)}
    assert found == set(CONTRAST_TYPES)
