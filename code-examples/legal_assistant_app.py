"""課題4-2：法務アシスタント。契約書を確認し、質問に答える。

    python code-examples/legal_assistant_app.py review 契約書.docx --side 受託者
    python code-examples/legal_assistant_app.py ask "検収の期間は契約で変えられますか。"

画面のあるアプリは homutune serve で開きます。ここでは、その中身を短く組み立てます。
"""

import argparse
from pathlib import Path

from homutune import LegalModel
from homutune.assistant import (
    DISCLAIMER,
    LegalQA,
    load_playbooks,
    read_document,
    review_document,
    write_comments,
    write_html,
)
from homutune.data import CardLibrary, CardShelf, corpus_path
from homutune.law import LawStore
from homutune.prompting import PLANS
from homutune.settings import load_settings


def review(file: Path, side: str | None, target: Path) -> None:
    """契約書をプレイブック（自社の基準）と比べる。規則で決まるので、モデルは要らない。"""
    document = read_document(file)
    result = review_document(document, load_playbooks(), side=side)
    print(f"{result.title}（{result.side}の立場） {result.counts}")
    for finding in result.findings:
        place = finding.clause or "条項なし"
        print(f"  [{finding.priority}] {place} {finding.topic}: {finding.gap}")
        for basis in finding.basis:
            print(f"      根拠 {basis.label}（{basis.status}）")
    if target.suffix == ".docx":
        write_comments(target, document, result, {})  # Word のコメントとして書き込む
    else:
        write_html(target, result, {})
    print(f"{DISCLAIMER}\n保存しました: {target.resolve()}")


def ask(question: str, name: str) -> None:
    """資料を探し、モデルに言葉にさせ、一文ずつ資料に支えがあるかを確かめる。"""
    settings = load_settings()
    cards = CardLibrary(corpus_path() / "cards", CardShelf(settings.home))  # 自社カードも使う
    with LegalModel(name) as model:
        answer = LegalQA(model, PLANS["grounded"], cards, LawStore(settings.home)).ask(question)
    print(answer.text)
    for sentence in answer.unsupported:
        print(f"  【支えなし】{sentence.text}")
    for source in answer.sources:
        print(f"  [{source.number}] {source.title}{'（引用）' if source.cited else ''}")
    for article in answer.citations:
        print(f"  {article.label}: {article.verdict}")
    print(answer.disclaimer)


parser = argparse.ArgumentParser(description="法務アシスタント。")
verbs = parser.add_subparsers(dest="verb", required=True)
reviewing = verbs.add_parser("review", help="契約書を確認する")
reviewing.add_argument("file", type=Path)
reviewing.add_argument("--side", help="自社の立場（例: 受託者）")
reviewing.add_argument("--out", type=Path, default=Path("review.html"))
asking = verbs.add_parser("ask", help="質問する")
asking.add_argument("question")
asking.add_argument("--model", default="latest")
args = parser.parse_args()
if args.verb == "review":
    review(args.file, args.side, args.out)
else:
    ask(args.question, args.model)
