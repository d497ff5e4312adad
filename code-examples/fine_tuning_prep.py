"""演習1：学習データを読み、検査し、分けて、学習用のファイルを作る。

    python code-examples/fine_tuning_prep.py                # 同梱の質問と回答
    python code-examples/fine_tuning_prep.py 相談.xlsx       # 手元のファイル

同じことを homutune data check / split / export でもできます。ここではその中身を見ます。
"""

import argparse
from pathlib import Path

from homutune.data import (
    check_examples,
    corpus_path,
    create_dataset,
    read_cards,
    read_examples,
    split_examples,
)
from homutune.settings import load_settings
from homutune.tuning import export_dataset

parser = argparse.ArgumentParser(description="学習データを準備します。")
parser.add_argument("path", type=Path, nargs="?", default=corpus_path())
parser.add_argument("--cards", type=Path, help="解説カードのフォルダー")
args = parser.parse_args()
settings = load_settings()  # 保存先や接続先。.env と環境変数 HOMUTUNE_* から読みます。

# 1. 読む。Excel・CSV・JSONL・YAML のどれでも、同じ形（Example）になります。
cards_path = args.cards or args.path / "cards"
examples = read_examples(args.path)
cards = read_cards(cards_path) if cards_path.exists() else []
print(f"質問と回答 {len(examples)} 組、解説カード {len(cards)} 枚を読みました。")

# 2. 検査する。形式・多様性・品質・文字・個人情報・法令の引用を、送る前に確かめます。
report = check_examples(examples, cards or None)
for problem in report.problems[:5]:
    print(f"  [{problem.severity}] {problem.message} → {problem.remedy}")
print(f"誤り {len(report.errors)} 件、全部で {len(report.problems)} 件の指摘がありました。")
if not report.ok:
    raise SystemExit("誤りを直してから、もう一度実行してください。")

# 3. 80：20 に分ける。同じカードや同じ論点の質問は、必ず同じ側に入れます。
#    そうしないと、検証のときに「覚えた答え」を見ることになり、点数が甘くなります。
split = split_examples(examples, valid_ratio=0.2, seed=42)
dataset = create_dataset(settings.home, examples, cards, split, sources=[str(args.path)])
print(f"{dataset.name}：学習 {len(dataset.train)} 組、検証 {len(dataset.valid)} 組")

# 4. 学習用の JSONL を書く。grounded は「質問と資料 → 資料を引用した答え」の形です。
#    カードがなければ plain（質問 → 答え）にします。
files = export_dataset(settings.home, dataset.name, recipe="grounded" if cards else "plain")
for note in files.notes:
    print(f"  {note}")
print(f"学習用: {files.train}\n検証用: {files.valid}")
