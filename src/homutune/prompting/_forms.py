"""The forms of a reply: free text, JSON fields, and reasoning that the reader does not see."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homutune.data import (
    ABSTENTION,
    Card,
    Example,
    Message,
    grounded_answer,
    grounded_messages,
    is_abstention,
    plain_messages,
)
from homutune.prompting._replies import json_object

if TYPE_CHECKING:
    from homutune.prompting._plans import PromptPlan

#: Field of the JSON -> heading of its line in the answer, in order.
_LINES = {"conclusion": "結論：", "basis": "根拠：", "caution": "留意点："}
_SOURCES = "参照："
_TEXT = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote, taken apart.

    Attributes:
        text: the answer for the reader.
        reasoning: what it thought before, for the log only; None where there is none.
    """

    text: str
    reasoning: str | None = None


def _fields(plan: PromptPlan) -> tuple[str, ...]:
    """Names of the JSON fields in the order in which they are written; none for free text."""
    if plan.output == "text":
        return ("reasoning", "answer") if plan.reasoning else ()
    first = ("reasoning",) if plan.reasoning else ()
    return (*first, *(("sources",) if plan.form == "grounded" else ()), *_LINES)


def schema_of(plan: PromptPlan) -> Mapping[str, Any] | None:
    """JSON schema of the reply; None for free text. Reasoning comes first: it is written first."""
    names = _fields(plan)
    if not names:
        return None
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(names),
        "properties": dict.fromkeys(names, _TEXT),
    }


def instruction(plan: PromptPlan) -> str:
    """What is added to the system text, "" for free text."""
    names = _fields(plan)
    if not names:
        return ""
    meanings = {
        "reasoning": "どの資料と条文が当てはまるかの検討（読み手には見せない）",
        "answer": "上の形の回答の全文",
        "sources": "使った資料の番号[n]と題名",
        "conclusion": "結論",
        "basis": "根拠",
        "caution": "留意点",
    }
    listed = "、".join(f"{name}（{meanings[name]}）" for name in names)
    text = f"\n回答は JSON だけで、{listed}の順に書きます。"
    if plan.output == "fields" and plan.form == "grounded":
        text += (
            f"答えが参考資料にないときは conclusion に「{ABSTENTION}」と書き、残りは空にします。"
        )
    return text


def read_reply(plan: PromptPlan, raw: str) -> Reply:
    """Take a reply apart.

    Prose from a server that takes no schema is the answer as it stands. JSON that was cut off has
    no answer: what there is of it is kept as reasoning, so that no reader meets half of it.
    """
    if not _fields(plan):
        return Reply(raw)
    record = json_object(raw)
    if record is None:
        return Reply("", raw) if raw.lstrip().startswith("{") else Reply(raw)
    parts = {key: value.strip() for key, value in record.items() if isinstance(value, str)}
    reasoning = parts.get("reasoning")
    if plan.output == "text":
        return Reply(parts.get("answer", ""), reasoning)
    if is_abstention(parts.get("conclusion", "")):
        return Reply(ABSTENTION, reasoning)
    sources = parts.get("sources", "").removeprefix(_SOURCES)
    lines = [f"{_SOURCES}{sources}"] if sources else []
    lines += [
        f"{heading}{parts[name].removeprefix(heading)}"
        for name, heading in _LINES.items()
        if parts.get(name)
    ]
    return Reply("\n".join(lines), reasoning)


def written_shot(
    plan: PromptPlan, example: Example, notes: Sequence[Card], own: Sequence[Card]
) -> tuple[Message, Message]:
    """An example as question and reply in the form of ``plan``."""
    if plan.form == "plain":
        _, user = plain_messages(example.question)
        answer = example.answer
    else:
        _, user = grounded_messages(example.question, notes)
        answer = grounded_answer(example, [(n, c) for n, c in enumerate(notes, 1) if c in own])
    return user, {"role": "assistant", "content": _as_reply(plan, answer)}


def _as_reply(plan: PromptPlan, answer: str) -> str:
    names = _fields(plan)
    if not names:
        return answer
    lines = answer.split("\n")
    found = {
        name: next((line.removeprefix(head) for line in lines if line.startswith(head)), "")
        for name, head in {"sources": _SOURCES, **_LINES}.items()
    }
    # Nobody wrote down how a training pair was thought out: its basis is what led there.
    values = {**found, "reasoning": found["basis"], "answer": answer}
    return json.dumps({name: values[name] for name in names}, ensure_ascii=False)
