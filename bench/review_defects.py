"""Seeded defects: how many the rules find, and how often they cry wolf on clean contracts.

.venv/bin/python bench/review_defects.py [--json]

Each kind of defect is planted, one at a time, in every contract of bench/contracts that can
hold it, and the contract is reviewed from every side the defect hurts. Found means that the
rule made for it reports a finding that the clean contract does not have. The rules were mended
while looking at bench/contracts; those in heldout/ were written afterwards.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from defects import DEFECTS, ROLES, SIDES, Case

from homutune.assistant import Review, load_playbooks, read_document, review_document

CONTRACTS = Path(__file__).parent / "contracts"


def cases(folder: Path = CONTRACTS) -> Iterator[Case]:
    """Every contract from both sides."""
    for path in sorted(folder.glob("*.txt")):
        contract_type = path.stem.rsplit("-", 1)[0]
        words = ROLES.get(path.stem, ("甲", "乙"))
        for index, side in enumerate(SIDES[contract_type]):
            text = path.read_text("utf-8")
            yield Case(path.stem, contract_type, text, side, words[index], words[1 - index])


def review(case: Case, text: str, playbooks: dict) -> Review:
    """Review a text as if it had come as a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{case.name}.txt"
        path.write_text(text, encoding="utf-8")
        document = read_document(path)
    return review_document(document, playbooks, contract_type=case.type, side=case.side)


def measure(folder: Path = CONTRACTS) -> dict:
    """False alarms on the clean contracts and, for each kind, planted and found."""
    playbooks = load_playbooks()
    clean, table, missed = {}, defaultdict(lambda: [0, 0]), []
    for case in cases(folder):
        found = review(case, case.text, playbooks).findings
        before = {f.id for f in found}
        clean[f"{case.name}/{case.side}"] = [f"{f.rule}: {f.gap}" for f in found]
        for defect in DEFECTS:
            if case.type not in defect.types or defect.side not in (None, case.index):
                continue
            text = defect.plant(case)
            if text is None:
                continue
            after = review(case, text, playbooks).findings
            hit = any(f.rule in defect.rules and f.id not in before for f in after)
            table[defect.name][0] += 1
            table[defect.name][1] += hit
            if not hit:
                missed.append(f"{defect.name} in {case.name}/{case.side}")
    return {"clean": clean, "defects": dict(table), "missed": missed}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    results = {name: measure(CONTRACTS / name) for name in ("", "heldout")}
    if as_json:
        print(json.dumps(results, ensure_ascii=False, indent=1))
        return
    print(
        "| 欠陥の種類 | 植えた | 見つけた | 別の契約書に植えた | 見つけた |\n|---|--:|--:|--:|--:|"
    )
    for defect in DEFECTS:
        cells = [results[n]["defects"].get(defect.name, (0, 0)) for n in results]
        print(f"| {defect.name} | " + " | ".join(f"{a} | {b}" for a, b in cells) + " |")
    for name, result in results.items():
        planted, found = (sum(row[i] for row in result["defects"].values()) for i in (0, 1))
        alarms = [len(found) for found in result["clean"].values()]
        print(
            f"\n{name or '開発用'}: {found}/{planted} ({found / planted:.1%})、"
            f"{len(result['defects'])} 種類。欠陥のない契約書の誤警報: {len(alarms)} 回のレビューで"
            f"計 {sum(alarms)} 件、最大 {max(alarms)} 件"
        )
        for line in result["missed"]:
            print(f"  見逃し: {line}")
        for case, lines in result["clean"].items():
            for line in lines:
                print(f"  誤警報: {case} {line}")


if __name__ == "__main__":
    main()
