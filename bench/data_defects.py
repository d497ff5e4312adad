"""Plants defects in clean examples, one kind at a time, for bench/data_checks.py and the tests.

Each kind says which rule should find it. A planter gets a sound example and a random generator
and returns what stands in its place (or is added to the set). People, addresses and companies
are made up; the numbers are random digits with a computed check digit.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from homutune.data import Example

Random = random.Random


@dataclass(frozen=True)
class Defect:
    """One kind of defect: ``plant`` returns the damaged example."""

    name: str
    rule: str
    plant: Callable[[Example, Random], Example | None]
    #: The damaged example is added to the set; the sound one stays.
    added: bool = False


CLIENTS = (
    "株式会社青凪フーズ",
    "ミナトロジ有限会社",
    "北濱精機工業",
    "㈱ソラリス企画",
    "Kazehaya Systems 株式会社",
)

_FAMILY = [
    "佐藤",
    "鈴木",
    "高橋",
    "田中",
    "渡辺",
    "伊藤",
    "山本",
    "中村",
    "小林",
    "加藤",
    "吉田",
    "山田",
    "佐々木",
    "山口",
    "斎藤",
    "松本",
    "井上",
    "木村",
    "清水",
    "林",
    "阿部",
    "森",
    "池田",
    "橋本",
    "石川",
    "山崎",
    "長谷川",
    "藤田",
    "近藤",
    "坂本",
    "福田",
    "三浦",
    "藤井",
    "岡本",
    "中野",
    "原",
    "小野",
    "竹内",
    "和田",
    "丸山",
    "今井",
    "五十嵐",
    "早乙女",
    "小鳥遊",
    "四十物",
    "一ノ瀬",
    "御手洗",
    "勅使河原",
    "八木沢",
    "鵜飼",
    "蓮見",
    "冨永",
    "磯貝",
    "真下",
    "門脇",
    "戸塚",
    "越智",
    "曽我",
    "白鳥",
    "穴井",
]
_GIVEN = [
    "太郎",
    "一郎",
    "健一",
    "翔太",
    "大輔",
    "誠",
    "浩二",
    "拓也",
    "直樹",
    "和彦",
    "悠斗",
    "蓮",
    "隆",
    "博之",
    "雄介",
    "花子",
    "美咲",
    "陽菜",
    "由美子",
    "さくら",
    "愛",
    "恵子",
    "裕子",
    "結衣",
    "真理",
    "千尋",
    "あかり",
    "直美",
    "京香",
    "智子",
]
_TOWNS = [
    "東京都千代田区丸の内",
    "大阪府大阪市北区梅田",
    "神奈川県横浜市西区みなとみらい",
    "福岡県福岡市博多区博多駅前",
    "北海道札幌市中央区大通西",
    "愛知県名古屋市中区栄",
    "京都府京都市下京区烏丸通",
    "新潟県長岡市城内町",
    "沖縄県那覇市おもろまち",
    "広島県府中市府川町",
    "横浜市港北区新横浜",
    "さいたま市大宮区桜木町",
    "仙台市青葉区一番町",
    "世田谷区北沢",
]
_INSULTS = (
    "そんなことも分からない馬鹿は契約を結ぶな。",
    "先方の担当者はアホなので相手にしないでください。",
    "無能な取引先とは縁を切りましょう。",
    "うるさい相手には、死ねと言ってやればよいでしょう。",
    "女のくせに契約交渉に口を出すべきではありません。",
    "老いぼれの社長に判断はできません。",
    "支那人の業者との取引は避けます。",
    "部落民かどうかを採用の前に調べます。",
    "キチガイのような要求は断ってください。",
    "痴呆の相手方との契約は取り消せます。",
    "片手落ちの条項なので直します。",
    "外人との契約には注意が必要です。",
    "約束を守らない奴には殺すぞと伝えます。",
    "クズのような会社なので訴えましょう。",
    "役立たずの下請は切り捨ててかまいません。",
)
_HEDGES = (
    "請求できるかもしれません。",
    "たぶん問題ないと思います。",
    "おそらく有効ではないでしょうか。",
    "一概には言えません。",
    "ケースバイケースです。",
    "有効であるような気がします。",
    "はっきりとは言えません。",
    "AIとしてお答えすることは難しいです。",
    "認められないかと思います。",
    "恐らく請求は認められるはずです。",
    "有効だと思われます。",
)
_VARIANTS = (
    ("受託者は納期を守ります。", "受注者は報告もします。"),
    ("委託者は検査をします。", "発注者は代金を払います。"),
    ("賃貸人は修繕をします。", "貸主は費用も負担します。"),
    ("借主は通知をします。", "賃借人は書面を残します。"),
    ("秘密情報は返還します。", "機密情報の写しも破棄します。"),
    ("ユーザーに知らせます。", "ユーザの同意も得ます。"),
    ("売主は引き渡します。", "売り主は登記にも協力します。"),
    ("損害または費用を払います。", "損害又は費用の額を示します。"),
    ("通知および同意が必要です。", "通知及び同意の記録を残します。"),
    ("親事業者は書面を出します。", "委託事業者は記録を残します。"),
    ("サーバーに保存します。", "サーバの場所も書きます。"),
)
_NO_ARTICLES = (
    "民法2500条",
    "会社法3000条1項",
    "商法第950条",
    "企業取引安全法12条",
    "労働契約法88条",
    "個人情報保護法999条",
)
_OLD = ("下請法3条", "下請代金支払遅延等防止法第4条1項", "旧民法570条", "下請法2条の2")
_HTML = ("<br>", "&nbsp;", "<p>", "</div>", "&amp;", "<b>", "&#12354;", '<span class="a">')
_TOKENS = (
    "<start_of_turn>",
    "<end_of_turn>",
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<bos>",
    "</s>",
    "[INST]",
    "<|fim_suffix|>",
)


def _sentence(name: str, rng: Random) -> str:
    return rng.choice(
        (
            f"担当の{name}さんに確認してください。",
            f"窓口は{name}様です。",
            f"先方の{name}部長が交渉に当たります。",
            f"担当者：{name}（法務部）が対応します。",
            f"この件は{name}氏から説明を受けています。",
        )
    )


def _full_name(rng: Random) -> str:
    family, given = rng.choice(_FAMILY), rng.choice(_GIVEN)
    return rng.choice((f"{family}{given}", f"{family} {given}", f"{family}{given}", family))


def _address(rng: Random) -> str:
    a, b, c = (rng.randint(1, 29) for _ in range(3))
    block = rng.choice(
        (
            f"{a}-{b}-{c}",
            f"{a}丁目{b}番{c}号",
            f"{a}－{b}",
            f"{a}番地{b}",
            f"{'一二三四五六七八九'[a % 9]}丁目{b}-{c}",
        )
    )
    post = rng.choice(("", "", f"〒{rng.randint(100, 999)}-{rng.randint(0, 9999):04d} "))
    return f"{post}{rng.choice(_TOWNS)}{block}"


def _phone(rng: Random) -> str:
    n = rng.randint
    mobile = f"0{rng.choice('789')}0-{n(1000, 9999)}-{n(0, 9999):04d}"
    fixed = f"0{n(3, 9)}-{n(1000, 9999)}-{n(0, 9999):04d}"
    return rng.choice(
        (
            mobile, mobile.replace("-", ""), fixed, f"0{n(11, 99)}-{n(100, 999)}-{n(0, 9999):04d}",
            f"({fixed[:2]}){fixed[3:]}", unicodedata.normalize("NFKC", fixed).translate({45: "－"}),
            f"+81-3-{n(1000, 9999)}-{n(0, 9999):04d}", f"0120-{n(100, 999)}-{n(100, 999)}",
        )
    )  # fmt: skip


def _digits(rng: Random, n: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(n))


def my_number(rng: Random) -> str:
    body = _digits(rng, 11)
    total = sum(int(d) * (n + 1 if n <= 6 else n - 5) for n, d in enumerate(reversed(body), 1))
    check = 0 if total % 11 <= 1 else 11 - total % 11
    digits = f"{body}{check}"
    return rng.choice(
        (
            digits,
            f"{digits[:4]}-{digits[4:8]}-{digits[8:]}",
            f"{digits[:4]} {digits[4:8]} {digits[8:]}",
        )
    )


def corporate_number(rng: Random) -> str:
    body = str(rng.randint(1, 9)) + _digits(rng, 11)
    total = sum(int(d) * (1 if n % 2 else 2) for n, d in enumerate(reversed(body), 1))
    return rng.choice(("", "T")) + f"{9 - total % 9}{body}"


def card_number(rng: Random) -> str:
    body = rng.choice(("4", "51", "35", "55"))
    body += _digits(rng, 15 - len(body))
    total = sum(
        (d * 2 - 9 if d * 2 > 9 else d * 2) if i % 2 == 0 else d
        for i, d in enumerate(map(int, reversed(body)))
    )
    digits = f"{body}{-total % 10}"
    return rng.choice(
        (
            digits,
            "-".join(digits[i : i + 4] for i in (0, 4, 8, 12)),
            " ".join(digits[i : i + 4] for i in (0, 4, 8, 12)),
        )
    )


def _account(rng: Random) -> str:
    number = _digits(rng, 7)
    return rng.choice(
        (
            f"普通預金 {number}",
            f"普通口座{number}",
            f"当座 {number}",
            f"口座番号：{number}",
            f"口座番号は{number}",
            f"記号1{_digits(rng, 4)} 番号{_digits(rng, 8)}",
        )
    )


def _birth(rng: Random) -> str:
    y, m, d = rng.randint(1940, 2005), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice(
        (
            f"生年月日は{y}年{m}月{d}日",
            f"生年月日：{y}/{m:02d}/{d:02d}",
            f"昭和{rng.randint(20, 63)}年{m}月{d}日生",
            f"平成{rng.randint(2, 17)}年{m}月{d}日生まれ",
        )
    )


def _email(rng: Random) -> str:
    user = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(6))
    at = rng.choice(("@", "@", "＠"))
    return f"{user}.{rng.choice(('houmu', 'info', 'tanaka'))}{at}{rng.choice(('example.co.jp', 'mail.example.jp', 'example.com'))}"


def with_answer(example: Example, answer: str) -> Example:
    messages = [
        {**m, "content": answer} if m["role"] == "assistant" else dict(m) for m in example.messages
    ]
    return replace(example, messages=tuple(messages))  # type: ignore[arg-type]


def with_question(example: Example, question: str, suffix: str = "") -> Example:
    messages = [
        {**m, "content": question} if m["role"] == "user" else dict(m) for m in example.messages
    ]
    meta = replace(example.meta, id=example.meta.id + suffix)
    return replace(example, messages=tuple(messages), meta=meta)  # type: ignore[arg-type]


def _insert(example: Example, rng: Random, text: str) -> Example:
    """``text`` between two characters of the question or of the answer."""
    if rng.random() < 0.3:
        at = rng.randint(1, len(example.question) - 1)
        return with_question(example, example.question[:at] + text + example.question[at:])
    at = rng.randint(5, len(example.answer) - 1)
    return with_answer(example, example.answer[:at] + text + example.answer[at:])


def _say(example: Example, rng: Random, sentence: str) -> Example:
    """``sentence`` at the end of a line of the answer, or before the question."""
    if rng.random() < 0.3:
        return with_question(example, sentence + example.question)
    lines = example.answer.split("\n")
    at = rng.randrange(len(lines))
    lines[at] += sentence
    return with_answer(example, "\n".join(lines))


def _raw(example: Example, change: Callable[[dict[str, Any]], None]) -> Example:
    record: dict[str, Any] = {"messages": [dict(m) for m in example.messages]}
    change(record)
    return replace(example, raw=record)


def _mojibake(example: Example, rng: Random) -> Example:
    way = rng.randrange(4)
    lines = example.answer.split("\n")
    at = rng.randrange(len(lines))
    text = lines[at]
    lines[at] = (
        text.encode().decode("cp932", "replace").replace("\ufffd", "・")
        if way == 0
        else text.encode().decode("latin-1")
        if way == 1
        else text.encode("euc_jp", "replace").decode("cp932", "replace").replace("\ufffd", "・")
        if way == 2
        else re.sub("[ぁ-んァ-ヶ一-龥]", "?", text)
    )
    return with_answer(example, "\n".join(lines))


def paraphrase(question: str, rng: Random) -> str:
    """The question with one or two small changes of wording, no change of meaning."""
    edits: list[Callable[[str], str]] = [
        lambda q: re.sub(r"か。\Z", "のでしょうか。", q),
        lambda q: re.sub(r"ですか。\Z", "でしょうか。", q),
        lambda q: q + "教えてください。",
        lambda q: "お尋ねします。" + q,
        lambda q: q.replace("、", "", 1),
        lambda q: q.replace("当社", "弊社", 1),
        lambda q: q.replace("します", "しております", 1),
        lambda q: q.replace("契約書", "契約の書面", 1),
        lambda q: q.replace("ですか", "なのですか", 1),
        lambda q: q.replace("場合", "とき", 1),
    ]
    rng.shuffle(edits)
    result, done = question, 0
    for edit in edits:
        changed = edit(result)
        if changed != result:
            result, done = changed, done + 1
        if done == 2:
            break
    return result if done else question + "いかがでしょうか。"


def _contradict(example: Example, rng: Random) -> Example | None:
    lines = example.answer.split("\n")
    head = lines[0]
    figures = list(re.finditer(r"[0-9]+(?=か月|週間|年|日|時間|%|割|円|万円)", head))
    if figures and rng.random() < 0.5:
        hit = figures[0]
        head = head[: hit.start()] + str(int(hit[0]) * 2 + 1) + head[hit.end() :]
    else:
        head = re.sub(
            r"\A結論：(はい|いいえ)",
            lambda m: "結論：" + {"はい": "いいえ", "いいえ": "はい"}[m[1]],
            head,
        )
        flipped = re.sub(
            r"(?:ません|ます|です)(?=。)",
            lambda m: {"ません": "ます", "ます": "ません", "です": "ではありません"}[m[0]],
            head,
            count=1,
        )
        if flipped == head:
            return None
        head = flipped
    other = with_answer(example, "\n".join([head, *lines[1:]]))
    return with_question(other, paraphrase(example.question, rng), "-b")


def _wrong_figure(example: Example, rng: Random) -> Example | None:
    lines = example.answer.split("\n")
    figures = [
        (i, m)
        for i, line in enumerate(lines)
        for m in re.finditer(r"[0-9]+(?=か月|週間|年(?!法)|日|時間|%|割|万円|円|人)", line)
    ]
    if not figures:
        return None
    i, hit = rng.choice(figures)
    wrong = int(hit[0]) + rng.choice((1, 2, 3, 10))
    lines[i] = lines[i][: hit.start()] + str(wrong) + lines[i][hit.end() :]
    return with_answer(example, "\n".join(lines))


def _without_articles(example: Example, rng: Random) -> Example:
    answer = re.sub(
        r"[一-龥ァ-ヶー・]*法(?:施行[令規則]+)?[0-9]+条[^、。）]{0,8}?(?=[はにがをで、。）]|により)",
        "法令",
        example.answer,
    )
    answer = re.sub(r"[0-9]+条(?:の[0-9]+)?(?:[0-9]+項)?(?:[0-9]+号)?", "その定め", answer)
    return with_answer(example, answer + f"期限は{rng.randint(2, 30)}日以内です。")


def _blunt(example: Example, rng: Random) -> Example:
    answer = example.answer
    for polite, blunt in (
        ("ありません", "ない"),
        ("できません", "できない"),
        ("できます", "できる"),
        ("なります", "なる"),
        ("します", "する"),
        ("あります", "ある"),
        ("ます。", "る。"),
        ("です。", "である。"),
        ("ません。", "ない。"),
    ):
        answer = answer.replace(polite, blunt)
    return with_answer(example, answer)


def _repeat(example: Example, rng: Random) -> Example:
    lines = example.answer.split("\n")
    if rng.random() < 0.5:
        at = rng.randrange(len(lines))
        sentences = re.findall(r"[^。]+。", lines[at])
        lines[at] += re.sub(r"\A(?:結論|根拠|留意点)：", "", max(sentences, key=len))
    else:
        text = re.sub(r"\A(?:結論|根拠|留意点)：", "", lines[-1])
        lines[-1] += text[:12] * 3
    return with_answer(example, "\n".join(lines))


def _no_conclusion(example: Example, rng: Random) -> Example:
    lines = example.answer.split("\n")
    if rng.random() < 0.5:
        return with_answer(example, "\n".join(lines[1:]))
    return with_answer(example, "\n".join([lines[0].removeprefix("結論："), *lines[1:]]))


def _narrow_kana(example: Example, rng: Random) -> Example:
    return _insert(example, rng, rng.choice(("ｹｲﾔｸ", "ﾗｲｾﾝｽ", "ﾃﾞｰﾀ", "ｻｰﾋﾞｽ", "ﾒｰﾙ")))


def _mixed(example: Example, rng: Random) -> Example | None:
    answer = example.answer
    places = [m.start() for m in re.finditer("[0-9]", answer)]
    if len(places) < 2:
        return None
    at = rng.choice(places)
    return with_answer(example, answer[:at] + chr(ord(answer[at]) + 0xFEE0) + answer[at + 1 :])


def _decomposed(example: Example, rng: Random) -> Example | None:
    text = example.answer
    places = [
        m.start()
        for m in re.finditer(
            "[がぎぐげござじずぜぞだでどばびぶべぼぱぴぷぺぽガギグゲゴザジズデドバビブベボパピプペポ]",
            text,
        )
    ]
    if not places:
        return None
    at = rng.choice(places)
    return with_answer(example, text[:at] + unicodedata.normalize("NFD", text[at]) + text[at + 1 :])


def _bad_role(example: Example, rng: Random) -> Example:
    return _raw(
        example,
        lambda r: r["messages"][-2].update(
            role=rng.choice(("human", "bot", "gpt", "ユーザー", "User"))
        ),
    )


def _extra_key(example: Example, rng: Random) -> Example:
    return _raw(
        example, lambda r: r.update({rng.choice(("id", "source", "label", "カテゴリ")): "x"})
    )


def _bad_weight(example: Example, rng: Random) -> Example:
    return _raw(example, lambda r: r["messages"][-1].update(weight=rng.choice((2, 0.5, "1", -1))))


DEFECTS: Sequence[Defect] = (
    Defect("役割（role）の誤り", "F005", _bad_role),
    Defect("空の回答", "F006", lambda e, r: with_answer(e, r.choice(("", " ", "\n", "　")))),
    Defect("行に余分なキー", "F010", _extra_key),
    Defect("weight の誤り", "F007", _bad_weight),
    Defect("id の重複", "D003", lambda e, r: with_question(e, e.question[::-1]), added=True),
    Defect("特殊トークン", "F012", lambda e, r: _insert(e, r, r.choice(_TOKENS))),
    Defect("文字化け", "C001", _mojibake),
    Defect("制御文字", "C002", lambda e, r: _insert(e, r, r.choice("\x00\x07\x08\x0b\x0c\x1b\x7f\x85"))),
    Defect("見えない文字", "C003", lambda e, r: _insert(e, r, r.choice("\u200b\u200c\u200d\u2060\ufeff\u202e\u00ad\u200f"))),
    Defect("機種依存文字・外字", "C004", lambda e, r: _insert(e, r, r.choice("①⑳Ⅳⅲ㈱㈲㊤㍻㎡№℡㌔\ue000﨑㋿"))),
    Defect("半角カナ", "C005", _narrow_kana),
    Defect("全角と半角の混在", "C006", _mixed),
    Defect("HTML の残り", "C007", lambda e, r: _insert(e, r, r.choice(_HTML))),
    Defect("濁点の分かれた文字", "C008", _decomposed),
    Defect("乱暴・差別的な表現", "C009", lambda e, r: _say(e, r, r.choice(_INSULTS))),
    Defect("同じ組の重複", "D001", lambda e, r: with_question(e, e.question, "-b"), added=True),
    Defect("ほとんど同じ質問", "D004", lambda e, r: with_question(e, paraphrase(e.question, r), "-b"), added=True),
    Defect("同じ質問に違う回答", "D002", lambda e, r: with_question(with_answer(e, e.answer + "記録も残します。"), e.question, "-b"), added=True),
    Defect("近い質問の矛盾", "Q001", _contradict, added=True),
    Defect("飛び抜けた長さ", "D006", lambda e, r: with_answer(e, "結論：可能です。" if r.random() < 0.5 else e.answer + "".join(f"なお{i}点目の説明です。" for i in range(90)))),
    Defect("結論がない", "Q002", _no_conclusion),
    Defect("あいまいな言い方", "Q003", lambda e, r: with_answer(e, re.sub(r"\A結論：", "結論：" + r.choice(_HEDGES), e.answer))),
    Defect("同じ文の繰り返し", "Q004", _repeat),
    Defect("用語のゆれ", "Q005", lambda e, r: with_answer(e, e.answer + "".join(r.choice(_VARIANTS)))),
    Defect("です・ます調でない", "S002", _blunt),
    Defect("3行の形の崩れ", "S001", lambda e, r: with_answer(e, e.answer.replace("\n", "", 1) if r.random() < 0.5 else e.answer.replace("根拠：", "理由：", 1))),
    Defect("必須の語がない", "R001", lambda e, r: replace(e, meta=replace(e.meta, must=(*e.meta.must, "解約返戻金の精算")))),
    Defect("氏名", "P001", lambda e, r: _say(e, r, _sentence(_full_name(r), r))),
    Defect("住所", "P002", lambda e, r: _say(e, r, f"送り先は{_address(r)}です。")),
    Defect("電話番号", "P003", lambda e, r: _say(e, r, f"電話は{_phone(r)}です。" if r.random() < 0.5 else f"連絡先（{_phone(r)}）に知らせます。")),
    Defect("メールアドレス", "P004", lambda e, r: _say(e, r, f"{_email(r)}に送ります。")),
    Defect("マイナンバー", "P005", lambda e, r: _say(e, r, f"番号は{my_number(r)}です。")),
    Defect("銀行口座", "P006", lambda e, r: _say(e, r, f"振込先は{_account(r)}です。")),
    Defect("クレジットカード番号", "P007", lambda e, r: _say(e, r, f"{card_number(r)}で払います。")),
    Defect("法人番号", "P008", lambda e, r: _say(e, r, f"相手は{corporate_number(r)}の会社です。")),
    Defect("取引先の名前", "P009", lambda e, r: _say(e, r, f"{r.choice((r.choice(CLIENTS), '青凪フーズ', 'ソラリス企画'))}との契約です。")),
    Defect("生年月日", "P010", lambda e, r: _say(e, r, f"{_birth(r)}です。")),
    Defect("条文のない数字", "L001", _without_articles),
    Defect("articles と回答の食い違い", "L002", lambda e, r: replace(e, meta=replace(e.meta, articles=(*e.meta.articles, "民法1050条")))),
    Defect("書き換えた数字", "L003", _wrong_figure),
)  # fmt: skip
#: Kinds that only an index of articles can find.
LAW_DEFECTS: Sequence[Defect] = (
    Defect("実在しない条文", "L004", lambda e, r: with_answer(e, e.answer + f"{r.choice(_NO_ARTICLES)}も確かめます。")),
    Defect("旧法・旧条番号", "L005", lambda e, r: with_answer(e, e.answer + f"{r.choice(_OLD)}も確かめます。")),
)  # fmt: skip


def planted(
    examples: Sequence[Example], defect: Defect, *, share: float = 0.3, seed: int = 0
) -> tuple[list[Example], set[int]]:
    """The examples with ``defect`` in about ``share`` of them, and the numbers of the damaged."""
    rng = random.Random(f"{defect.rule}:{seed}")
    result, numbers, extra = [], set(), []
    for example in examples:
        damaged = defect.plant(example, rng) if rng.random() < share else None
        if damaged is not None and not defect.added:
            numbers.add(len(result) + 1)
            result.append(damaged)
            continue
        if damaged is not None:
            extra.append((len(result) + 1, damaged))
        result.append(example)
    # Where a copy is added, one of each pair must be named: the later one is the damage.
    for _, damaged in extra:
        result.append(damaged)
        numbers.add(len(result))
    return result, numbers
