"""課題2-1：ファイルを送り、ファインチューニングのジョブを作り、終わりまで見守る。

    homutune serve                                          # 別の端末で
    python code-examples/fine_tuning_job.py --epochs 1

OpenAI で学習するときは、接続先とキーを変えるだけです（データが社外に出ます。新しいジョブを
作れるのは、2027-01-06 までの一部の組織だけです）。

    HOMUTUNE_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=… \\
        python code-examples/fine_tuning_job.py --model gpt-4.1-mini-2025-04-14
"""

import argparse

from homutune.client import connect, friendly_errors
from homutune.data import open_dataset
from homutune.settings import load_settings
from homutune.tuning import export_dataset, register_model, start_job, watch_job

settings = load_settings()
parser = argparse.ArgumentParser(description="ファインチューニングを実行します。")
parser.add_argument("--model", default=settings.base_model, help="ベースモデル")
parser.add_argument("--epochs", type=int, help="データを何巡するか。省くと件数から決めます。")
parser.add_argument("--suffix", default="kenshu", help="モデル名に付ける名前")
args = parser.parse_args()

# 1. いちばん新しいデータセットから、学習用のファイルを作る（同じものなら同じファイルです）。
dataset = open_dataset(settings.home)
recipe = "grounded" if dataset.cards else "plain"
files = export_dataset(settings.home, dataset.name, recipe=recipe)

# connect() は公式の openai.OpenAI を返します。friendly_errors は、その例外を日本語にします。
with friendly_errors(settings), connect(settings) as client:
    # 2. 送る前にもう一度検査し、送り、ジョブを作る。seed を決めると、結果を再現できます。
    job = start_job(
        client,
        settings.home,
        train=files.train,
        valid=files.valid,
        model=args.model,
        suffix=args.suffix,
        n_epochs=args.epochs or "auto",
        seed=42,
        metadata=files.metadata,
        on_note=print,
    )
    print(f"ジョブ {job.id} を作りました。")

    # 3. 見守る。学習の損失（loss）が下がり、検証の損失も下がっていけば順調です。
    #    検証の損失だけが上がり始めたら、覚え込みすぎ（過学習）です。
    job = watch_job(client, job.id, on_event=lambda event: print(f"  {event.message}"))
    if job.status != "succeeded":
        raise SystemExit(f"学習は {job.status} で終わりました。{job.error or ''}")

    # 4. できたモデルを覚えておく。あとは名前（または latest）で呼び出せます。
    entry = register_model(settings.home, client, job)
print(f"モデル: {entry.model}")
print(f"学習したトークン: {entry.trained_tokens}、検証の損失: {entry.valid_loss}")
