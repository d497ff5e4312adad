"""A small dataset of real-looking questions, and models that answer over HTTP by script."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable

from homutune.data import (
    ABSTENTION,
    Card,
    Dataset,
    Example,
    Meta,
    with_sources,
)
from scripted import Reply, Request, openai_error

#: id, field, law and article, fact, deadline; two questions each.
RULES = [
    ("futekigo", "売買", "民法566条", "契約不適合の通知", "1年以内"),
    ("kensa", "売買", "商法526条", "受領物の検査と通知", "6か月以内"),
    ("kaiko", "労働", "労働基準法20条", "解雇の予告手当", "30日前"),
    ("chingin", "労働", "労働基準法24条", "賃金の定期払い", "毎月1回以上"),
    ("shoumetsu", "債権", "民法166条", "債権の消滅時効", "5年間"),
    ("shoshu", "会社", "会社法299条", "株主総会の招集通知", "2週間前"),
    ("gijiroku", "会社", "会社法371条", "取締役会議事録の備置き", "10年間"),
    ("shakuchi", "賃貸", "借地借家法26条", "建物賃貸借の更新拒絶通知", "1年前"),
]


def make_card(rule: tuple[str, str, str, str, str]) -> Card:
    key, field, article, topic, period = rule
    return Card(
        key, topic, field, f"{topic}は、{period}に行う（{article}）。", (article,), "2026-11-22"
    )


def make_example(rule: tuple[str, str, str, str, str], number: int) -> Example:
    key, field, article, topic, period = rule
    ask = ("いつまでに対応しますか", "怠るとどのような危険がありますか")[number]
    question = f"当社の{topic[:4]}の扱いについて相談です。{ask}。"
    answer = (
        f"結論：{topic}は、{period}に行う必要があります。期限の管理を始めてください。\n"
        f"根拠：{article}は、{topic}について{period}という期間を定めており、"
        "これを守らないと権利を失うことや責任を負うことがあります。\n"
        f"留意点：{field}の実務では、起算日と相手方への連絡の記録を書面に残しておきます。"
    )
    kinds = ("実務上のアドバイスに関する質問", "リスク分析に関する質問")
    return Example(
        (
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ),
        Meta(
            id=f"{key}-{number}",
            kind=kinds[number],
            field=field,
            group=key,
            cards=(key,),
            articles=(article,),
            must=(period, topic),
            must_not=("100年以内",),
            as_of="2026-11-22",
        ),
    )


class Models:
    """``base`` repeats the question and is cut off; ``tuned`` reads its notes; others are 404."""

    def __init__(self, dataset: Dataset) -> None:
        self.items = {item.question: item for item in dataset.valid}
        self.cards = {card.id: card for card in dataset.cards}
        self.asked: list[tuple[str, str]] = []
        self.lock = threading.Lock()
        #: Called with (model, item) before every answer; may return another reply.
        self.hook: Callable[[str, Example], Reply | None] = lambda model, item: None

    def __call__(self, request: Request) -> Reply:
        body = json.loads(request.body)
        text = body["messages"][-1]["content"]
        item = self.items[text.rpartition("質問：")[2].partition("\n\n参考資料")[0]]
        with self.lock:
            self.asked.append((body["model"], item.meta.id))
        special = self.hook(body["model"], item)
        if special is not None:
            return special
        if body["model"] == "base":
            return chat(item.question, "length")
        if body["model"] == "tuned":
            return chat(self._read(item, text))
        return openai_error(404, "The model does not exist", "model_not_found", param="model")

    def _read(self, item: Example, text: str) -> str:
        if "参考資料" not in text:
            return item.answer
        card = self.cards[item.meta.cards[0]]
        found = re.search(rf"――\[(\d)\] {card.title}$", text, re.MULTILINE)
        return with_sources(item.answer, [(int(found[1]), card)]) if found else ABSTENTION


def chat(text: str, finish_reason: str = "stop") -> Reply:
    """A chat completion as OpenAI words it."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": finish_reason,
    }
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    return Reply(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }
    )
