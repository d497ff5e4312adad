"""課題2-2：学習の前と後のモデルに同じ質問を解かせ、四つの観点で比べる。

    python code-examples/evaluate_models.py --limit 30

学習に使っていない検証用の質問だけを使います。差には必ず区間（どのくらい確かか）を付けます。
"""

import argparse
from pathlib import Path

from homutune.client import connect
from homutune.data import open_dataset
from homutune.evaluation import (
    CONDITIONS,
    compare_runs,
    comparison_rows,
    find_pairs,
    headline,
    run_condition,
    write_report,
)
from homutune.settings import load_settings
from homutune.tuning import find_model

parser = argparse.ArgumentParser(description="学習の前と後を比べます。")
parser.add_argument("--limit", type=int, help="質問の数。省くと全部。")
parser.add_argument("--out", type=Path, default=Path("evaluation.html"))
args = parser.parse_args()
settings = load_settings()
dataset = open_dataset(settings.home)
entry = find_model(settings.home, "latest", settings.base_url)
if entry is None:
    raise SystemExit("学習したモデルがありません。先に fine_tuning_job.py を実行してください。")

# 1. 解かせる。grounded は資料つき、plain は資料なしです。途中で止めても続きから進みます。
names = ["grounded", "plain"] if dataset.cards else ["plain"]
with connect(settings) as client:
    for model in (entry.base, entry.model):
        for name in names:
            condition = CONDITIONS[name]
            run = run_condition(settings, client, dataset, condition, model=model, limit=args.limit)
            print(f"{model} {condition.label}: {len(run.scores)} 問")

# 2. 比べる。質問ごとに前と後を引き算し、その平均と 95% 区間を求めます。
#    正確性・関連性・スタイルと一貫性・専門知識の反映度の四つです。
pairs, absent = find_pairs(settings.home, dataset, base=entry.base, tuned=entry.model)
comparison = compare_runs(dataset, pairs, absent)
print(headline(comparison))
for row in comparison_rows(comparison):
    print(
        f"  {row.condition} {row.name}: {row.base} → {row.tuned}"
        f"（差 {row.difference} {row.interval}、{row.verdict_label}）"
    )

# 3. 報告書にする。数字だけでなく、答えを並べて読むことが大切です。
write_report(args.out, comparison, pairs, dataset)
print(f"報告書: {args.out.resolve()}")
