"""What ``homutune data check`` and ``leaks`` show to a reader.

Data is hostile: what is printed of it has its control characters written out.
"""

from __future__ import annotations

from dataclasses import asdict
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from rich.text import Text

from homutune.cli._console import out, tell

if TYPE_CHECKING:
    from homutune.data import Change, CheckReport, Finding, Problem, Separation

_SHOWN_PER_RULE = 5
_SHOWN_CHANGES = 20
#: Marking differences letter by letter takes quadratic time.
_COMPARED = 3000
_AROUND = 16


def _say(text: str, style: str | None = None) -> None:
    from homutune.data import visible

    tell(visible(text), style)


def print_report(name: str, report: CheckReport) -> None:
    """What the checks found, family by family, the first few of each rule."""
    from homutune.data import FAMILIES

    _say(f"{name}：{report.n:,}件")
    for title, counts in (("種類", report.by_kind), ("分野", report.by_field)):
        _say(f"{title}: " + "、".join(f"{name} {count}" for name, count in counts.items()))
    for title, size in (("質問", report.question_characters), ("回答", report.answer_characters)):
        tell(f"{title}の字数: 最小 {size.min}・中央 {size.median}・最大 {size.max}")
    for family in FAMILIES:
        found = [finding for finding in report.findings if finding.rule.family == family]
        tell(f"■ {family}" + ("" if found else "：問題なし"), "bold")
        for finding in found:
            _print_finding(finding)
    tell(
        _counts(report),
        "bold green" if report.ok else "bold red",
    )


def _counts(report: CheckReport) -> str:
    return f"エラー {report.summary['errors']:,} 件、警告 {report.summary['warnings']:,} 件"


def _print_finding(finding: Finding) -> None:
    rule = finding.rule
    name, style = ("エラー", "bold red") if rule.severity == "error" else ("警告", "bold yellow")
    tell(f"{name} {rule.id} {rule.title}：{finding.count:,}件", style)
    for problem in finding.problems[:_SHOWN_PER_RULE]:
        _print_problem(problem)
    if finding.count > _SHOWN_PER_RULE:
        more = finding.count - _SHOWN_PER_RULE
        tell(f"  ほか {more:,} 件（--report で報告書に書き出せます）")


def _print_problem(problem: Problem) -> None:
    place = f"{problem.file}:{problem.line}行目 " if problem.file else ""
    numbers = "・".join(map(str, problem.examples))
    which = f"（{numbers}番目）" if numbers else ""
    _say(f"  {place}{problem.message}{which}")
    _say(f"    → {problem.remedy}")


def change_dict(change: Change) -> dict[str, Any]:
    """For JSON."""
    return asdict(change)


def print_changes(changes: list[Change], place: str, report: CheckReport) -> None:
    """The repairs as a diff, then where the new version is."""
    if not changes:
        tell("自動で直せる所はありませんでした。新しい版は作っていません。")
        return
    for change in changes[:_SHOWN_CHANGES]:
        _say(f"{change.number}番目 {change.id} {change.part}", "bold")
        out.print(_diff(change.before, change.after), soft_wrap=True)
    if len(changes) > _SHOWN_CHANGES:
        tell(f"ほか {len(changes) - _SHOWN_CHANGES:,} か所（--json ですべて表示）")
    removed = sum(change.after is None for change in changes)
    tell(
        f"直した所 {len(changes) - removed:,}、除いた組 {removed:,} → {place}"
        f"（直した後: {_counts(report)}）",
        "bold",
    )


def _diff(before: str, after: str | None) -> Text:
    """What differs, in red and green, with a little around it."""
    from homutune.data import visible

    text = Text("  ")
    if after is None or len(before) > _COMPARED:
        text.append(visible(before[:200]), "red strike")
        return text
    place = 0
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if i > place + 2 * _AROUND:
            text.append("…")
            place = i - _AROUND
        text.append(visible(before[place:i]).replace("\n", "⏎"), "dim")
        text.append(visible(before[i:j]), "red reverse")
        text.append(visible(after[k:m]), "green reverse")
        place = j
    text.append(visible(before[place : place + _AROUND]).replace("\n", "⏎") + "…", "dim")
    return text


def print_proof(proof: Separation, names: tuple[str, str]) -> None:
    """What two parts share, and how alike their most alike questions are."""
    _say(f"{names[0]} {proof.n_left:,}件と {names[1]} {proof.n_right:,}件を比べました。")
    for text in proof.shared:
        _say(f"  {text}", "red")
    for pair in proof.near:
        what = "質問" if pair.part == "question" else "回答"
        _say(f"  よく似た{what}（{pair.jaccard:.2f}）: {pair.left} と {pair.right}", "red")
    for alike in proof.meaning or ():
        _say(f"  意味の近い質問（{alike.cosine:.3f}）: {alike.left} と {alike.right}", "red")
    if proof.closest:
        tell("最も似た質問（3文字の並びの Jaccard 係数。1 は同じ文）:")
        for pair in proof.closest:
            _say(f"  {pair.jaccard:.2f}  {pair.left} と {pair.right}")
    if proof.ok:
        tell(
            "共通の id・グループ・カード・質問は 0、よく似た質問・回答も 0 です"
            f"（質問は {proof.threshold} 以上を似ていると見ます）。",
            "bold green",
        )
        tell(
            "意味の近い質問も 0 です"
            f"（埋め込みのコサイン類似度 {proof.meaning_threshold} 以上を近いと見ます）。"
            if proof.meaning is not None
            else "言い換えた同じ質問は探していません（--meaning で探します）。"
        )
    else:
        tell("重なりがあります。group をそろえて分割し直してください。", "bold red")
