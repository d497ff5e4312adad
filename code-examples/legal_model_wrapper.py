"""課題4-1：モデルを包む LegalModel を使う。

    python code-examples/legal_model_wrapper.py
    HOMUTUNE_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=… \\
        python code-examples/legal_model_wrapper.py --model gpt-4.1-mini

接続、再試行、予算、記録、仮名化（社外に送るとき）は、すべて LegalModel が引き受けます。
"""

import argparse

from pydantic import BaseModel, Field

from homutune import LegalModel
from homutune.client import BadReply, Budget, ModelError, Options

parser = argparse.ArgumentParser(description="LegalModel の使い方を見ます。")
parser.add_argument("--model", default="latest", help="モデル名、または latest")
parser.add_argument("--question", default="売買で、受領した商品の検査はいつまでに必要ですか。")
args = parser.parse_args()


class Memo(BaseModel):
    """JSON で受け取りたい形。モデルの答えは、この形に合うまで確かめられます。"""

    結論: str = Field(max_length=80)
    要確認: bool


# 予算は、送る前に「最大でいくらかかるか」で判断します。ローカルのモデルは 0 円です。
options = Options(temperature=0.0, max_tokens=200, seed=1)
with LegalModel(args.model, options=options, budget=Budget(jpy=50, requests=20)) as model:
    try:
        # 1. ふつうに聞く。引用された条文は、実在するかを確かめた印つきで返ります。
        reply = model.ask(args.question)
        print(f"{reply.model}: {reply.text}")
        for article in reply.citations:
            print(f"  {article.label}: {article.verdict}")
        cost = "不明" if reply.cost_jpy is None else f"{reply.cost_jpy:.2f} 円"
        print(f"  {reply.usage.total_tokens} トークン、{cost}、{reply.latency_s} 秒")

        # 2. 形を変えて聞く。箇条書き・表・JSON を選べます。
        try:
            print(model.ask(args.question, form="箇条書き").items)
            print(model.ask(args.question, schema=Memo).data)
        except BadReply as error:  # 形に合わない答えは、使わずに理由を示します。
            print(f"  {error}")

        # 3. 続けて聞く。前のやり取りは、長さの許すかぎり一緒に送られ、保存されます。
        talk = model.conversation()
        talk.ask(args.question)
        print(talk.ask("それは契約で変えられますか。").text)
        print(f"  会話 {talk.id}（{len(talk.turns)} 往復）")

        # 4. 少しずつ受け取る。
        with model.stream(args.question) as stream:
            for piece in stream:
                print(piece, end="", flush=True)
        print()
    except ModelError as error:
        # 5. 失敗は種類ごとの例外になり、何をすればよいかを日本語で言います。
        raise SystemExit(f"{type(error).__name__}: {error}") from None
    # 6. 記録。いつ、どのモデルに、何トークン。質問と答えの文面は、設定しないかぎり残しません。
    for call in model.log.read(limit=3):
        print(f"  {call.at} {call.model} {call.outcome} {call.attempts} 回")
