"""Pictures of the check report as small SVG: lengths of answers, and a map of the questions.

No script, no outside reference; colours come from the page's CSS. All text is escaped here.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from homutune.data._checks import Sampled

_WIDTH = 720
#: Fields with a colour of their own; the others share one.
COLOURS = 9
#: Fewer questions make no map, more no readable one.
_FEWEST = 12
_MOST = 500
_WORD = re.compile(r"[一-龥々]{2,8}|[ァ-ヴー]{3,12}")
_COMMON = {
    "場合",
    "契約",
    "当社",
    "契約書",
    "取引先",
    "相手",
    "相手方",
    "会社",
    "必要",
    "注意",
    "方法",
    "問題",
    "リスク",
    "定め",
}


def histogram(steps: Sequence[tuple[int, int, int]]) -> Markup:
    """Bars of (from, to, number)."""
    steps = [*steps]
    while steps and not steps[-1][2]:
        steps.pop()
    if not steps:
        return Markup()
    height, base, left = 190, 150, 46
    most = max(count for *_, count in steps)
    width = (_WIDTH - left - 20) / len(steps)
    parts = [f'<line class="grid" x1="{left}" x2="{_WIDTH - 20}" y1="{base}" y2="{base}"/>']
    for place, (low, high, count) in enumerate(steps):
        x, tall = left + place * width, 120 * count / most
        parts.append(
            f'<rect class="bar" x="{x + 1:.1f}" y="{base - tall:.1f}" width="{width - 2:.1f}"'
            f' height="{tall:.1f}"><title>{low}～{high}字：{count}件</title></rect>'
        )
        if count:
            parts.append(
                f'<text class="small" x="{x + width / 2:.1f}" y="{base - tall - 4:.1f}"'
                f' text-anchor="middle">{count}</text>'
            )
        if place % max(1, len(steps) // 10) == 0:
            parts.append(
                f'<text class="tick" x="{x:.1f}" y="{base + 16}" text-anchor="middle">{low}</text>'
            )
    parts.append(
        f'<text class="tick" x="{_WIDTH - 20}" y="{base + 34}" text-anchor="end">字</text>'
    )
    return _svg(height, "回答の長さの分布", parts)


def question_map(
    sample: Sequence[Sampled], vectors: NDArray[np.float32] | None = None
) -> tuple[Markup, tuple[str, ...]]:
    """The questions drawn as points, alike ones close together, and the fields by colour.

    Their embeddings where given, otherwise kanji pairs and katakana words (TF-IDF); reduced by
    SVD, laid out by t-SNE; clusters by k-means, each named by a word it uses more than the others.
    Empty for few questions; at most 500 are drawn.
    """
    kept = [place for place, item in enumerate(sample) if item.question.strip()]
    if len(kept) < _FEWEST:
        return Markup(), ()
    if len(kept) > _MOST:
        kept = sorted(random.Random(0).sample(kept, _MOST))
    sample = [sample[place] for place in kept]
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import normalize

    if vectors is not None:
        # All E5 vectors point one way; what is left without it is what differs.
        vectors = vectors[kept] - vectors[kept].mean(axis=0)
    else:
        try:
            vectors = TfidfVectorizer(analyzer=_topic, sublinear_tf=True).fit_transform(
                item.question for item in sample
            )
        except ValueError:  # nothing but kana and punctuation
            return Markup(), ()
    size = min(40, len(sample) - 1, vectors.shape[1] - 1)
    dense = normalize(TruncatedSVD(size, random_state=0).fit_transform(vectors))
    # t-SNE shows who is near whom; distances between far groups mean nothing.
    flat = TSNE(
        2, perplexity=min(20.0, (len(sample) - 1) / 3), init="pca", random_state=0
    ).fit_transform(dense)
    k = max(2, min(10, round((len(sample) / 12) ** 0.5 * 1.5)))
    clusters = KMeans(k, n_init=3, random_state=0).fit_predict(dense)
    low, high = flat.min(axis=0), flat.max(axis=0)
    height = 430
    span = np.array([_WIDTH - 120, height - 80]) / np.maximum(high - low, 1e-9)
    points = (flat - low) * span + np.array([60, 40])
    counted = Counter(item.field for item in sample)
    fields = tuple(name for name, _ in counted.most_common(COLOURS))
    parts = []
    for item, (x, y) in zip(sample, points, strict=True):
        colour = f"f{fields.index(item.field)}" if item.field in fields else "other"
        title = escape(f"{item.number}番 {item.field}")
        parts.append(
            f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="4.5">'
            f"<title>{title}</title></circle>"
        )
    for x, y, name in _labels(sample, clusters, points):
        parts.append(
            f'<text class="label" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">'
            f"{escape(name)}</text>"
        )
    return _svg(height, "質問の地図", parts), fields


def _topic(question: str) -> list[str]:
    """What a question is about: pairs of kanji, katakana words; its grammar is in the kana."""
    words = [word for word in _WORD.findall(question) if word not in _COMMON]
    return [
        piece
        for word in words
        for piece in ([word] if word[0] >= "ァ" and word[0] <= "ー" else _pairs(word))
    ]


def _pairs(word: str) -> list[str]:
    return [word[i : i + 2] for i in range(len(word) - 1)]


def _labels(
    sample: Sequence[Sampled], clusters: Sequence[int], points: np.ndarray
) -> list[tuple[float, float, str]]:
    """Place and name of each cluster: the word it uses most, next to the other clusters."""
    words: dict[int, Counter[str]] = defaultdict(Counter)
    for item, cluster in zip(sample, clusters, strict=True):
        words[cluster].update(set(_WORD.findall(item.question)) - _COMMON)
    total: Counter[str] = sum(words.values(), Counter())
    labels: list[tuple[float, float, str]] = []
    for cluster, counts in sorted(words.items()):
        best = sorted(counts, key=lambda w: (-(counts[w] ** 2) / total[w], w))[:1]
        if best and counts[best[0]] > 1:
            x, y = np.median(points[np.asarray(clusters) == cluster], axis=0)
            while any(abs(y - other) < 18 and abs(x - at) < 90 for at, other, _ in labels):
                y += 18
            labels.append((float(x), float(y), best[0]))
    return labels


def _svg(height: int, title: str, parts: Sequence[str]) -> Markup:
    return Markup(
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
