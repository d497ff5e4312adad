import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homutune.data import Example, Meta, Pseudonymizer, example_line, read_key, restore, write_key
from homutune.data._personal import (
    client_pattern,
    find_personal,
    is_card_number,
    is_corporate_number,
    is_my_number,
)
from homutune.errors import UserError


def found(text, clients=()):
    return [(item.id, item.value) for item in find_personal(text, client_pattern(clients))]


def test_check_digits_of_published_examples_hold():
    assert is_my_number("123456789018")  # 総務省's own sample
    assert not is_my_number("123456789012")
    assert is_corporate_number("7000012050002")  # 国税庁
    assert not is_corporate_number("6000012050002")
    assert is_card_number("4111111111111111")  # the issuers' test number
    assert not is_card_number("4111111111111112")
    assert not is_card_number("9111111111111111")


@pytest.mark.parametrize("digit", range(10))
def test_exactly_one_last_digit_makes_a_my_number(digit):
    valid = [d for d in range(10) if is_my_number(f"{digit}8472910365{d}")]
    assert len(valid) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("担当の佐藤健一さんへ", [("P001", "佐藤健一")]),
        ("代表取締役　山本　花子が署名", [("P001", "山本　花子")]),
        ("四十物様から", [("P001", "四十物")]),
        ("担当者：小鳥遊（法務部）", [("P001", "小鳥遊")]),
        ("マネージャーの林さん", [("P001", "林")]),
        ("送り先は大阪市北区梅田三丁目1番3号です", [("P002", "大阪市北区梅田三丁目1番3号")]),
        ("（０３）１２３４－５６７８まで", [("P003", "（０３）１２３４－５６７８")]),
        ("携帯は09012345678", [("P003", "09012345678")]),
        ("電話(03)1234-5678へ", [("P003", "(03)1234-5678")]),
        ("03（1234）5678まで", [("P003", "03（1234）5678")]),
        ("TEL (03) 1234-5678", [("P003", "(03) 1234-5678")]),
        ("a.b@example.co.jpに送る", [("P004", "a.b@example.co.jp")]),
        ("1234 5678 9018", [("P005", "1234 5678 9018")]),
        ("普通預金 1234567", [("P006", "1234567")]),
        ("T7000012050002", [("P008", "T7000012050002")]),
        ("昭和55年3月2日生まれ", [("P010", "昭和55年3月2日")]),
    ],
)
def test_each_kind_is_found_where_it_stands(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("山田太郎（03-1234-5678）", "【氏名1】（【電話番号1】）"),
        ("山田太郎(０３－１２３４－５６７８)へ", "【氏名1】(【電話番号1】)へ"),
        ("山田太郎様（yamada@example.co.jp）宛て", "【氏名1】様（【メールアドレス1】）宛て"),
        ("山田太郎氏〈090-1234-5678〉", "【氏名1】氏〈【電話番号1】〉"),
        ("「山田太郎」さん", "「【氏名1】」さん"),
        ("氏名：山田太郎（東京都港区芝公園1-1-1）", "氏名：【氏名1】（【住所1】）"),
        ("大阪市北区梅田三丁目1番3号（本社）", "【住所1】（本社）"),
        (
            "連絡先：山田太郎（電話：03-1234-5678、a@b.jp）",
            "連絡先：【氏名1】（電話：【電話番号1】、【メールアドレス1】）",
        ),
        ("「株式会社青凪フーズ」の山田太郎氏", "「【取引先1】」の【氏名1】氏"),
        ("（青凪フーズ）（03）1234-5678", "（【取引先1】）【電話番号1】"),
        ("（普通1234567）", "（普通【銀行口座1】）"),
        ("山田太郎、鈴木花子両名", "【氏名1】、【氏名2】両名"),
    ],
)
def test_what_stands_around_a_value_stays_and_nothing_else(text, hidden):
    worker = Pseudonymizer(clients=("株式会社青凪フーズ",))
    (example,) = worker.examples([pair(text, "はい。")])
    assert example.question == hidden
    assert restore(hidden, worker.key) == text


#: Values, the marks that stand around them, and what looks like a placeholder already.
PIECES = st.sampled_from(
    [
        *(
            "山田太郎",
            "佐藤健一",
            "林",
            "03-1234-5678",
            "（03）1234-5678",
            "０９０－１２３４－５６７８",
        ),
        *("a.b@example.co.jp", "東京都港区芝公園1-1-1", "〒105-0011", "青凪フーズ", "123456789018"),
        *("普通預金 1234567", "T7000012050002", "昭和55年3月2日生まれ", "株式会社青凪フーズ"),
        *'林はの電話様氏殿（）()「」【】、。1\n　"\\',
        *("さん", "担当：", "【氏名1】", "【電話番号2】", "【原文1】", "【氏名", "】様"),
    ]
)


@given(st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=4, max_size=4))
@settings(max_examples=400, deadline=None)
def test_whatever_is_replaced_comes_back_letter_by_letter(texts):
    worker = Pseudonymizer(clients=("株式会社青凪フーズ",))
    before = pair(texts[0], texts[1], must=(texts[2],), must_not=(texts[3],))
    (after,) = worker.examples([before])
    hidden = [after.question, after.answer, *after.meta.must, *after.meta.must_not]
    assert [restore(text, worker.key) for text in hidden] == texts
    assert not any("青凪フーズ" in text for text in hidden)


def test_clients_are_found_with_and_without_their_legal_form():
    clients = ("株式会社青凪フーズ", "東西㈱")
    assert found("青凪フーズと、株式会社青凪フーズ", clients) == [
        ("P009", "青凪フーズ"),
        ("P009", "株式会社青凪フーズ"),
    ]
    # Without its form this one is an ordinary word.
    assert found("東西に走る道路", clients) == []


def test_a_value_is_shown_with_its_middle_hidden():
    (item,) = find_personal("電話は03-1234-5678です")
    assert item.shown == "03＊＊＊＊＊＊＊＊78"
    assert "1234" not in item.shown


def pair(question, answer, **meta):
    messages = ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    return Example(messages, Meta(**{"id": "q-1", **meta}))


def test_pseudonyms_are_steady_and_come_back_letter_by_letter(tmp_path):
    examples = [
        pair(
            "佐藤健一さん（03-1234-5678）の件。", "結論：佐藤健一が署名。", must=("佐藤健一が署名",)
        ),
        pair("担当は佐藤健一さんと林さん。【氏名1】は原文です。", '"佐藤健一"様。林業は別です。'),
    ]
    worker = Pseudonymizer()
    hidden = list(worker.examples(examples))
    text = "".join(map(example_line, hidden))
    assert "佐藤" not in text
    assert "1234" not in text
    assert hidden[0].meta.must == ("【氏名1】が署名",)
    assert "【氏名1】" in hidden[1].answer
    assert "林業" in hidden[1].answer
    write_key(tmp_path / "k.json", worker.key)
    key = read_key(tmp_path / "k.json")
    for old, new in zip(examples, hidden, strict=True):
        assert restore(new.question, key) == old.question
        assert restore(new.answer, key) == old.answer


def test_an_earlier_key_goes_on():
    first = Pseudonymizer()
    list(first.examples([pair("佐藤健一さん", "はい。")]))
    second = Pseudonymizer(first.key)
    (hidden,) = second.examples([pair("鈴木花子さんと佐藤健一さん", "はい。")])
    assert hidden.question == "【氏名2】さんと【氏名1】さん"


def test_a_line_that_is_no_chat_is_refused_rather_than_passed_on():
    example = Example((), Meta(id="x"), raw={"input": "佐藤健一さん"})
    with pytest.raises(UserError, match="1番目"):
        list(Pseudonymizer().examples([example]))


def test_a_key_that_is_none_is_told(tmp_path):
    (tmp_path / "k.json").write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(UserError, match="対応表として"):
        read_key(tmp_path / "k.json")
