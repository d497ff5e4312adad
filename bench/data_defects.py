"""Plants defects in clean examples, one kind at a time, for bench/data_checks.py and the tests.

Each kind says which rule should find it. A planter gets a sound example and a random generator
and returns what stands in its place, or is added to the set.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from data_planters import (
    CLIENTS,
    WORDS,
    Random,
    account,
    address,
    bad_role,
    bad_weight,
    birth,
    blunt,
    card_number,
    contradict,
    corporate_number,
    decomposed,
    email,
    extra_key,
    full_name,
    insert,
    mixed,
    mojibake,
    my_number,
    narrow_kana,
    no_conclusion,
    paraphrase,
    phone,
    repeat,
    say,
    sentence,
    with_answer,
    with_question,
    without_articles,
    wrong_figure,
)

from homutune.data import Example


@dataclass(frozen=True)
class Defect:
    """One kind of defect: ``plant`` returns the damaged example."""

    name: str
    rule: str
    plant: Callable[[Example, Random], Example | None]
    #: The damaged example is added to the set; the sound one stays.
    added: bool = False
    #: Another rule that may say it: an index of some months ago cannot rule out a new article.
    also: str = ""

    @property
    def rules(self) -> set[str]:
        """The rules that may find it."""
        return {self.rule, self.also} - {""}


DEFECTS: Sequence[Defect] = (
    Defect("役割（role）の誤り", "F005", bad_role),
    Defect("空の回答", "F006", lambda e, r: with_answer(e, r.choice(("", " ", "\n", "　")))),
    Defect("行に余分なキー", "F010", extra_key),
    Defect("weight の誤り", "F007", bad_weight),
    Defect("id の重複", "D003", lambda e, r: with_question(e, e.question[::-1]), added=True),
    Defect("特殊トークン", "F012", lambda e, r: insert(e, r, r.choice(WORDS["tokens"]))),
    Defect("文字化け", "C001", mojibake),
    Defect(
        "制御文字", "C002", lambda e, r: insert(e, r, r.choice("\x00\x07\x08\x0b\x0c\x1b\x7f\x85"))
    ),
    Defect(
        "見えない文字",
        "C003",
        lambda e, r: insert(e, r, r.choice("\u200b\u200c\u200d\u2060\ufeff\u202e\u00ad\u200f")),
    ),
    Defect(
        "機種依存文字・外字",
        "C004",
        lambda e, r: insert(e, r, r.choice("①⑳Ⅳⅲ㈱㈲㊤㍻㎡№℡㌔\ue000﨑㋿")),
    ),
    Defect("半角カナ", "C005", narrow_kana),
    Defect("全角と半角の混在", "C006", mixed),
    Defect("HTML の残り", "C007", lambda e, r: insert(e, r, r.choice(WORDS["html"]))),
    Defect("濁点の分かれた文字", "C008", decomposed),
    Defect("乱暴・差別的な表現", "C009", lambda e, r: say(e, r, r.choice(WORDS["insults"]))),
    Defect("同じ組の重複", "D001", lambda e, r: with_question(e, e.question, "-b"), added=True),
    Defect(
        "ほとんど同じ質問",
        "D004",
        lambda e, r: with_question(e, paraphrase(e.question, r), "-b"),
        added=True,
    ),
    Defect(
        "同じ質問に違う回答",
        "D002",
        lambda e, r: with_question(with_answer(e, e.answer + "記録も残します。"), e.question, "-b"),
        added=True,
    ),
    Defect("近い質問の矛盾", "Q001", contradict, added=True),
    Defect(
        "飛び抜けた長さ",
        "D006",
        lambda e, r: with_answer(
            e,
            "結論：可能です。"
            if r.random() < 0.5
            else e.answer + "".join(f"なお{i}点目の説明です。" for i in range(90)),
        ),
    ),
    Defect("結論がない", "Q002", no_conclusion),
    Defect(
        "あいまいな言い方",
        "Q003",
        lambda e, r: with_answer(
            e, re.sub(r"\A結論：", "結論：" + r.choice(WORDS["hedges"]), e.answer)
        ),
    ),
    Defect("同じ文の繰り返し", "Q004", repeat),
    Defect(
        "用語のゆれ",
        "Q005",
        lambda e, r: with_answer(e, e.answer + "".join(r.choice(WORDS["variants"]))),
    ),
    Defect("です・ます調でない", "S002", blunt),
    Defect(
        "3行の形の崩れ",
        "S001",
        lambda e, r: with_answer(
            e,
            e.answer.replace("\n", "", 1)
            if r.random() < 0.5
            else e.answer.replace("根拠：", "理由：", 1),
        ),
    ),
    Defect(
        "必須の語がない",
        "R001",
        lambda e, r: replace(e, meta=replace(e.meta, must=(*e.meta.must, "解約返戻金の精算"))),
    ),
    Defect("氏名", "P001", lambda e, r: say(e, r, sentence(full_name(r), r))),
    Defect("住所", "P002", lambda e, r: say(e, r, f"送り先は{address(r)}です。")),
    Defect(
        "電話番号",
        "P003",
        lambda e, r: say(
            e,
            r,
            f"電話は{phone(r)}です。"
            if r.random() < 0.5
            else f"連絡先（{phone(r)}）に知らせます。",
        ),
    ),
    Defect("メールアドレス", "P004", lambda e, r: say(e, r, f"{email(r)}に送ります。")),
    Defect("マイナンバー", "P005", lambda e, r: say(e, r, f"番号は{my_number(r)}です。")),
    Defect("銀行口座", "P006", lambda e, r: say(e, r, f"振込先は{account(r)}です。")),
    Defect("クレジットカード番号", "P007", lambda e, r: say(e, r, f"{card_number(r)}で払います。")),
    Defect("法人番号", "P008", lambda e, r: say(e, r, f"相手は{corporate_number(r)}の会社です。")),
    Defect(
        "取引先の名前",
        "P009",
        lambda e, r: say(
            e, r, f"{r.choice((r.choice(CLIENTS), '青凪フーズ', 'ソラリス企画'))}との契約です。"
        ),
    ),
    Defect("生年月日", "P010", lambda e, r: say(e, r, f"{birth(r)}です。")),
    Defect("条文のない数字", "L001", without_articles),
    Defect(
        "articles と回答の食い違い",
        "L002",
        lambda e, r: replace(e, meta=replace(e.meta, articles=(*e.meta.articles, "民法1050条"))),
    ),
    Defect("書き換えた数字", "L003", wrong_figure),
)
#: Kinds that only an index of articles can find.
LAW_DEFECTS: Sequence[Defect] = (
    Defect(
        "実在しない条文",
        "L004",
        lambda e, r: with_answer(e, e.answer + f"{r.choice(WORDS['no_articles'])}も確かめます。"),
        also="L006",
    ),
    Defect(
        "旧法・旧条番号",
        "L005",
        lambda e, r: with_answer(e, e.answer + f"{r.choice(WORDS['old_articles'])}も確かめます。"),
    ),
)


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
