"""What the ``homutune improve`` commands print: the plan, and a draft."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from homutune.cli._console import out, tell

if TYPE_CHECKING:
    from homutune.improvement import Decision, Draft, Loop

_WEAKEST = 6
_PROOF = 4


def print_plan(loop: Loop) -> None:
    """The weaknesses and the work list."""
    from homutune.data import CONTRAST_TYPES
    from homutune.evaluation import CASE_LABELS
    from homutune.improvement import ACTIONS, ERRORS, WAYS

    weak = loop.weaknesses
    tell(
        f"{weak.model}：{weak.n_items}問のうち{len(weak.failed)}問を落としました"
        f"（正確性の平均 {weak.mean:.2f}）。",
        style="bold",
    )
    table = _table("弱い所", "落とした数", "正確性")
    for way, (label, _) in WAYS.items():
        for part in weak.of(way)[:_WEAKEST]:
            name = CASE_LABELS.get(part.name, part.name) if way == "case" else part.name
            failed = f"{len(part.failed)}/{part.n_items}"
            table.add_row(f"{label}：{name}", failed, f"{part.mean:.2f}")
    if table.row_count:
        out.print(table)
    table = _table("誤りの型", "問", "例")
    for error, ids in weak.errors.items():
        table.add_row(ERRORS[error], str(len(ids)), _some(ids))
        if error == "contradicts":
            for kind, which in weak.contradictions.items():
                table.add_row(f"　うち {CONTRAST_TYPES[kind]}", str(len(which)), _some(which))
    if table.row_count:
        out.print(table)
    table = _table("すること", "数", "理由", "証拠")
    for item in loop.work:
        what = f"{item.id} {ACTIONS[item.action]}：{item.what}"
        table.add_row(what, str(item.count), item.reason, _some(item.proof))
    if table.row_count:
        out.print(table)
    else:
        tell("落とした質問がないため、すべきことはありません。")
    tell(f"計画 {loop.id} に保存しました。", style="dim")


def print_draft(draft: Draft, decision: Decision | None = None) -> None:
    """One draft with what the checks found."""
    from homutune.improvement import VERDICTS

    meta = draft.example.meta
    state = f"　{VERDICTS[decision.verdict]}（{decision.by}）" if decision else ""
    about = f"{meta.field or ''} {meta.topic or ''}　カード {'・'.join(meta.cards)}"
    tell(f"{draft.id}　{draft.work}　{about}{state}", style="bold")
    tell(f"質問：{draft.example.question}")
    tell(draft.example.answer)
    for text in draft.problems:
        tell(f"要修正：{text}", style="red")
    for text in draft.remarks:
        tell(f"確認：{text}", style="yellow")


def _some(ids: tuple[str, ...]) -> str:
    more = f" ほか{len(ids) - _PROOF}" if len(ids) > _PROOF else ""
    # Spaces, so that a narrow terminal breaks between ids and not inside them.
    return " ".join(ids[:_PROOF]) + more


def _table(*titles: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, title in enumerate(titles):
        if title in ("落とした数", "正確性", "問", "数"):
            table.add_column(title, justify="right", no_wrap=True)
        else:
            table.add_column(title, overflow="fold", ratio=None if number else 2)
    return table
