import pytest

from homutune.law import canonical_law, extract_citations, kanji_to_int, normalize

LABELS = [
    # digits, 第, kanji numerals, spaces
    ("民法415条によります。", ["民法415条"]),
    ("民法第415条によります。", ["民法415条"]),
    ("民法４１５条１項但書", ["民法415条1項ただし書"]),
    ("民法第415条第1項ただし書", ["民法415条1項ただし書"]),
    ("民法415条1項ただし書きのとおり", ["民法415条1項ただし書"]),
    ("会社法第三百六十二条第四項", ["会社法362条4項"]),
    ("民法第一〇三条", ["民法103条"]),
    ("民法 第 415 条 第 1 項", ["民法415条1項"]),
    ("民法第　９０条", ["民法90条"]),
    ("会社法２条５号にいう公開会社", ["会社法2条5号"]),
    # branches, items, parts of a sentence
    ("改正民法548条の2の定型約款", ["民法548条の2"]),
    ("民法548条の2第3項", ["民法548条の2第3項"]),
    ("民法第五百四十八条の二第一項", ["民法548条の2第1項"]),
    ("会社法施行規則第百条の二の三", ["会社法施行規則100条の2の3"]),
    ("個人情報保護法27条1項2号", ["個人情報保護法27条1項2号"]),
    ("会社法2条6号の2", ["会社法2条6号の2"]),
    ("商法第526条第2項前段", ["商法526条2項前段"]),
    ("民法566条本文", ["民法566条本文"]),
    ("独占禁止法2条9項5号柱書", ["独占禁止法2条9項5号柱書"]),
    ("民法709条の2項", ["民法709条2項"]),
    # not a branch but a counted thing
    ("民法709条の2つの要件", ["民法709条"]),
    ("民法第九十条の一部", ["民法90条"]),
    ("商法526条の6か月", ["商法526条"]),
    # names
    ("個人情報の保護に関する法律第27条第1項第2号", ["個人情報保護法27条1項2号"]),
    ("独禁法2条9項5号", ["独占禁止法2条9項5号"]),
    ("私的独占の禁止及び公正取引の確保に関する法律第19条", ["独占禁止法19条"]),
    ("景表法5条", ["景品表示法5条"]),
    ("特商法11条", ["特定商取引法11条"]),
    ("金商法21条の2第1項", ["金融商品取引法21条の2第1項"]),
    (
        "特定受託事業者に係る取引の適正化等に関する法律（令和五年法律第二十五号）第3条第1項",
        ["フリーランス法3条1項"],
    ),
    (
        "製造委託等に係る中小受託事業者に対する代金の支払の遅延等の防止に関する法律3条",
        ["取適法3条"],
    ),
    ("「下請法3条」書面", ["下請法3条"]),
    ("旧民法第570条", ["旧民法570条"]),
    ("旧下請法4条", ["旧下請法4条"]),
    ("雇用保険法13条", ["雇用保険法13条"]),
    ("預託等取引に関する法律9条", ["預託法9条"]),
    ("労働基準法施行規則5条", ["労働基準法施行規則5条"]),
    ("個人情報の保護に関する法律施行規則7条", ["個人情報保護法施行規則7条"]),
    ("民法施行法5条", ["民法施行法5条"]),
    ("東京都暴力団排除条例24条", ["東京都暴力団排除条例24条"]),
    ("この場合は民法の709条", ["民法709条"]),
    ("『会社法』423条", ["会社法423条"]),
    ("民法・商法526条", ["商法526条"]),
    ("建設業法附則第2条第1項", ["建設業法附則2条1項"]),
    # lists and ranges
    ("民法709条、710条及び715条", ["民法709条", "民法710条", "民法715条"]),
    ("民法第九十条から第九十二条まで", ["民法90条", "民法92条"]),
    ("会社法423条1項又は429条1項", ["会社法423条1項", "会社法429条1項"]),
    ("民法415条1項及び2項", ["民法415条1項", "民法415条2項"]),
    ("会社法362条4項1号・2号", ["会社法362条4項1号", "会社法362条4項2号"]),
    ("著作権法27条および28条、民法90条", ["著作権法27条", "著作権法28条", "民法90条"]),
    ("著作権法27条（翻案権）及び28条", ["著作権法27条", "著作権法28条"]),
    # taken up again
    ("取適法4条のほか、同法第3条の2第1項", ["取適法4条", "取適法3条の2第1項"]),
    ("個人情報保護法では、同法施行規則7条が", ["個人情報保護法施行規則7条"]),
    (
        "会社計算規則12条は会社法に基づき、同規則13条と",
        ["会社計算規則12条", "会社計算規則13条"],
    ),
    ("民法566条は通知を求めます。同条1項", ["民法566条", "民法566条1項"]),
    (
        "個人情報の保護に関する法律（平成十五年法律第五十七号。以下「法」という。）に従う。法27条と法第28条1項",
        ["個人情報保護法27条", "個人情報保護法28条1項"],
    ),
]

NO_CITATIONS = [
    "本契約第5条により解除できます。",
    "契約書第5条、6条を直します。",
    "第5条の規定",
    "前条の規定にかかわらず",
    "本契約第5条による。同条は有効です。",
    "就業規則第12条に従います。",
    "次の3条件を満たす方法",
    "民法の3条件",
    "地方自治体の条例3件",
    "この方法3条は誤植です。",
    "民法は債務不履行を定めています。",
    "約款1条、規約3条、定款12条",
    "国連の第三条約",
    "法27条",
    "民法は原則を定めています。契約書の415条を見てください。",
]


@pytest.mark.parametrize(("text", "labels"), LABELS, ids=[text for text, _ in LABELS])
def test_citations_in_running_text_are_found_and_brought_to_normal_form(text, labels):
    assert [citation.label for citation in extract_citations(text)] == labels


@pytest.mark.parametrize("text", NO_CITATIONS)
def test_contract_clauses_and_lookalikes_are_no_citations(text):
    assert extract_citations(text) == []


def test_a_citation_knows_where_it_stands_in_the_text_as_given():
    text = "まず、会社法第三百六十二条 第四項と４２３条１項を見ます。"
    first, second = extract_citations(text)
    assert text[first.start : first.end] == first.text == "会社法第三百六十二条 第四項"
    assert text[second.start : second.end] == second.text == "４２３条１項"


def test_key_is_law_and_article_so_that_different_spellings_compare_equal():
    one = extract_citations("個人情報の保護に関する法律第二十七条第一項")[0]
    other = extract_citations("個人情報保護法27条")[0]
    assert one.key == other.key == ("個人情報保護法", "27")
    assert extract_citations("民法548条の2")[0].article == "548_2"


def test_a_clause_named_between_ends_what_the_same_article_refers_to():
    text = "民法541条のほか、本契約第8条があります。同条は広い。"
    assert [c.label for c in extract_citations(text)] == ["民法541条"]


def test_every_label_is_read_back_as_itself():
    for text, labels in LABELS:
        for label in labels:
            assert [c.label for c in extract_citations(label)] == [label], text


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("個人情報の保護に関する法律", "個人情報保護法"),
        ("不当景品類及び不当表示防止法", "景品表示法"),
        ("育児・介護休業法", "育児介護休業法"),
        ("改正民法", "民法"),
        ("旧民法", "旧民法"),
        ("就業規則", None),
        ("方法", None),
        ("同法", None),
    ],
)
def test_names_of_laws_are_brought_to_one_short_name(name, canonical):
    assert canonical_law(name) == canonical


def test_normalize_makes_widths_and_spaces_equal_but_keeps_parties():
    assert normalize("１年 以内\n　甲と乙（㈱）") == "1年以内甲と乙((株))"


def test_numerals():
    assert [kanji_to_int(n) for n in ("十", "二十一", "千二百", "五〇", "七", "415")] == [
        10,
        21,
        1200,
        50,
        7,
        415,
    ]
