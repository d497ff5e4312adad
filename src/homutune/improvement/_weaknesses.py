"""Where a model is weak: by field, topic, kind and case of the question, and by type of error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from homutune.data import CONTRAST_TYPES, Example, points_met
from homutune.errors import UserError
from homutune.evaluation import Answer, ItemScore, Run, wilson

#: An answer below this 正確性 has failed; so has one that contradicts or abstains needlessly.
PASS = 0.5

#: Type of error -> what a reader sees, in the order in which the causes work: what retrieval did
#: not bring, no model can read.
ERRORS = {
    "retrieval": "検索が正しい解説カードを出さなかった",
    "over_abstained": "答えられるのに回答を控えた",
    "wrong_card": "違う資料を根拠にした",
    "contradicts": "模範解答と法的に食い違う",
    "rubric": "必要な要点が足りない",
    "must_not": "誤りの例に当たることを書いた",
    "article": "条文の引用が足りないか違う",
    "unfounded": "根拠の資料がないのに答えた",
    "form": "結論・根拠・留意点の3行になっていない",
    "cut": "書き終えずに切れた",
}
#: Ways of slicing the items -> (what a reader sees, value of an item).
WAYS: dict[str, tuple[str, Callable[[Example], str | None]]] = {
    "field": ("分野", lambda item: item.meta.field),
    "topic": ("論点", lambda item: item.meta.topic),
    "kind": ("質問の種類", lambda item: item.meta.kind),
    "case": ("問題の型", lambda item: item.meta.case),
}


@dataclass(frozen=True, slots=True)
class Weakness:
    """The items of one field, topic, kind or case.

    Attributes:
        way, name: a key of :data:`WAYS` and its value.
        failed: ids of the items that failed, of ``n_items`` scored.
        mean: mean 正確性, 0 to 1.
        at_least: lower limit of the 95 % Wilson interval of the share that failed. Slices are
            ranked by it, so that one failure of one does not outrank eight of ten.
    """

    way: str
    name: str
    n_items: int
    failed: tuple[str, ...]
    mean: float
    at_least: float


@dataclass(frozen=True, slots=True)
class Weaknesses:
    """What one model got wrong.

    Attributes:
        runs: ids of the runs that were read.
        n_items: items scored; ``failed``: ids of those that failed.
        slices: those with a failure, the weakest first.
        errors: type of error (a key of :data:`ERRORS`) -> ids of the items.
        contradictions: type of contradiction (a key of ``CONTRAST_TYPES``) -> ids of the items.
    """

    dataset: str
    model: str
    runs: tuple[str, ...]
    n_items: int
    mean: float
    failed: tuple[str, ...]
    slices: tuple[Weakness, ...]
    errors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    contradictions: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, way: str) -> list[Weakness]:
        """The slices of one way, the weakest first."""
        return [weakness for weakness in self.slices if weakness.way == way]


def find_weaknesses(run: Run, withheld: Run | None = None) -> Weaknesses:
    """Read a scored run.

    Args:
        run: under a condition in which the questions can be answered.
        withheld: the same model with the right cards withheld, if that was measured.

    Raises:
        UserError: 正確性 was measured for no item, so nothing is known to be weak.
    """
    scored = [
        (item, score)
        for item in run.items
        if (score := run.scores.get(item.meta.id)) is not None
        and score.criteria.get("correctness") is not None
    ]
    if not scored:
        raise UserError(
            f"評価 {run.config.id} には、正確性を測れた質問がありません。",
            remedy="検証用の質問に要点（must）か条文（articles）を書いて、評価し直してください。",
        )
    failed = {item.meta.id for item, score in scored if _failed(score)}
    errors: dict[str, list[str]] = {name: [] for name in ERRORS}
    contradictions: dict[str, list[str]] = {name: [] for name in CONTRAST_TYPES}
    for item, score in scored:
        for name in _errors(item, run.answers[item.meta.id], score):
            errors[name].append(item.meta.id)
        for kind in {difference.type for difference in score.differences}:
            contradictions[kind].append(item.meta.id)
    if withheld is not None:
        errors["unfounded"] = [
            key for key, score in withheld.scores.items() if score.flags.get("abstained") is False
        ]
    return Weaknesses(
        dataset=run.config.dataset,
        model=run.config.model,
        runs=tuple(r.config.id for r in (run, withheld) if r is not None),
        n_items=len(scored),
        mean=_mean([score for _, score in scored]),
        failed=tuple(sorted(failed)),
        slices=_slices(scored, failed),
        errors={name: tuple(ids) for name, ids in errors.items() if ids},
        contradictions={name: tuple(ids) for name, ids in contradictions.items() if ids},
    )


def _failed(score: ItemScore) -> bool:
    correctness = score.criteria["correctness"]
    return (
        (correctness is not None and correctness < PASS)
        or score.parts["correctness"].get("legal") == 0.0
        or score.flags.get("over_abstained") is True
    )


def _errors(item: Example, answer: Answer, score: ItemScore) -> list[str]:
    flags, parts = score.flags, score.parts
    rubric, articles = (parts["correctness"].get(name) for name in ("rubric", "articles"))
    said_wrong = any(points_met(point, answer.text or "") for point in item.meta.must_not)
    silent = flags.get("contradicts") is None
    lines = parts["style"]["three_lines"]
    present = {
        "retrieval": flags.get("retrieved") is False,
        "over_abstained": flags.get("over_abstained") is True,
        "wrong_card": flags.get("right_card") is False and not flags.get("over_abstained"),
        "contradicts": bool(score.differences),
        "rubric": not silent and rubric is not None and rubric < 1 and not said_wrong,
        "must_not": said_wrong,
        "article": not silent and articles is not None and articles < 1,
        "form": not silent and lines is not None and lines < 1,
        "cut": flags.get("stopped") is False,
    }
    return [name for name, found in present.items() if found]


def _slices(scored: Sequence[tuple[Example, ItemScore]], failed: set[str]) -> tuple[Weakness, ...]:
    found = []
    for way, (_, value_of) in WAYS.items():
        members: dict[str, list[tuple[Example, ItemScore]]] = {}
        for item, score in scored:
            if value := value_of(item):
                members.setdefault(value, []).append((item, score))
        for name, inside in members.items():
            bad = tuple(sorted(item.meta.id for item, _ in inside if item.meta.id in failed))
            if bad:
                low, _ = wilson(len(bad), len(inside))
                mean = _mean([score for _, score in inside])
                found.append(Weakness(way, name, len(inside), bad, mean, low))
    return tuple(sorted(found, key=lambda w: (-w.at_least, w.mean, w.way, w.name)))


def _mean(scores: Sequence[ItemScore]) -> float:
    values = [v for score in scores if (v := score.criteria["correctness"]) is not None]
    return fmean(values) if values else 0.0
