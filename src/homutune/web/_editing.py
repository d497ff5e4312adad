"""One question and answer changed, added or left out by hand: what comes of it, and its check."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import count

from homutune.data import (
    Card,
    CheckReport,
    Dataset,
    Example,
    Meta,
    Review,
    Split,
    apply_edits,
    check_examples,
    edits_of,
    find_leaks,
    merge_review,
)
from homutune.errors import UserError
from homutune.law import check_citation

#: What a person writes of an example, in the order of the form.
TEXTS = ("question", "answer", "kind", "field", "articles")
_REMEDY = "入力を直してください。何も変更していません。"


@dataclass(frozen=True, slots=True)
class Told:
    """What a check says of the example or of the whole."""

    is_error: bool
    message: str
    remedy: str


@dataclass(frozen=True)
class Result:
    """The examples as they would be; ``split`` only where they belong to a version.

    The check is made where it is read, and only then: it takes a while on a large set.

    Attributes:
        number: which example was changed or added, from 1; None where one was left out.
    """

    examples: list[Example]
    split: Split | None
    cards: Sequence[Card]
    number: int | None

    @cached_property
    def report(self) -> CheckReport:
        """The check, with ``number`` as its first example.

        Of many equal problems a report tells only the first; those of this example must be there.
        """
        made = list(self.examples)
        if self.number is not None:
            made.insert(0, made.pop(self.number - 1))
        return check_examples(made, self.cards or None, verdict=check_citation)

    @cached_property
    def told(self) -> list[Told]:
        """What the check says of ``number``, errors of the whole, and what both sides share."""
        told = []
        for problem in self.report.problems:
            is_error = problem.severity == "error"
            is_ours = self.number is not None and 1 in problem.examples
            if is_ours or (is_error and not problem.examples):
                told.append(Told(is_error, problem.message, problem.remedy))
        if self.split is not None:
            remedy = "同じ論点の質問は、同じ側（学習用か検証用）に置いてください。"
            told += [Told(True, leak, remedy) for leak in find_leaks(self.examples, self.split)]
        return told

    @property
    def is_sound(self) -> bool:
        """Whether nothing that was changed is an error."""
        return not any(each.is_error for each in self.told)


@dataclass(frozen=True, slots=True)
class Bench:
    """The examples worked on: those of an import, or of ``dataset``, which stays as it is."""

    examples: Sequence[Example]
    cards: Sequence[Card]
    dataset: Dataset | None = None

    def find(self, number: int, example_id: str | None = None) -> Example | None:
        """Example ``number`` (from 1); None unless it is there and still the one that was shown."""
        if not 1 <= number <= len(self.examples):
            return None
        found = self.examples[number - 1]
        return found if example_id in (None, found.meta.id) else None

    def change(self, number: int, texts: Mapping[str, str]) -> Result:
        """Example ``number`` with other texts.

        Raises:
            UserError: nothing differs, or a text cannot be edited.
        """
        example = self.examples[number - 1]
        edits = edits_of(example, texts)
        if not edits:
            raise UserError("どこも直されていません。", remedy="直してから保存してください。")
        if self.dataset is not None:
            merged = merge_review(self.dataset, Review(edits, (), (), ()))
            return Result(*merged, self.cards, number)
        made = list(self.examples)
        made[number - 1] = apply_edits(example, edits)
        return Result(made, None, self.cards, number)

    def add(self, texts: Mapping[str, str], cards: str, side: str) -> Result:
        """A new example at the end, on ``side`` (``train`` or ``valid``) of a version.

        Args:
            cards: ids of the cards that answer the question, as somebody writes them in a line.

        Raises:
            UserError: question or answer is empty, the same pair is there, a card is not known.
        """
        if not all(texts[name].strip() for name in ("question", "answer")):
            raise UserError("質問か回答が空です。", remedy=_REMEDY)
        ids = tuple(dict.fromkeys(re.findall(r"[^\s,、;；]+", cards)))
        if unknown := set(ids) - {card.id for card in self.cards}:
            raise UserError(f"解説カード「{min(unknown)}」はありません。", remedy=_REMEDY)
        blank = Example(
            ({"role": "user", "content": ""}, {"role": "assistant", "content": ""}),
            Meta("", cards=ids, origin="画面で追加"),
        )
        new = apply_edits(blank, edits_of(blank, texts))
        pair = new.question, new.answer
        if any((example.question, example.answer) == pair for example in self.examples):
            raise UserError("同じ質問と回答がすでにあります。", remedy=_REMEDY)
        digest = sha256("\n".join(pair).encode()).hexdigest()
        stem = f"web-{digest[:10]}"
        # It is taken where this pair was added before and has another text since.
        taken = {example.meta.id for example in self.examples}
        names = (stem if n == 1 else f"{stem}-{n}" for n in count(1))
        new_id = next(name for name in names if name not in taken)
        made = [*self.examples, replace(new, meta=replace(new.meta, id=new_id))]
        split = self.dataset.split if self.dataset else None
        if split is not None and side == "valid":
            split = replace(split, valid=tuple(sorted((*split.valid, new_id))))
        elif split is not None:
            split = replace(split, train=tuple(sorted((*split.train, new_id))))
        return Result(made, split, self.cards, len(made))

    def drop(self, number: int) -> Result:
        """All but example ``number``."""
        if self.dataset is not None:
            left = (self.examples[number - 1].meta.id,)
            merged = merge_review(self.dataset, Review((), left, (), ()))
            return Result(*merged, self.cards, None)
        made = [example for n, example in enumerate(self.examples, 1) if n != number]
        return Result(made, None, self.cards, None)
