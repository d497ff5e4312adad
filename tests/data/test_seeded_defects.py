"""The checks against planted defects, as bench/data_checks.py measures them."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from homutune.data import check_examples, corpus_path, read_cards, read_examples

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
from data_defects import CLIENTS, DEFECTS, planted

EXAMPLES = read_examples(corpus_path() / "qa")
CARDS = read_cards(corpus_path() / "cards")


def test_at_least_twenty_kinds_of_defects_are_planted():
    assert len({defect.rule for defect in DEFECTS}) >= 20


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.rule)
def test_planted_defects_are_found(defect):
    """Nine in ten on one small draw; the rates of the goal, 95 %, are measured by the bench."""
    damaged, numbers = planted(EXAMPLES, defect, seed=11)
    report = check_examples(damaged, CARDS, clients=CLIENTS)
    found = {n for f in report.findings if f.rule.id == defect.rule for n in f.numbers}
    assert numbers
    assert len(found & numbers) >= 0.9 * len(numbers)


def test_the_bundled_corpus_raises_hardly_any_alarm():
    report = check_examples(EXAMPLES, CARDS, clients=CLIENTS)
    assert all(f.n_examples <= 0.02 * report.n for f in report.findings)


@pytest.mark.parametrize(
    "text",
    [
        "お客様の同意を得て、仕様の変更を同様に通知します。各位の皆様にもお知らせします。",
        "法務部長の決裁を受け、取締役会の承認を得ます。新任取締役の報酬は株主総会で決めます。",
        "民法415条1項、548条の2から548条の4まで、消費者契約法第10条をご覧ください。",
        "代金は1,234,567円、着手金は20,000,000円で、2026年11月22日に支払います。",
        "契約番号は20261122-000123、伝票番号は123456789012、注文番号は4111111111111112です。",
        "非人道的な扱いは許されません。バカンス中の従業員や国外人材も対象です。",
        "手続は目くらましではなく、クズ鉄の売買にも当たります。",
        "東京地方裁判所を第一審の専属的合意管轄裁判所とします。大阪府堺市の条例も見ます。",
        "「A」と「B」を比べ、a<b かつ c&d の場合を考えます。R&D 契約、M&A も同じです。",
        "年3%、14.6%、3分の2、1か月前、10営業日以内、24時間、5人以上です。",
        "当社と弊社、取引先、相手方、第三者、甲と乙、売主と買主のいずれの場合もあります。",
    ],
)
def test_ordinary_legal_text_is_not_suspected(text):
    base = EXAMPLES[0]
    messages = ({"role": "user", "content": text}, base.messages[-1])
    example = replace(base, messages=messages)
    report = check_examples([example], CARDS)
    suspected = {f.rule.id for f in report.findings if f.rule.id[0] in "CP"}
    assert suspected == set()
