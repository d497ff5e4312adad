"""Tune, retrieve, or both? An advice drawn from what a set consists of.

Pairs teach a model how to answer, hardly ever what is true: it repeats the form and invents the
facts (facts are looked up, form is learned). So the question is how much of the answers is facts,
whether there is something to look them up in, and whether there is one form to learn.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from homutune.data._checks import CheckReport

#: Fewer pairs than this are examples to show in a prompt rather than a training set.
FEW = 50
#: Shares from which a property is taken to be that of the set.
_MUCH = 0.3
_MOST = 0.7

Choice = Literal["retrieve", "grounded", "cards_first", "plain"]

_HEADLINES: dict[Choice, str] = {
    "retrieve": "まだ学習せず、検索と手本（プロンプト）から始めるのが向いています。",
    "grounded": "検索と学習を組み合わせる（grounded）のが向いています。",
    "cards_first": "先に解説カードを作り、検索で知識を渡せるようにするのが向いています。",
    "plain": "文体を学ばせる学習（plain）が向いています。",
}


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do with a set, and why; the reasons are Japanese sentences with their numbers."""

    choice: Choice
    headline: str
    reasons: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def advise(report: CheckReport) -> Advice:
    """Choose between training, retrieval and both from the checks of a set."""
    n = max(1, report.n)
    profile = report.profile
    cited, figures = profile.cited / n, profile.with_figures / n
    linked, concluded = profile.linked / n, profile.concluded / n
    factual = cited >= _MUCH or figures >= _MUCH
    choice: Choice
    if report.n < FEW:
        choice = "retrieve"
    elif linked >= _MOST:
        choice = "grounded"
    elif factual:
        choice = "cards_first"
    else:
        choice = "plain"
    reasons = [
        f"{report.n}件あります。"
        + (
            "50件に満たないうちは、覚えるより真似の手本に使う方が確かです。"
            if report.n < FEW
            else ""
        ),
        f"回答の{cited:.0%}が条文を、{figures:.0%}が期間・金額などの数字を含みます。"
        + (
            "条文や数字は学習では覚えきれず、間違えて作り出します。検索で渡します。"
            if factual
            else "知識より書き方を教えるデータです。"
        ),
        f"{linked:.0%}が根拠のカードに結び付いています。"
        + (
            "資料を読んで答える形で学習できます。"
            if linked >= _MOST
            else "結び付いた組だけが、資料を読んで答える形の学習に使えます。"
        ),
        f"{concluded:.0%}の回答が「結論：」の形です。"
        + (
            "形がそろっているので、文体は学習で身につきます。"
            if concluded >= _MOST
            else "形がそろっていないので、学習しても文体は安定しません。"
        ),
    ]
    if profile.as_of:
        oldest, newest = profile.as_of
        date = oldest if oldest == newest else f"{oldest}から{newest}"
        reasons.append(
            f"法令の基準日は{date}です。学習した知識は改正で古くなりますが、カードは差し替えられます。"
        )
    return Advice(choice, _HEADLINES[choice], tuple(reasons))
