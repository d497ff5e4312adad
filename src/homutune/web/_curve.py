"""The loss curve of a job as points for an SVG; the server draws it, no script is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homutune.tuning import Progress

WIDTH, HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 12, 30


@dataclass(frozen=True, slots=True)
class Curve:
    """Polylines (``x,y x,y …`` in pixels) and the labels of both axes (position, text)."""

    train: str
    valid: str
    dots: tuple[tuple[float, float], ...]
    steps: tuple[tuple[float, str], ...]
    losses: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    bottom: int = HEIGHT - _BOTTOM
    right: int = WIDTH - _RIGHT


def draw_curve(points: Sequence[Progress]) -> Curve | None:
    """The curve of these steps; None while there is nothing to draw."""
    train = [(p.step, p.train_loss) for p in points if p.train_loss is not None]
    valid = [(p.step, p.valid_loss) for p in points if p.valid_loss is not None]
    if not train and not valid:
        return None
    losses = [loss for _, loss in (*train, *valid)]
    last = max([p.total or p.step for p in points] + [1])
    top = max(losses) * 1.05 or 1.0

    def place(step: float, loss: float) -> tuple[float, float]:
        x = _LEFT + (WIDTH - _LEFT - _RIGHT) * step / last
        y = _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - loss / top)
        return round(x, 1), round(y, 1)

    def line(found: Sequence[tuple[int, float]]) -> str:
        return " ".join("{},{}".format(*place(*point)) for point in found)

    return Curve(
        train=line(train),
        valid=line(valid),
        dots=tuple(place(*point) for point in valid),
        steps=tuple((place(last * part, 0)[0], f"{last * part:.0f}") for part in (0, 0.5, 1)),
        losses=tuple((place(0, top * part)[1], f"{top * part:.2f}") for part in (0, 0.5, 1)),
    )
