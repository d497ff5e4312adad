"""What a set consists of, and what it lacks: counts, lengths, the plan of topics (D005–D007)."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from homutune.data._checks._report import Fault, Lengths, Sampled
from homutune.data._meaning import Reservoir
from homutune.data._types import KINDS, Example

#: Shown for examples whose kind or field is not given.
UNNAMED = "（なし）"
#: 分野 → 論点 → number of examples wanted.
TopicPlan = Mapping[str, Mapping[str, int]]

#: Sets smaller than this are not judged for balance.
_ENOUGH = 40
_LONGEST_COUNTED = 20_000
#: Questions drawn for the map.
_SAMPLE = 500


class Balance:
    """Counts of a stream of examples."""

    def __init__(self, plan: TopicPlan | None = None) -> None:
        self._plan = plan
        self.kinds: Counter[str] = Counter()
        self.table: dict[str, Counter[str]] = defaultdict(Counter)
        self._topics: Counter[tuple[str, str]] = Counter()
        self._questions: Counter[int] = Counter()
        self._answers = array("H")
        self._sample = Reservoir[Sampled](_SAMPLE)

    def add(self, number: int, example: Example) -> None:
        """Take an example in."""
        meta = example.meta
        kind, field = meta.kind or UNNAMED, meta.field or UNNAMED
        self.kinds[kind] += 1
        self.table[field][kind] += 1
        if self._plan is not None:
            self._topics[field, meta.topic or ""] += 1
        self._questions[min(_LONGEST_COUNTED, len(example.question))] += 1
        self._answers.append(min(_LONGEST_COUNTED, len(example.answer)))
        self._sample.add(Sampled(number, field, example.question[:200]))

    @property
    def sample(self) -> list[Sampled]:
        """Questions drawn for the map."""
        return self._sample.items

    @property
    def fields(self) -> dict[str, int]:
        """Examples by field."""
        return {field: sum(kinds.values()) for field, kinds in sorted(self.table.items())}

    @property
    def question_characters(self) -> Lengths:
        """Lengths of the questions."""
        return _lengths(np.repeat(list(self._questions), list(self._questions.values())))

    @property
    def answer_characters(self) -> Lengths:
        """Lengths of the answers."""
        return _lengths(np.frombuffer(self._answers, np.uint16))

    @property
    def histogram(self) -> tuple[tuple[int, int, int], ...]:
        """Answers by length, in at most 20 steps."""
        sizes = np.frombuffer(self._answers, np.uint16)
        if not len(sizes):
            return ()
        top = int(np.percentile(sizes, 99)) + 1
        step = max(10, -(-top // 200) * 10)
        counts = np.bincount(np.minimum(sizes // step, 19))
        return tuple((i * step, (i + 1) * step, int(n)) for i, n in enumerate(counts))

    def finish(self) -> Iterator[tuple[Sequence[int], Fault]]:
        """Faults of the set; only the outliers in length name examples."""
        yield from (((), fault) for fault in self._skew())
        sizes = np.frombuffer(self._answers, np.uint16).astype(np.int64)
        if len(sizes) >= _ENOUGH:
            median = max(1.0, float(np.median(sizes)))
            odd = (sizes > 4 * median) | ((sizes < median / 4) & (sizes > 0))
            for index in np.flatnonzero(odd):
                message = f"回答が{sizes[index]}字です（中央値 {median:.0f}字）。"
                yield (int(index) + 1,), Fault("D006", message, "写し誤りがないか見てください。")
        yield from (((), fault) for fault in self._missing())

    def _skew(self) -> Iterator[Fault]:
        n = sum(self.kinds.values())
        if n < _ENOUGH:
            return
        counts = {kind: self.kinds[kind] for kind in KINDS}
        if any(counts.values()):
            few = [kind for kind, count in counts.items() if count * 3 < max(counts.values())]
            if few:
                message = "少ない種類があります: " + "、".join(f"{k} {counts[k]}件" for k in few)
                remedy = "一番多い種類の3分の1以上になるまで足してください。"
                yield Fault("D005", message, remedy)
        named = {field: count for field, count in self.fields.items() if field != UNNAMED}
        if len(named) > 1 and max(named.values()) > n / 2:
            field = max(named, key=lambda name: named[name])
            message = f"「{field}」が全体の{named[field] / n:.0%}を占めています。"
            yield Fault("D005", message, "ほかの分野を足してください。")

    def _missing(self) -> Iterator[Fault]:
        for field, topics in (self._plan or {}).items():
            for topic, wanted in topics.items():
                have = self._topics[field, topic]
                if have < wanted:
                    message = f"{field}「{topic}」が{have}件です（計画 {wanted}件）。"
                    yield Fault("D007", message, f"あと{wanted - have}件足してください。")


def _lengths(sizes: np.ndarray) -> Lengths:
    if not len(sizes):
        return Lengths(0, 0, 0)
    return Lengths(int(sizes.min()), round(float(np.median(sizes))), int(sizes.max()))
