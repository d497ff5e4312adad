"""Four criteria for an answer, computed by rules: the same text always gets the same score.

Every criterion lies between 0 and 1 and is the mean of its parts; a part that does not apply to
an item (no rubric, no article, no term) is None and left out.

正確性 (``correctness``)
    ``rubric``: max(0, met ``must`` - violated ``must_not``) / number of ``must``;
    ``articles``: F1 of the cited (law, article) pairs against ``meta.articles``;
    ``legal``: 0 where the legal checks find a contradiction of the reference answer (polarity,
    party, number with unit, period, …: ``_legal_checks.py``), else None; another article counts
    here only where ``articles`` is not measured. No contradiction is no merit: an answer that
    says nothing contradicts nothing. All contradictions are kept as evidence.
    An abstention or an empty answer to an answerable question gets 0 on both, here and in 関連性:
    it says nothing about the matter.
    ``similarity`` stands beside the criteria and counts in none of them: the TF-IDF cosine with
    the reference answer, shown so that nobody takes it for 正確性.
関連性 (``relevance``)
    ``topic``: max(0, 2r - 1), r = share of the dataset's other reference answers (of other
    groups) that are less similar to the answer than its own reference is (TF-IDF cosine of
    character 2- to 4-grams; a tie counts half). 0 is chance. Similarity finds the topic; it
    cannot tell right from wrong (facts: 20 of 20 minimal contrasts preferred the wrong text),
    so it is used here and nowhere else;
    ``own_words``: min(1, share of 6-grams not copied from the question / 0.7).
スタイルと一貫性 (``style``)
    ``three_lines``, ``polite``, ``length``, ``stopped``, ``no_repetition``, ``japanese``:
    see ``_text.py``; ``stopped`` is 1 when the model ended by itself.
専門知識の反映度 (``expertise``)
    ``terms``: share of the reference's legal terms used (``_vocabulary.py``);
    ``article_precision`` and ``article_recall`` of the cited (law, article) pairs.

Flags (yes/no, None where the question does not arise):
``right_card`` — the numbers [n] are exactly those of the right cards among the notes; an
abstention is a no, and so are no notes at all, because retrieval took none for relevant; None
when retrieval brought notes, but not the right card.
``retrieved`` — a right card was among the notes. ``abstained`` — the answer is the abstention
sentence. ``verbatim`` — the answer quotes, and every quotation 「…」 of twelve characters or more
stands word for word in a note that was shown; None for an abstention.
``over_abstained`` — an abstention although a right card was shown, or no notes at all.
``stopped`` — as above.
``contradicts`` — the legal checks found a contradiction; None for an answer that is silent.
With the right cards withheld only ``abstained`` and ``stopped`` are measured.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import stdev

import numpy as np
import numpy.typing as npt

from homutune.data import Card, Example, is_abstention, references, without_sources
from homutune.evaluation import _text as text_measures
from homutune.evaluation._answers import Answer
from homutune.evaluation._legal_checks import LegalDifference, compare
from homutune.evaluation._vocabulary import expected_terms, term_recall
from homutune.law import extract_citations, normalize

#: Name -> what a reader sees, in the order shown.
CRITERIA = {
    "correctness": "正確性",
    "relevance": "関連性",
    "style": "スタイルと一貫性",
    "expertise": "専門知識の反映度",
}
FLAGS = {
    "right_card": "正しい資料番号",
    "verbatim": "引用が資料と一致",
    "over_abstained": "不要に回答を控えた",
    "contradicts": "模範解答と法的に食い違う",
    "abstained": "正しく回答を控えた",
    "stopped": "自分で書き終えた",
}
#: Flags of which a reader wants few.
FEW_IS_GOOD = frozenset({"over_abstained", "contradicts"})

#: A quotation; marks inside it are written 『』.
_QUOTE = re.compile(r"「([^」]*)」")
_INNER = {ord("「"): "『", ord("」"): "』"}
SHORTEST_QUOTE = 12

Parts = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class ItemScore:
    """Scores of one answer, or the average over several generations of it.

    Attributes:
        criteria, parts: empty with the right cards withheld.
        flags: over several generations what more than half of them say.
        spread: criterion -> standard deviation over the generations; empty for one.
        differences: contradictions of the reference answer, of all generations.
        similarity: TF-IDF cosine with the reference answer, 0 to 1; None with the right cards
            withheld.
    """

    item: str
    group: str
    kind: str | None
    criteria: dict[str, float | None] = field(default_factory=dict)
    parts: dict[str, Parts] = field(default_factory=dict)
    flags: dict[str, bool | None] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    differences: tuple[LegalDifference, ...] = ()
    similarity: float | None = None


def average_scores(scores: Sequence[ItemScore]) -> ItemScore:
    """One score for several generations of an answer: the item is the unit, not the answer."""
    first = scores[0]
    if len(scores) == 1:
        return first
    flags: dict[str, bool | None] = {}
    for name in first.flags:
        votes = [vote for score in scores if (vote := score.flags.get(name)) is not None]
        flags[name] = 2 * sum(votes) > len(votes) if votes else None
    known = {
        name: [value for score in scores if (value := score.criteria[name]) is not None]
        for name in first.criteria
    }
    return replace(
        first,
        criteria={name: _mean([*values]) for name, values in known.items()},
        parts={
            name: {part: _mean([score.parts[name][part] for score in scores]) for part in parts}
            for name, parts in first.parts.items()
        },
        flags=flags,
        spread={name: stdev(values) for name, values in known.items() if len(values) > 1},
        differences=tuple(dict.fromkeys(d for score in scores for d in score.differences)),
        similarity=_mean([score.similarity for score in scores]),
    )


class Scorer:
    """Scores answers to the items of one dataset.

    Args:
        pool: all examples of the dataset; their answers are what an answer's topic is ranked
            against.
        cards: the dataset's cards.
    """

    def __init__(self, pool: Sequence[Example], cards: Sequence[Card]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._cards = {card.id: card for card in cards}
        self._groups = np.array([group_of(example) for example in pool])
        self._rows = {example.meta.id: row for row, example in enumerate(pool)}
        self._vectorizer = TfidfVectorizer(
            analyzer="char", ngram_range=(2, 4), preprocessor=normalize, min_df=1
        )
        self._references = self._vectorizer.fit_transform([example.answer for example in pool])

    def score(
        self, item: Example, answer: Answer, *, withheld: bool = False, searched: bool = False
    ) -> ItemScore:
        """Score ``answer``, which must have a text, to ``item``, which must be in the pool.

        Args:
            withheld: the right cards could not be found.
            searched: notes were looked for; without any shown, none was taken for relevant.
        """
        flags = self._flags(item, answer, withheld=withheld, searched=searched)
        # Titles copied into the 参照 line are not the model's own words.
        text = without_sources(answer.text or "")
        meta = item.meta
        if withheld:
            return ItemScore(meta.id, group_of(item), meta.kind, flags=flags)
        found = () if is_silent(text) else tuple(compare(item.answer, text))
        flags["contradicts"] = None if is_silent(text) else bool(found)
        similarity = (self._references @ self._vectorizer.transform([text]).T).toarray()[:, 0]
        parts: dict[str, Parts] = {
            "correctness": _correctness(item, text, found),
            "relevance": {
                "topic": self._topic(item, text, similarity),
                "own_words": 0.0
                if is_silent(text)
                else text_measures.beyond_question(text, item.question),
            },
            "style": {
                "three_lines": text_measures.three_lines(text),
                "polite": text_measures.polite_share(text),
                "length": text_measures.length_fit(text),
                "stopped": float(answer.finish_reason == "stop"),
                "no_repetition": text_measures.distinct_share(text),
                "japanese": text_measures.japanese_share(text),
            },
            "expertise": self._expertise(item, text),
        }
        criteria = {name: _mean(list(values.values())) for name, values in parts.items()}
        return ItemScore(
            item=meta.id,
            group=group_of(item),
            kind=meta.kind,
            criteria=criteria,
            parts=parts,
            flags=flags,
            differences=found,
            similarity=min(1.0, float(similarity[self._rows[meta.id]])),
        )

    def _flags(
        self, item: Example, answer: Answer, *, withheld: bool, searched: bool
    ) -> dict[str, bool | None]:
        text = answer.text or ""
        abstained = is_abstention(text)
        stopped = answer.finish_reason == "stop"
        if withheld:
            return {"abstained": abstained, "stopped": stopped}
        if not item.meta.cards or not (answer.shown or searched):
            return {"stopped": stopped}
        if not answer.shown:
            none = {"retrieved": False, "right_card": False, "verbatim": None}
            return {**none, "over_abstained": abstained, "stopped": stopped}
        gold = {n for n, card in enumerate(answer.shown, 1) if card in item.meta.cards}
        return {
            "retrieved": bool(gold),
            "right_card": set(references(text)) == gold and not abstained if gold else None,
            "verbatim": None if abstained else self._quotes_notes(text, answer.shown),
            "over_abstained": abstained if gold else None,
            "stopped": stopped,
        }

    def _quotes_notes(self, text: str, shown: Sequence[str]) -> bool:
        notes = [
            normalize(self._cards[card].text).translate(_INNER)
            for card in shown
            if card in self._cards
        ]
        quotes = [quote for quote in _QUOTE.findall(text) if len(quote) >= SHORTEST_QUOTE]
        return bool(quotes) and all(
            any(normalize(quote) in note for note in notes) for quote in quotes
        )

    def _topic(self, item: Example, text: str, similarity: npt.NDArray[np.float64]) -> float | None:
        others = self._groups != group_of(item)
        if not others.any():
            return None
        own = similarity[self._rows[item.meta.id]]
        if own <= 0 or is_silent(text):
            return 0.0
        rivals = similarity[others]
        rank = float(np.mean((rivals < own) + 0.5 * (rivals == own)))
        return max(0.0, 2 * rank - 1)

    def _expertise(self, item: Example, text: str) -> Parts:
        card_texts = [self._cards[card].text for card in item.meta.cards if card in self._cards]
        terms = expected_terms(item.answer, item.question, card_texts)
        both = text_measures.precision_recall(cited(text), expected_articles(item))
        return {
            "terms": term_recall(text, terms),
            "article_precision": both[0] if both else None,
            "article_recall": both[1] if both else None,
        }


def is_silent(text: str) -> bool:
    """Whether an answer says nothing about the matter: empty, or the abstention."""
    return not text.strip() or is_abstention(text)


def group_of(item: Example) -> str:
    """The source group of an item, its own id where it has none."""
    return item.meta.group or item.meta.id


def cited(text: str) -> set[tuple[str, str]]:
    """The (law, article) pairs cited in ``text``; paragraphs and items are not compared."""
    return {citation.key for citation in extract_citations(text)}


def expected_articles(item: Example) -> set[tuple[str, str]]:
    """The (law, article) pairs of ``meta.articles``."""
    return {pair for article in item.meta.articles for pair in cited(article)}


def _correctness(item: Example, text: str, found: Sequence[LegalDifference]) -> Parts:
    silent = is_silent(text)
    rubric = text_measures.rubric_share(text, item.meta.must, item.meta.must_not)
    both = text_measures.precision_recall(cited(text), expected_articles(item))
    return {
        "rubric": 0.0 if silent and rubric is not None else rubric,
        "articles": (0.0 if silent else text_measures.f1(*both)) if both else None,
        # Another article than the right one has cost its part already where articles are scored.
        "legal": 0.0 if any(d.type != "article" or not both for d in found) else None,
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
