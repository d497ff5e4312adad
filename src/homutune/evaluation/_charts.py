"""Small SVG pictures for the report: no script, no outside reference, colours from its CSS.

Every function returns one complete ``<svg>`` element with a title for screen readers. All text
is escaped here; coordinates are pixels of the view box.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from homutune.evaluation._statistics import Interval

WIDTH = 720
_LABEL = 190
_RIGHT = 24


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """One difference: its name, value, interval (None: not computable) and CSS class."""

    label: str
    value: float
    interval: Interval | None
    css: str


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One share for each model, as counts of ``n`` with intervals."""

    label: str
    n: int
    base_count: int
    tuned_count: int
    base_interval: Interval
    tuned_interval: Interval


@dataclass(frozen=True, slots=True)
class MeanRow:
    """One criterion: mean of base and of tuned, both 0 to 1."""

    label: str
    base: float
    tuned: float


@dataclass(frozen=True, slots=True)
class CrossPoint:
    """A mean under one prompt, with its interval."""

    label: str
    value: float
    interval: Interval | None


Curve = Sequence[tuple[float, float]]


def interval_plot(rows: Sequence[IntervalRow], title: str) -> Markup:
    """Differences with their intervals around a zero line; left is worse, right is better."""
    edges = [0.0, *(row.value for row in rows)]
    edges += [edge for row in rows if row.interval for edge in row.interval]
    reach = max(0.1, math.ceil(max(abs(edge) for edge in edges) * 10) / 10)
    top, step = 34, 44
    height = top + step * len(rows) + 34
    left, right = _LABEL, WIDTH - _RIGHT - 66

    def x(value: float) -> float:
        return left + (value + reach) / (2 * reach) * (right - left)

    parts = [
        _text(x(0) - 12, 16, "← 悪くなった", "small", "end"),
        _text(x(0) + 12, 16, "良くなった →", "small"),
    ]
    ticks = [-reach, -reach / 2, 0.0, reach / 2, reach]
    for tick in ticks:
        css = "zero" if tick == 0 else "grid"
        parts.append(_line(x(tick), top - 8, x(tick), height - 30, css))
        parts.append(_text(x(tick), height - 12, f"{tick:+.2f}" if tick else "0", "tick", "middle"))
    for index, row in enumerate(rows):
        y = top + step * index + step / 2
        parts.append(_text(left - 14, y + 5, row.label, "label", "end"))
        if row.interval:
            low, high = row.interval
            parts.append(_line(x(low), y, x(high), y, f"whisker {row.css}"))
            parts += [_line(x(end), y - 6, x(end), y + 6, f"cap {row.css}") for end in (low, high)]
        parts.append(f'<circle cx="{x(row.value):.1f}" cy="{y:.1f}" r="6" class="{row.css}"/>')
        parts.append(_text(WIDTH - 8, y + 5, f"{row.value:+.2f}", "value", "end"))
    return _svg(height, title, parts)


def mean_plot(rows: Sequence[MeanRow], title: str) -> Markup:
    """Where each criterion stood and where it stands, on a scale from 0 to 1."""
    top, step = 12, 40
    height = top + step * len(rows) + 30
    left, right = _LABEL, WIDTH - _RIGHT - 96

    def x(value: float) -> float:
        return left + value * (right - left)

    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_line(x(tick), top, x(tick), height - 28, "grid"))
        parts.append(_text(x(tick), height - 10, f"{tick:g}", "tick", "middle"))
    for index, row in enumerate(rows):
        y = top + step * index + step / 2
        parts.append(_text(left - 14, y + 5, row.label, "label", "end"))
        parts.append(_line(x(row.base), y, x(row.tuned), y, "bridge"))
        parts.append(f'<circle cx="{x(row.base):.1f}" cy="{y:.1f}" r="6" class="base"/>')
        parts.append(f'<circle cx="{x(row.tuned):.1f}" cy="{y:.1f}" r="7" class="tuned"/>')
        parts.append(_text(WIDTH - 8, y + 5, f"{row.base:.2f} → {row.tuned:.2f}", "value", "end"))
    return _svg(height, title, parts)


def crossing_plot(
    base: tuple[CrossPoint, CrossPoint], tuned: tuple[CrossPoint, CrossPoint], title: str
) -> Markup:
    """The 2x2: one line a model, from the first prompt to the second, on a scale from 0 to 1.

    Parallel lines add up; lines that open or close show an interaction.
    """
    height, top, bottom = 300, 20, 250
    columns = (_LABEL + 90, WIDTH - _RIGHT - 190)

    def y(value: float) -> float:
        return bottom - min(1.0, max(0.0, value)) * (bottom - top)

    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_line(_LABEL, y(tick), WIDTH - _RIGHT - 100, y(tick), "grid"))
        parts.append(_text(_LABEL - 10, y(tick) + 4, f"{tick:g}", "tick", "end"))
    for x, point in zip(columns, base, strict=True):
        parts.append(_text(x, height - 14, point.label, "label", "middle"))
    for css, shift, points in (("base", -6, base), ("tuned", 6, tuned)):
        ends = [(x + shift, y(point.value)) for x, point in zip(columns, points, strict=True)]
        path = " ".join(f"{x:.1f},{height_at:.1f}" for x, height_at in ends)
        parts.append(f'<polyline points="{path}" class="curve {css}"/>')
        for (x, height_at), point, outward in zip(ends, points, (-1, 1), strict=True):
            if point.interval:
                parts.append(_line(x, y(point.interval[0]), x, y(point.interval[1]), "range"))
            parts.append(f'<circle cx="{x:.1f}" cy="{height_at:.1f}" r="6" class="{css}"/>')
            # Outside the lines, base below and tuned above, so that equal means stay readable.
            anchor = "end" if outward < 0 else "start"
            place = x + 14 * outward - shift, height_at + (17 if shift < 0 else -7)
            parts.append(_text(*place, f"{point.value:.2f}", "value", anchor))
    return _svg(height, title, parts)


def share_plot(rows: Sequence[ShareRow], title: str) -> Markup:
    """Shares of yes as bars with Wilson intervals; base above tuned."""
    top, step = 10, 66
    height = top + step * len(rows) + 28
    left, right = _LABEL + 40, WIDTH - _RIGHT - 60

    def x(value: float) -> float:
        return left + value * (right - left)

    parts = []
    for tick in (0.0, 0.5, 1.0):
        parts.append(_line(x(tick), top, x(tick), height - 26, "grid"))
        parts.append(_text(x(tick), height - 8, f"{tick:.0%}", "tick", "middle"))
    for index, row in enumerate(rows):
        y = top + step * index + 10
        parts.append(_text(left - 14, y + 25, row.label, "label", "end"))
        bars = (
            ("base", y, row.base_count, row.base_interval),
            ("tuned", y + 22, row.tuned_count, row.tuned_interval),
        )
        for css, bar, count, (low, high) in bars:
            width = max(1.0, x(count / row.n) - x(0))
            parts.append(
                f'<rect x="{x(0):.1f}" y="{bar}" width="{width:.1f}" height="17" rx="2"'
                f' class="bar {css}"/>'
            )
            parts.append(_line(x(low), bar + 8.5, x(high), bar + 8.5, "range"))
            parts.append(_text(WIDTH - 8, bar + 13, f"{count}/{row.n}", "value", "end"))
    return _svg(height, title, parts)


def history_plot(points: Sequence[CrossPoint], title: str) -> Markup:
    """One mean for each version from left to right, with intervals, on a scale from 0 to 1."""
    height, top, bottom, left, right = 300, 24, 236, 56, WIDTH - 40
    step = (right - left) / max(1, len(points))

    def xy(index: int, value: float) -> tuple[float, float]:
        y = bottom - min(1.0, max(0.0, value)) * (bottom - top)
        return left + step * (index + 0.5), y

    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        _, y = xy(0, tick)
        parts.append(_line(left, y, right, y, "grid"))
        parts.append(_text(left - 10, y + 4, f"{tick:g}", "tick", "end"))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (xy(i, p.value) for i, p in enumerate(points)))
    parts.append(f'<polyline points="{path}" class="curve tuned"/>')
    for index, point in enumerate(points):
        x, y = xy(index, point.value)
        if point.interval:
            low, high = (xy(index, edge)[1] for edge in point.interval)
            parts.append(_line(x, low, x, high, "range"))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" class="tuned"/>')
        # Beside the line, not on it: below where it rises from here.
        rises = index + 1 < len(points) and points[index + 1].value > point.value
        parts.append(_text(x + 11, y + (18 if rises else -7), f"{point.value:.2f}", "value"))
        for line, text in enumerate(point.label.split("\n")):
            label = shorten(text, max(4, int(step / 8)))
            parts.append(_text(x, bottom + 22 + 17 * line, label, "small", "middle"))
    return _svg(height, title, parts)


def loss_plot(train: Curve, valid: Curve, title: str) -> Markup:
    """Training loss (line) and validation loss (points) over steps; lower is better."""
    points = [*train, *valid]
    x_ticks = _round_ticks(max(1.0, max(step for step, _ in points)), smallest=1)
    y_ticks = _round_ticks(max(0.1, max(loss for _, loss in points)), smallest=0.01)
    last, peak = max(step for step, _ in points) or 1.0, y_ticks[-1]
    height, left, right, top, bottom = 300, 56, WIDTH - 24, 14, 256

    def xy(point: tuple[float, float]) -> tuple[float, float]:
        return left + point[0] / last * (right - left), bottom - point[1] / peak * (bottom - top)

    parts = []
    for tick in y_ticks:
        _, y = xy((0, tick))
        parts.append(_line(left, y, right, y, "grid"))
        parts.append(_text(left - 8, y + 4, f"{tick:g}", "tick", "end"))
    for tick in x_ticks:
        x, _ = xy((tick, 0))
        if x <= right:
            parts.append(_text(x, bottom + 20, f"{tick:g}", "tick", "middle"))
    parts.append(_text((left + right) / 2, height - 6, "学習ステップ", "small", "middle"))
    for css, curve in (("train", train), ("valid", valid)):
        if len(curve) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(xy, curve))
            parts.append(f'<polyline points="{path}" class="curve {css}"/>')
    for point in valid:
        x, y = xy(point)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="valid"/>')
        anchor = "end" if x > right - 40 else "start"
        shift = -8 if anchor == "end" else 8
        parts.append(_text(x + shift, y - 9, f"{point[1]:.2f}", "value", anchor))
    return _svg(height, title, parts)


def shorten(label: str, longest: int = 9) -> str:
    """``label`` as far as it fits beside a picture."""
    return label if len(label) <= longest else label[: longest - 1] + "…"


def _round_ticks(peak: float, *, smallest: float) -> list[float]:
    """From 0 to the first round number at or above ``peak``, in at most six steps."""
    step = smallest
    for factor in itertools.cycle((2, 2.5, 2)):  # 1, 2, 5, 10, …
        if peak / step <= 6:
            break
        step *= factor
    return [round(step * index, 6) for index in range(math.ceil(peak / step - 1e-9) + 1)]


def _svg(height: float, title: str, parts: Sequence[str]) -> Markup:
    safe = escape(title)
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{safe}">'
        f"<title>{safe}</title>{''.join(parts)}</svg>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def _text(x: float, y: float, content: str, css: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">'
        f"{escape(content)}</text>"
    )
