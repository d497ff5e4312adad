"""How many planted defects ``homutune data check`` finds, and how often it cries wolf.

.venv/bin/python bench/data_checks.py            table to bench/data_checks.md
.venv/bin/python bench/data_checks.py --misses   also shows what was not found
.venv/bin/python bench/data_checks.py --scale    time and memory for 10,000, 100,000, 1,000,000
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from data_defects import CLIENTS, DEFECTS, LAW_DEFECTS, Defect, planted

from homutune.data import (
    RULES,
    Card,
    Example,
    check_examples,
    corpus_path,
    read_cards,
    read_examples,
)
from homutune.law import check_citation

KINDS = (*DEFECTS, *LAW_DEFECTS)
RESULT = Path(__file__).with_suffix(".md")
SEEDS = (1, 2, 3, 4, 5)
SIZES = (10_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Row:
    """What became of one kind: planted and found over all seeds; false alarms on clean data."""

    defect: Defect
    planted: int
    found: int
    false_alarms: int
    clean: int

    @property
    def recall(self) -> float:
        return self.found / self.planted

    @property
    def false_rate(self) -> float:
        return self.false_alarms / self.clean

    @property
    def reached(self) -> bool:
        """The goal: 95 % found, at most 2 % false alarms."""
        return self.recall >= 0.95 and self.false_rate <= 0.02


def measure(
    examples: list[Example], cards: list[Card], seeds: tuple[int, ...] = SEEDS
) -> list[Row]:
    """One row for each kind of defect."""
    clean = {
        f.rule.id: f.n_examples
        for f in check_examples(examples, cards, clients=CLIENTS, verdict=check_citation).findings
    }
    rows = []
    for defect in KINDS:
        n = found = 0
        for seed in seeds:
            damaged, numbers = planted(examples, defect, seed=seed)
            report = check_examples(damaged, cards, clients=CLIENTS, verdict=check_citation)
            named = {i for f in report.findings if f.rule.id in defect.rules for i in f.numbers}
            n += len(numbers)
            found += len(numbers & named)
        rows.append(
            Row(defect, n, found, sum(clean.get(rule, 0) for rule in defect.rules), len(examples))
        )
    return rows


def misses(examples: list[Example], cards: list[Card], seed: int = 1) -> Iterator[str]:
    """What was planted and not found."""
    for defect in KINDS:
        damaged, numbers = planted(examples, defect, seed=seed)
        report = check_examples(damaged, cards, clients=CLIENTS, verdict=check_citation)
        named = {i for f in report.findings if f.rule.id in defect.rules for i in f.numbers}
        for number in sorted(numbers - named)[:8]:
            example = damaged[number - 1]
            yield f"{defect.rule} {defect.name}: {example.question!r}\n    {example.answer!r}"


HEAD = """## 検査の成績（植え付けた欠陥）

`.venv/bin/python bench/data_checks.py` の出力です。{today}、シード {seeds}。
学習用は同梱のコーパス {n} 組、評価用は `corpus/heldout` の {held} 件です。
欠陥は 1 種類ずつ、約 3 割の組に植え付けました（`bench/data_defects.py`）。

目標は、見つけた割合 95 % 以上、欠陥のない組での誤警報 2 % 以下です。
学習用では {kinds} 種類のうち {good} 種類、評価用では {good_held} 種類が満たしました。

| 欠陥 | 規則 | 学習用：見つけた数 | 割合 | 誤警報（組） | 評価用：割合 | 誤警報（組） | 判定 |
|---|---|---|---|---|---|---|---|
"""
LIMITS = """
### 読み方と限界

- 欠陥を作るプログラムと検査は同じ作り手によるもので、実際のデータでの割合はこれより低くなります。
- 氏名は、敬称・役職・「担当：」などの印があるか、よくある姓と名の並びのときだけ見つかります。
  植え付けた氏名はすべて印つきで、辞書にない姓も混ぜました。印のない珍しい姓は見つかりません。
- 乱暴・差別的な表現とあいまいな言い方は語の一覧で探します。一覧にない言い方は見つかりません。
- 「書き換えた数字」は、質問と根拠のカードにない数字を探します。
  たまたま別の所にある数字に変わると見つかりません。
- 「近い質問の矛盾」は、結論の可否と数字だけを比べます。言い方の違う矛盾は見つかりません。
- 「意味の近い質問」（D008）と「条文と違う数字」（L007）は、埋め込みモデルと取り込んだ条文が
  要るので、この表に入っていません。
- 規則は学習用の組を見ながら直しました。評価用の組にこの測定を当てたのは、規則ができた後です。
  ただし同じ書き手の文なので、どちらの数字も、ほかの人が書いたデータより良く出ます。
"""


def table(rows: list[Row], held: list[Row]) -> str:
    """The result as Markdown; ``held`` are the same kinds on the held-out part."""
    head = HEAD.format(
        today=date.today(),
        n=rows[0].clean,
        held=held[0].clean,
        seeds="・".join(map(str, SEEDS)),
        kinds=len(rows),
        good=sum(row.reached for row in rows),
        good_held=sum(row.reached for row in held),
    )
    lines = [
        f"| {row.defect.name} | {'・'.join(sorted(row.defect.rules))} | {row.found}/{row.planted}"
        f" | {row.recall:.1%} | {row.false_alarms}/{row.clean}"
        f" | {unseen.recall:.1%} | {unseen.false_alarms}/{unseen.clean}"
        f" | {'達成' if row.reached and unseen.reached else '**未達**'} |"
        for row, unseen in zip(rows, held, strict=True)
    ]
    return head + "\n".join(lines) + "\n" + LIMITS


def synthetic(n: int, examples: list[Example]) -> Iterator[Example]:
    """``n`` different examples made of the corpus' sentences, one after the other."""
    rng = random.Random(7)
    questions = [s + "。" for e in examples for s in e.question.split("。") if s]
    bodies = [e.answer.split("\n") for e in examples]
    for number in range(n):
        question = "".join(rng.choice(questions) for _ in range(2)) + f"整理番号は{number}です。"
        answer = "\n".join(rng.choice(bodies)[line] for line in range(3))
        origin = rng.choice(examples)
        yield replace(
            origin,
            messages=(
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ),
            meta=replace(origin.meta, id=f"s-{number}", must=(), must_not=(), articles=()),
        )


def run_size(n: int) -> None:
    """Check ``n`` synthetic examples in this process and print seconds and MiB."""
    examples = read_examples(corpus_path() / "qa")
    cards = read_cards(corpus_path() / "cards")
    begin = time.perf_counter()
    report = check_examples(synthetic(n, examples), cards, verdict=check_citation)
    seconds, cpu = time.perf_counter() - begin, time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = sum(report.summary.values())
    print(f"| {n:,} | {seconds:.0f} | {cpu:.0f} | {cpu / n * 1e6:.0f} | {peak:,.0f} | {found:,} |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--misses", action="store_true")
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.size:
        run_size(options.size)
        return
    if options.scale:
        print("| 件数 | 秒 | CPU 秒 | CPU µs/件 | 最大メモリー MiB | 見つけた数 |")
        print("|---|---|---|---|---|---|", flush=True)
        for size in SIZES:  # each in a process of its own: peak memory never falls
            subprocess.run([sys.executable, __file__, "--size", str(size)], check=True)
        return
    examples = read_examples(corpus_path() / "qa")
    cards = read_cards(corpus_path() / "cards")
    if options.misses:
        print("\n".join(misses(examples, cards)))
    held = read_examples(corpus_path() / "heldout")
    text = table(measure(examples, cards), measure(held, cards))
    RESULT.write_text(text, encoding="utf-8")
    print(text)
    assert set(RULES) >= {defect.rule for defect in KINDS}


if __name__ == "__main__":
    main()
