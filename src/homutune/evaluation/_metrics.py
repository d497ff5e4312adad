"""The loss curves of a training job, from its metrics file."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from homutune.errors import UserError


@dataclass(frozen=True, slots=True)
class LossCurves:
    """Points (step, loss) in nats per answer token; validation at step 0 is the base model."""

    train: tuple[tuple[float, float], ...]
    valid: tuple[tuple[float, float], ...]

    @property
    def base_valid(self) -> float | None:
        """Validation loss before training."""
        return self.valid[0][1] if self.valid and self.valid[0][0] == 0 else None

    @property
    def best(self) -> tuple[float, float] | None:
        """Step and value of the lowest validation loss."""
        return min(self.valid, key=lambda point: point[1]) if self.valid else None


def read_loss_curves(path: Path) -> LossCurves:
    """Read ``step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy``; blanks allowed.

    Raises:
        UserError: the file cannot be read or is no metrics file.
    """
    train: list[tuple[float, float]] = []
    valid: list[tuple[float, float]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            if not {"step", "train_loss", "valid_loss"} <= set(reader.fieldnames or ()):
                raise UserError(
                    "学習の記録（metrics.csv）の見出しが違います。",
                    file=path,
                    line=1,
                    remedy="step, train_loss, valid_loss の列を持つ CSV を指定してください。",
                )
            for row in reader:
                for points, name in ((train, "train_loss"), (valid, "valid_loss")):
                    if (row[name] or "").strip():
                        point = (float(row["step"]), float(row[name]))
                        if math.isfinite(point[1]):
                            points.append(point)
    except (OSError, ValueError) as error:
        raise UserError(
            f"学習の記録を読めません（{error}）。",
            file=path,
            remedy="--metrics に指定したファイルを確認するか、指定せずに実行してください。",
        ) from error
    return LossCurves(tuple(sorted(train)), tuple(sorted(valid)))
