"""課題3-1：弱いところを調べ、データを足し、学習し直して、前と後を比べる。

    python code-examples/improve_and_retrain.py --drafter gemma3-270m --by 山田

下書きは必ず人が読んで採用・却下を決めます。小さなモデルは使える下書きをほとんど書けません。
--drafter には、使えるなら大きなモデルを指定してください（資料の文面がそのモデルに送られます）。
"""

import argparse

from homutune.client import connect, friendly_errors
from homutune.data import open_dataset
from homutune.evaluation import (
    CONDITIONS,
    StructuredModel,
    compare_runs,
    comparison_rows,
    find_arm,
    find_pairs,
    run_condition,
)
from homutune.improvement import (
    MAX_TOKENS,
    TEMPERATURE,
    Firewall,
    applied_version,
    apply_loop,
    create_loop,
    find_or_start,
    find_weaknesses,
    make_worklist,
    write_drafts,
)
from homutune.settings import load_settings
from homutune.tuning import ModelEntry, find_model, register_model, watch_job

parser = argparse.ArgumentParser(description="弱点を直して学習し直します。")
parser.add_argument("--drafter", required=True, help="下書きを書くモデル")
parser.add_argument("--by", required=True, help="採否を決める人の名前（記録に残ります）")
parser.add_argument("--limit", type=int, default=1, help="一覧の 1 行につき何件書かせるか")
args = parser.parse_args()
settings = load_settings()
dataset = open_dataset(settings.home)
before = find_model(settings.home, "latest", settings.base_url)
if before is None:
    raise SystemExit("先に fine_tuning_job.py と evaluate_models.py を実行してください。")

# 1. 保存した評価から、弱い分野と誤りの型を数え、すべきことの一覧にする。
run = find_arm(settings.home, dataset, model=before.model, condition="grounded")
weaknesses = find_weaknesses(run)
# Firewall は、評価に使う質問とカードが学習に混ざらないようにする壁です。
firewall = Firewall.of(settings.home, dataset)
work = make_worklist(dataset, weaknesses, barred=tuple(firewall.cards))
loop = create_loop(settings.home, weaknesses, work)
for item in work:
    print(f"  {item.id} {item.what}（{item.count} 件）")

with friendly_errors(settings), connect(settings) as client:
    # 2. 下書きを書かせる。形の検査と条文の確認は、人が見る前に済ませます。
    writer = StructuredModel(
        client, args.drafter, form="pair", temperature=TEMPERATURE, max_tokens=MAX_TOKENS
    )
    known = {draft.key: draft for draft in loop.drafts().values()}
    drafts = write_drafts(writer, dataset, work, firewall, known=known, limit=args.limit)
    for draft in loop.keep(draft for draft in drafts if draft is not None):
        print(f"  下書き {draft.id}")

    # 3. 人が決める。採用したものだけが次の版に入ります。
    for draft in loop.pending():
        print(f"\n問 {draft.example.question}\n答 {draft.example.answer}")
        if draft.problems:
            print("  直さないと採用できません: " + "、".join(draft.problems))
            loop.decide(settings.home, draft, "reject", by=args.by)
        elif input("採用しますか（y/n） ").strip().lower() == "y":
            loop.decide(settings.home, draft, "accept", by=args.by)
        else:
            loop.decide(settings.home, draft, "reject", by=args.by)
    if not any(decision.verdict == "accept" for decision in loop.decisions().values()):
        raise SystemExit("採用した下書きがないため、学習し直しません。")

    # 4. 新しい版を作り、前と同じ設定で学習する。変えるのはデータだけです。
    if loop.applied is None:
        apply_loop(settings.home, loop)
    version = open_dataset(settings.home, applied_version(loop))
    print(f"\n新しい版 {version.name}：学習 {len(dataset.train)} → {len(version.train)} 組")
    found = find_or_start(settings, client, loop, on_note=print)
    if isinstance(found, ModelEntry):
        after = found
    else:
        job = watch_job(client, found.id, on_event=lambda event: print(f"  {event.message}"))
        if job.status != "succeeded":
            raise SystemExit(f"学習は {job.status} で終わりました。")
        after = register_model(settings.home, client, job)

    # 5. 前と後を、同じ質問で比べる。上がらなかったときも、そのまま記録します。
    for model in (before.model, after.model):
        run_condition(settings, client, version, CONDITIONS["grounded"], model=model)
pairs, absent = find_pairs(settings.home, version, base=before.model, tuned=after.model)
for row in comparison_rows(compare_runs(version, pairs, absent)):
    print(f"  {row.name}: {row.base} → {row.tuned}（{row.verdict_label}）")
