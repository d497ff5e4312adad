"""Whether a line can be trained on at all: the checks of OpenAI's cookbook, and what fails there.

Source: OpenAI Cookbook "Data preparation and analysis for chat model fine-tuning" and the error
texts of real jobs; they find the fault before anything is uploaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from homutune.data._checks._report import Fault, excerpt
from homutune.data._types import Example

_ROLES = {"system", "user", "assistant", "tool", "function"}
MESSAGE_KEYS = {
    "role",
    "content",
    "name",
    "weight",
    "function_call",
    "tool_calls",
    "tool_call_id",
    "refusal",
}
_TOOL_KEYS = {"tools", "parallel_tool_calls", "functions"}
_DPO_KEYS = {"input", "preferred_output", "non_preferred_output"}
#: <|im_end|>, <start_of_turn>, <bos>, … : a model's control tokens, which fail or derail a job.
_SPECIAL = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|</?(?:s|bos|eos|pad|unk|mask|start_of_turn|end_of_turn"
    r"|start_of_image|end_of_image|unused\d+)>|\[/?INST\]|<</?SYS>>"
)
_BROKEN = re.compile("[\ud800-\udfff\ufffd]")


def format_faults(example: Example) -> Iterator[Fault]:
    """Faults of one example's form, F001–F015."""
    record = example.raw if example.raw is not None else {"messages": list(example.messages)}
    if not isinstance(record, dict):
        yield Fault(
            "F001",
            "行が JSON のオブジェクトではありません。",
            "1行を {…} にしてください。",
        )
        return
    yield from _line_faults(record)
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages:
        yield Fault("F002", "messages がありません。", "messages に会話を入れてください。")
        return
    for number, message in enumerate(messages, 1):
        for fault in _message_faults(message):
            yield fault._replace(message=f"{number}番目のメッセージ: {fault.message}")
    roles = [m.get("role") for m in messages if isinstance(m, dict)]
    if "assistant" not in roles:
        yield Fault(
            "F008",
            "assistant のメッセージ（回答）がありません。",
            "学ばせたい回答を入れてください。",
        )
    elif roles[-1] != "assistant":
        yield Fault(
            "F009",
            "最後のメッセージが assistant ではありません。",
            "最後の発言は学習に使われません。回答で終わる会話にしてください。",
        )
    if "user" not in roles:
        yield Fault("F014", "user のメッセージ（質問）がありません。", "質問を入れてください。")


def _line_faults(record: dict[str, Any]) -> Iterator[Fault]:
    keys = set(record)
    if keys & _DPO_KEYS:
        yield Fault(
            "F010",
            "選好学習（DPO）の行です。",
            '教師あり学習の {"messages": […]} の形にしてください。',
        )
    elif extra := sorted(keys - {"messages", "meta"} - _TOOL_KEYS):
        yield Fault(
            "F010",
            f"知らないキー {'・'.join(extra)} があります。",
            "messages 以外のキーは受け付けられません。取り除いてください。",
        )
    if tools := sorted(keys & _TOOL_KEYS):
        yield Fault(
            "F013",
            f"{'・'.join(tools)} は学習に使われません。",
            "ツール呼び出しの学習には対応していません。",
        )


def _message_faults(message: Any) -> Iterator[Fault]:
    if not isinstance(message, dict):
        yield Fault(
            "F003",
            "オブジェクトではありません。",
            "role と content を持つ形にしてください。",
        )
        return
    role = message.get("role")
    calls = bool(message.get("function_call") or message.get("tool_calls"))
    if role is None:
        yield Fault("F003", "role がありません。", "role を入れてください。")
    elif role not in _ROLES:
        yield Fault(
            "F005",
            f"知らない役割「{role}」です。",
            f"使える役割: {', '.join(sorted(_ROLES))}",
        )
    if extra := sorted(set(message) - MESSAGE_KEYS):
        yield Fault("F004", f"余分なキー {'・'.join(extra)} があります。", "取り除いてください。")
    content = message.get("content")
    if "content" not in message and not calls:
        yield Fault("F003", "content がありません。", "content を入れてください。")
    elif not calls and (not isinstance(content, str) or not content.strip()):
        what = {"user": "質問", "assistant": "回答"}.get(str(role), "content")
        yield Fault("F006", f"{what}が空か、文字列ではありません。", "文を入れてください。")
    yield from _weight_faults(message)
    if isinstance(content, str):
        yield from _text_faults(content)


def _weight_faults(message: dict[str, Any]) -> Iterator[Fault]:
    if "weight" not in message:
        return
    weight = message["weight"]
    if message.get("role") != "assistant":
        yield Fault("F007", "weight は assistant だけに付けられます。", "取り除いてください。")
    elif isinstance(weight, bool) or weight not in (0, 1):
        yield Fault("F007", f"weight が {weight} です。", "0 か 1 にしてください。")


def _text_faults(content: str) -> Iterator[Fault]:
    if special := _SPECIAL.search(content):
        yield Fault(
            "F012",
            f"特殊トークン {special[0]} が文に含まれています。",
            "学習が失敗するので、取り除いてください。",
            excerpt(content, *special.span()),
        )
    if broken := _BROKEN.search(content):
        yield Fault(
            "F015",
            "文字化けした文字（�）があります。",
            "元の文で入れ直してください。",
            excerpt(content, *broken.span(), hit="�"),
        )
