"""課題3-2：学習とプロンプトを組み合わせる（ハイブリッド）。

    python code-examples/hybrid_prompting.py --limit 30
    python code-examples/hybrid_prompting.py --question "検収の期間は契約で変えられますか。"

前半は 1 問を四つの頼み方で、後半は 学習の前後 × 資料の有無 の 2×2 で比べます。
"""

import argparse

from homutune import LegalModel
from homutune.client import BadReply, connect
from homutune.data import SYSTEM_PROMPT, Retriever, open_dataset
from homutune.evaluation import (
    CONDITIONS,
    arms_headline,
    compare_arms,
    interaction_sentence,
    run_condition,
)
from homutune.prompting import PLANS, build
from homutune.settings import load_settings
from homutune.tuning import find_model

parser = argparse.ArgumentParser(description="プロンプトの工夫と学習を組み合わせます。")
parser.add_argument("--question", default="検収の期間は契約で変えられますか。")
parser.add_argument("--limit", type=int, default=10, help="2×2 で使う質問の数")
args = parser.parse_args()
settings = load_settings()
dataset = open_dataset(settings.home)
entry = find_model(settings.home, "latest", settings.base_url)
if entry is None or not dataset.cards:
    raise SystemExit("解説カードのあるデータセットと、学習したモデルが必要です。")
retriever = Retriever(dataset.cards)

# 1. 質問だけ。
plain = build(PLANS["plain"], args.question)

# 2. 資料つき。検索した解説カードを付けます。学習したときと同じ形なので、いちばん効きます。
grounded = build(PLANS["grounded"], args.question, retriever)

# 3. 例示（few-shot）。近い質問と良い回答を先に見せます。検証用の質問は見せません。
near = {card.id for card in retriever.search(args.question, k=5)}
shots = [e for e in dataset.train if near & set(e.meta.cards)][:2] or dataset.train[:2]
few_shot = [{"role": "system", "content": SYSTEM_PROMPT}]
for shot in shots:
    few_shot.append({"role": "user", "content": shot.question})
    few_shot.append({"role": "assistant", "content": shot.answer})
few_shot.append({"role": "user", "content": args.question})

# 4. 考えてから答える（chain of thought）。考えと答えを別の欄に書かせ、答えだけを見せます。
thinking = {
    "type": "object",
    "properties": {
        "考え": {"type": "string", "maxLength": 200},
        "答え": {"type": "string", "maxLength": 200},
    },
    "required": ["考え", "答え"],
    "additionalProperties": False,
}

with LegalModel(entry.model) as model:
    for name, prompt in (("質問だけ", plain), ("資料つき", grounded), ("例示", few_shot)):
        print(f"【{name}】{model.ask(prompt).text}")
    try:
        print(f"【考えてから】{model.ask(args.question, schema=thinking).data['答え']}")
    except BadReply as error:  # 小さなモデルは、長さの中で書き終えられないことがあります。
        print(f"【考えてから】{error}")

# 5. 印象でなく、測って決める。「学習の効果」「資料の効果」「組み合わせの効果」を分けます。
with connect(settings) as client:
    arms = [
        run_condition(settings, client, dataset, CONDITIONS[name], model=model, limit=args.limit)
        for model in (entry.base, entry.model)
        for name in ("plain", "grounded")
    ]
comparison = compare_arms(dataset, arms)
print(arms_headline(comparison))
print(interaction_sentence(comparison) or "")
for contrast in comparison.contrasts.values():
    result = contrast.criteria.get("correctness")
    if result is not None:
        print(f"  {contrast.label}: 正確性の差 {result.difference:+.2f}")
