"""What a training file holds that a model should not learn, told as events of the job.

Nothing is refused for it: whose data it is decides. The events name rules and examples and quote
nothing, as they outlive the file.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from homutune.data import check_examples, iter_examples
from homutune.errors import UserError

#: Examples that are looked at: a second or two, while other jobs wait.
CHECKED = 2000
_FAMILIES = ("特殊文字・不適切な内容", "個人情報・秘密情報")
#: Examples named in one event.
_NAMED = 10


def content_warnings(path: Path) -> list[str]:
    """One sentence for each rule that the conversations in ``path`` (``.jsonl``) break."""
    try:
        report = check_examples(islice(iter_examples(path), CHECKED))
    except UserError:  # a form OpenAI allows and our reader does not know: advice is not worth it
        return []
    told = []
    for finding in report.findings:
        if finding.rule.family not in _FAMILIES:
            continue
        named = "・".join(map(str, finding.numbers[:_NAMED]))
        if finding.n_examples > _NAMED:
            named += "など"
        told.append(
            f"内容の検査: {finding.rule.title}（{finding.n_examples} 件、例 {named}）。"
            f"{finding.rule.why} homutune data check で場所を確かめられます。"
        )
    if told and report.n == CHECKED:
        told.append(f"内容の検査は、先頭の {CHECKED} 件だけを調べました。")
    return told
