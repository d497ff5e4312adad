"""The result in plain Japanese sentences, for a reader who knows no statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from homutune.evaluation._comparison import Comparison, ConditionComparison
from homutune.evaluation._exams import CONDITIONS
from homutune.evaluation._opinions import Opinions
from homutune.evaluation._scoring import CRITERIA, FEW_IS_GOOD, FLAGS
from homutune.evaluation._statistics import BinaryResult, Interval, PairedResult

Verdict = Literal["better", "worse", "unclear"]

#: Risk of calling chance a difference that we accept, after Holm's correction.
ALPHA = 0.05
VERDICTS: dict[Verdict, str] = {
    "better": "良くなった",
    "worse": "悪くなった",
    "unclear": "差があるとは言えない",
}


def verdict(result: PairedResult) -> Verdict:
    """Better or worse only where the corrected test and the interval agree."""
    interval = result.t_interval
    if result.p_holm is None or result.p_holm >= ALPHA or interval is None:
        return "unclear"
    if interval[0] > 0:
        return "better"
    return "worse" if interval[1] < 0 else "unclear"


def binary_verdict(flag: str, result: BinaryResult) -> Verdict:
    """The same for a yes/no measure, uncorrected; items and groups must agree."""
    if result.p >= ALPHA or result.p_grouped is None or result.p_grouped >= ALPHA:
        return "unclear"
    gained = result.gained > result.lost
    return "better" if gained != (flag in FEW_IS_GOOD) else "worse"


def number(value: float | None, *, sign: bool = False) -> str:
    """Two decimals; 「―」 for what could not be computed."""
    if value is None:
        return "―"
    value = round(value, 2) + 0.0  # no "-0.00"
    return f"{value:+.2f}" if sign else f"{value:.2f}"


def interval_text(interval: Interval | None, *, sign: bool = True) -> str:
    """``+0.10〜+0.30``; 「―」 where it could not be computed."""
    if interval is None:
        return "―"
    return f"{number(interval[0], sign=sign)}〜{number(interval[1], sign=sign)}"


def percent_text(interval: Interval) -> str:
    """An interval of a share: ``68〜92％``."""
    return f"{interval[0]:.0%}〜{interval[1]:.0%}".replace("%〜", "〜").replace("%", "％")


def effect_text(dz: float | None) -> str:
    """Cohen's dz; beyond 10 only that, because then the spread is an accident of few groups."""
    if dz is not None and abs(dz) > 10:
        return "10超" if dz > 0 else "-10未満"
    return number(dz, sign=True)


def p_text(p: float | None) -> str:
    """Three decimals, ``<0.001`` below."""
    if p is None:
        return "―"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def headline(comparison: Comparison) -> str:
    """The one sentence at the top: the declared endpoint, whatever it shows."""
    result = comparison.primary
    if result is None:
        return "主要な評価項目（資料つきの正確性）は、まだ測っていません。"
    change = f"{number(result.base_mean)} → {number(result.tuned_mean)}"
    after = comparison.names[1]
    return {
        "better": f"{after}は、資料つきの正確性が上がりました（{change}）。",
        "worse": f"{after}は、資料つきの正確性が下がりました（{change}）。",
        "unclear": f"資料つきの正確性に、差があるとは言えませんでした（{change}）。",
    }[verdict(result)]


def primary_detail(result: PairedResult) -> str:
    """Difference, interval, size and p of the declared endpoint."""
    text = (
        f"差は {number(result.difference, sign=True)}"
        f"（95％信頼区間 {interval_text(result.t_interval)}、{result.n_items}問・"
        f"{result.n_groups}グループ、補正後の p 値 {p_text(result.p_holm)}）。"
        f"問題ごとに見ると、良くなった {result.wins}問、同じ {result.ties}問、"
        f"悪くなった {result.losses}問です。"
    )
    if result.detectable is not None:
        text += f"この件数で見つけられる差は、およそ {number(result.detectable)} 以上です。"
    return text


def findings(comparison: Comparison) -> dict[Verdict, list[str]]:
    """All criteria of all conditions, sorted into better, worse and unclear."""
    sorted_out: dict[Verdict, list[str]] = {"better": [], "worse": [], "unclear": []}
    for condition in comparison.conditions.values():
        for name, result in condition.criteria.items():
            sorted_out[verdict(result)].append(
                f"{condition.label}の{CRITERIA[name]}"
                f"（{number(result.base_mean)} → {number(result.tuned_mean)}）"
            )
        for flag, sentence in _flag_sentences(condition).items():
            sorted_out[binary_verdict(flag, condition.flags[flag])].append(sentence)
    return sorted_out


def _flag_sentences(condition: ConditionComparison) -> dict[str, str]:
    names = {
        "right_card": "正しい資料番号を示した数",
        "verbatim": "引用が資料と一字一句同じ数",
        "abstained": "根拠となる資料がないときに回答を控えた数",
        "over_abstained": "答えられるのに回答を控えた数",
    }
    return {
        flag: f"{name}（{result.base_count}/{result.n} → {result.tuned_count}/{result.n}）"
        for flag, name in names.items()
        if (result := condition.flags.get(flag)) is not None
    }


def not_measured(comparison: Comparison, opinions: Opinions) -> list[str]:
    """What this comparison did not look at, the fixed points last."""
    texts = [f"「{CONDITIONS[n].label}」の条件：{why}。" for n, why in comparison.absent.items()]
    missing = {
        summary.model: summary.missing
        for condition in comparison.conditions.values()
        for summary in (condition.base, condition.tuned)
        if summary.missing
    }
    texts += [f"{model} が答えられなかった{count}問（欠測）。" for model, count in missing.items()]
    bare = max((c.base.without_rubric for c in comparison.conditions.values()), default=0)
    if bare:
        texts.append(
            f"要点（must）のない{bare}問の内容の正しさ"
            "（正確性は条文の一致だけで計算し、条文もなければ測っていません）。"
        )
    if opinions.people is None:
        texts.append("人（弁護士など）による採点。")
    real = [judge for judge in opinions.judges if not judge.judge.startswith("mock:")]
    if not real:
        texts.append("別の AI モデルによる採点。")
    elif not any(judge.believed for judge in real):
        texts.append(
            "AI の採点がどこまで信じられるか（人の採点との一致を十分に確かめていません）。"
        )
    return [
        *texts,
        "学習をやり直したときの揺れ（それぞれのモデルは1回の学習の結果です）。",
        "検証データにない分野・長い契約書・利用者の実際の質問。",
    ]


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One line of the comparison in words and figures ready to print."""

    condition: str
    name: str
    base: str
    tuned: str
    difference: str
    interval: str
    p: str
    verdict: Verdict
    verdict_label: str


def comparison_rows(comparison: Comparison) -> list[ComparisonRow]:
    """All criteria and counts of all conditions, in the order of the report."""
    rows = []
    for condition in comparison.conditions.values():
        for name, result in condition.criteria.items():
            found = verdict(result)
            rows.append(
                ComparisonRow(
                    condition.label,
                    CRITERIA[name],
                    number(result.base_mean),
                    number(result.tuned_mean),
                    number(result.difference, sign=True),
                    interval_text(result.t_interval),
                    p_text(result.p_holm),
                    found,
                    VERDICTS[found],
                )
            )
        for flag, counts in condition.flags.items():
            found = binary_verdict(flag, counts)
            rows.append(
                ComparisonRow(
                    condition.label,
                    FLAGS[flag],
                    f"{counts.base_count}/{counts.n}",
                    f"{counts.tuned_count}/{counts.n}",
                    f"{counts.tuned_count - counts.base_count:+d}",
                    "",
                    p_text(counts.p),
                    found,
                    VERDICTS[found],
                )
            )
    return rows
