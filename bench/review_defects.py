"""Seeded defects: how many the rules find, and how often they cry wolf on clean contracts.

.venv/bin/python bench/review_defects.py [--json]

Each kind of defect is planted, one at a time, in every contract that can hold it, and the
contract is reviewed from every side the defect hurts. Found means that the rule made for it
reports a finding that the clean contract does not have. The contracts are those of
bench/contracts (the rules were mended while looking at them), those in its heldout/ (written
afterwards), drafts of ``homutune draft`` for both sides of all ten types, and, where they lie
beside this checkout, a contract, work rules and terms made public by others (../shared/contracts;
what the rules say about them undefiled is no false alarm, for they are not known to be clean).
"""

from __future__ import annotations

import argparse
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from defects import DEFECTS, ROLES, SIDES, Case
from defects_by_type import TYPED

from homutune.assistant import (
    Review,
    draft,
    load_playbooks,
    load_templates,
    read_document,
    review_document,
)

CONTRACTS = Path(__file__).parent / "contracts"
ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("HOMUTUNE_SHARED", ROOT.parent / "shared")) / "contracts"
PUBLIC = {"misc/keiyaku-css_lease_contract.md": "tatemono-chintai"}
#: Work rules and terms of use, compared with the playbook that comes nearest.
PUBLIC_RULES = {
    "denkiyagi/0*.md": "koyo",
    "tuqulore/0*.md": "koyo",
    "misc/alesinfiny_maris_terms.md": "saas",
}
KINDS = (*DEFECTS, *TYPED)


def both_sides(path: Path, contract_type: str) -> Iterator[Case]:
    """One contract from both sides."""
    words = ROLES.get(path.stem, ("甲", "乙"))
    text = path.read_text("utf-8")
    for index, side in enumerate(SIDES[contract_type]):
        yield Case(
            path.stem, contract_type, text, side, words[index], words[1 - index], path.suffix
        )


def cases(folder: Path = CONTRACTS) -> Iterator[Case]:
    """Every contract of a folder from both sides."""
    for path in sorted(folder.glob("*.txt")):
        yield from both_sides(path, path.stem.rsplit("-", 1)[0])


def drafted(*, other_side: bool = True) -> Iterator[Case]:
    """A draft of every type for both sides, reviewed from its own side and from the other."""
    playbooks, templates = load_playbooks(), load_templates()
    for name, book in playbooks.items():
        template = templates[name]
        answers = {
            f.name: "はい" if f.kind == "yesno" else f.example if f.default is None else f.default
            for f in template.fields
        }
        for ours, side in enumerate(book.sides):
            text = draft(template, answers, playbook=book, side=side.name).text
            for index, reviewer in enumerate(SIDES[name]):
                if index == ours or other_side:
                    letters = "甲乙" if index == 0 else "乙甲"
                    yield Case(f"{name}（{side.name}の下書き）", name, text, reviewer, *letters)


def public(names: dict[str, str] = PUBLIC) -> Iterator[Case]:
    """Documents made public by others, where they lie beside this checkout."""
    for name, contract_type in names.items():
        for path in sorted(SHARED.glob(name)):
            if path.stat().st_size > 1000:  # one is an address of a page and nothing else
                yield from both_sides(path, contract_type)


SOURCES = {
    "開発用": cases,
    "別の契約書": lambda: cases(CONTRACTS / "heldout"),
    "ひな形からの下書き": drafted,
    "公開の契約書": public,
    "公開の規程と規約": lambda: public(PUBLIC_RULES),
}


def review(case: Case, text: str, playbooks: dict, folder: Path) -> Review:
    """Review a text as a file."""
    path = folder / f"{case.name}{case.suffix}"
    path.write_text(text, encoding="utf-8")
    return review_document(read_document(path), playbooks, contract_type=case.type, side=case.side)


def measure(contracts: Iterable[Case], folder: Path) -> dict:
    """False alarms on the clean contracts and, for each kind, planted and found.

    ``folder`` is for the files that are reviewed.
    """
    playbooks = load_playbooks()
    rules = {name: {rule.id for rule in book.rules} for name, book in playbooks.items()}
    clean, table, missed = {}, defaultdict(lambda: [0, 0]), []
    for case in contracts:
        found = review(case, case.text, playbooks, folder).findings
        before = {f.id for f in found}
        clean[f"{case.name}/{case.side}"] = [f"{f.rule}: {f.gap}" for f in found]
        for defect in KINDS:
            if defect.types and case.type not in defect.types:
                continue
            if not rules[case.type] & set(defect.rules) or defect.side not in (None, case.index):
                continue
            text = defect.plant(case)
            if text is None:
                continue
            after = review(case, text, playbooks, folder).findings
            hit = any(f.rule in defect.rules and f.id not in before for f in after)
            table[defect.name][0] += 1
            table[defect.name][1] += hit
            if not hit:
                missed.append(f"{defect.name} in {case.name}/{case.side}")
    return {"clean": clean, "defects": dict(table), "missed": missed}


def main() -> None:
    """Print both tables."""
    import tempfile

    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory() as folder:
        results = {name: measure(source(), Path(folder)) for name, source in SOURCES.items()}
    if as_json:
        print(json.dumps(results, ensure_ascii=False, indent=1))
        return
    print("| 欠陥の種類（見つけた / 植えた） | " + " | ".join(results) + " |")
    print("|---|" + "--:|" * len(results))
    for defect in KINDS:
        cells = [result["defects"].get(defect.name, (0, 0)) for result in results.values()]
        print(f"| {defect.name} | " + " | ".join(f"{b}/{a}" if a else "―" for a, b in cells) + " |")
    for name, result in results.items():
        planted, found = (sum(row[i] for row in result["defects"].values()) for i in (0, 1))
        if not planted:
            print(f"\n{name}: このチェックアウトの隣に ../shared がないため測っていません")
            continue
        alarms = [len(found) for found in result["clean"].values()]
        print(
            f"\n{name}: {found}/{planted} ({found / planted:.1%})、"
            f"{len(result['defects'])} 種類。植える前の指摘: {len(alarms)} 回のレビューで"
            f"計 {sum(alarms)} 件、最大 {max(alarms)} 件"
        )
        for line in result["missed"]:
            print(f"  見逃し: {line}")
        for case, lines in result["clean"].items():
            for line in lines:
                print(f"  植える前: {case} {line}")


if __name__ == "__main__":
    main()
