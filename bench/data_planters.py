"""How each defect of bench/data_defects.py is made of a sound example.

People, addresses and companies are made up; numbers are random digits with a computed check
digit. The words stand in data_defects.yaml.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from homutune.data import Example

Random = random.Random

WORDS: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("data_defects.yaml").read_text("utf-8")
)
CLIENTS: tuple[str, ...] = tuple(WORDS["clients"])
_FAMILY, _GIVEN = WORDS["family"].split(), WORDS["given"].split()


def sentence(name: str, rng: Random) -> str:
    return rng.choice(
        (
            f"担当の{name}さんに確認してください。",
            f"窓口は{name}様です。",
            f"先方の{name}部長が交渉に当たります。",
            f"担当者：{name}（法務部）が対応します。",
            f"この件は{name}氏から説明を受けています。",
        )
    )


def full_name(rng: Random) -> str:
    family, given = rng.choice(_FAMILY), rng.choice(_GIVEN)
    return rng.choice((f"{family}{given}", f"{family} {given}", f"{family}{given}", family))


def address(rng: Random) -> str:
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
    return f"{post}{rng.choice(WORDS['towns'])}{block}"


def phone(rng: Random) -> str:
    n = rng.randint
    mobile = f"0{rng.choice('789')}0-{n(1000, 9999)}-{n(0, 9999):04d}"
    fixed = f"0{n(3, 9)}-{n(1000, 9999)}-{n(0, 9999):04d}"
    return rng.choice(
        (
            mobile,
            mobile.replace("-", ""),
            fixed,
            f"0{n(11, 99)}-{n(100, 999)}-{n(0, 9999):04d}",
            f"({fixed[:2]}){fixed[3:]}",
            unicodedata.normalize("NFKC", fixed).translate({45: "－"}),
            f"+81-3-{n(1000, 9999)}-{n(0, 9999):04d}",
            f"0120-{n(100, 999)}-{n(100, 999)}",
        )
    )


def random_digits(rng: Random, n: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(n))


def my_number(rng: Random) -> str:
    body = random_digits(rng, 11)
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
    body = str(rng.randint(1, 9)) + random_digits(rng, 11)
    total = sum(int(d) * (1 if n % 2 else 2) for n, d in enumerate(reversed(body), 1))
    return rng.choice(("", "T")) + f"{9 - total % 9}{body}"


def card_number(rng: Random) -> str:
    body = rng.choice(("4", "51", "35", "55"))
    body += random_digits(rng, 15 - len(body))
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


def account(rng: Random) -> str:
    number = random_digits(rng, 7)
    return rng.choice(
        (
            f"普通預金 {number}",
            f"普通口座{number}",
            f"当座 {number}",
            f"口座番号：{number}",
            f"口座番号は{number}",
            f"記号1{random_digits(rng, 4)} 番号{random_digits(rng, 8)}",
        )
    )


def birth(rng: Random) -> str:
    y, m, d = rng.randint(1940, 2005), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice(
        (
            f"生年月日は{y}年{m}月{d}日",
            f"生年月日：{y}/{m:02d}/{d:02d}",
            f"昭和{rng.randint(20, 63)}年{m}月{d}日生",
            f"平成{rng.randint(2, 17)}年{m}月{d}日生まれ",
        )
    )


def email(rng: Random) -> str:
    user = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(6))
    at = rng.choice(("@", "@", "＠"))
    host = rng.choice(("example.co.jp", "mail.example.jp", "example.com"))
    return f"{user}.{rng.choice(('houmu', 'info', 'tanaka'))}{at}{host}"


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


def insert(example: Example, rng: Random, text: str) -> Example:
    """``text`` between two characters of the question or of the answer."""
    if rng.random() < 0.3:
        at = rng.randint(1, len(example.question) - 1)
        return with_question(example, example.question[:at] + text + example.question[at:])
    at = rng.randint(5, len(example.answer) - 1)
    return with_answer(example, example.answer[:at] + text + example.answer[at:])


def say(example: Example, rng: Random, sentence: str) -> Example:
    """``sentence`` at the end of a line of the answer, or before the question."""
    if rng.random() < 0.3:
        return with_question(example, sentence + example.question)
    lines = example.answer.split("\n")
    at = rng.randrange(len(lines))
    lines[at] += sentence
    return with_answer(example, "\n".join(lines))


def raw(example: Example, change: Callable[[dict[str, Any]], None]) -> Example:
    record: dict[str, Any] = {"messages": [dict(m) for m in example.messages]}
    change(record)
    return replace(example, raw=record)


def mojibake(example: Example, rng: Random) -> Example:
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


def contradict(example: Example, rng: Random) -> Example | None:
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


def wrong_figure(example: Example, rng: Random) -> Example | None:
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


def without_articles(example: Example, rng: Random) -> Example:
    answer = re.sub(
        r"[一-龥ァ-ヶー・]*法(?:施行[令規則]+)?[0-9]+条[^、。）]{0,8}?(?=[はにがをで、。）]|により)",
        "法令",
        example.answer,
    )
    answer = re.sub(r"[0-9]+条(?:の[0-9]+)?(?:[0-9]+項)?(?:[0-9]+号)?", "その定め", answer)
    return with_answer(example, answer + f"期限は{rng.randint(2, 30)}日以内です。")


def blunt(example: Example, rng: Random) -> Example:
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


def repeat(example: Example, rng: Random) -> Example:
    lines = example.answer.split("\n")
    if rng.random() < 0.5:
        at = rng.randrange(len(lines))
        sentences = re.findall(r"[^。]+。", lines[at])
        lines[at] += re.sub(r"\A(?:結論|根拠|留意点)：", "", max(sentences, key=len))
    else:
        text = re.sub(r"\A(?:結論|根拠|留意点)：", "", lines[-1])
        lines[-1] += text[:12] * 3
    return with_answer(example, "\n".join(lines))


def no_conclusion(example: Example, rng: Random) -> Example:
    lines = example.answer.split("\n")
    if rng.random() < 0.5:
        return with_answer(example, "\n".join(lines[1:]))
    return with_answer(example, "\n".join([lines[0].removeprefix("結論："), *lines[1:]]))


def narrow_kana(example: Example, rng: Random) -> Example:
    return insert(example, rng, rng.choice(("ｹｲﾔｸ", "ﾗｲｾﾝｽ", "ﾃﾞｰﾀ", "ｻｰﾋﾞｽ", "ﾒｰﾙ")))


def mixed(example: Example, rng: Random) -> Example | None:
    answer = example.answer
    places = [m.start() for m in re.finditer("[0-9]", answer)]
    if len(places) < 2:
        return None
    at = rng.choice(places)
    return with_answer(example, answer[:at] + chr(ord(answer[at]) + 0xFEE0) + answer[at + 1 :])


def decomposed(example: Example, rng: Random) -> Example | None:
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


def bad_role(example: Example, rng: Random) -> Example:
    return raw(
        example,
        lambda r: r["messages"][-2].update(
            role=rng.choice(("human", "bot", "gpt", "ユーザー", "User"))
        ),
    )


def extra_key(example: Example, rng: Random) -> Example:
    return raw(
        example, lambda r: r.update({rng.choice(("id", "source", "label", "カテゴリ")): "x"})
    )


def bad_weight(example: Example, rng: Random) -> Example:
    return raw(example, lambda r: r["messages"][-1].update(weight=rng.choice((2, 0.5, "1", -1))))
