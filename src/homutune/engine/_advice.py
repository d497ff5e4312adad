"""What a beginner should be told about a run, and when to end it early."""

from __future__ import annotations

from collections.abc import Sequence

from homutune.engine._journal import Journal

#: Half of what ``auto`` aims for; a model trained for fewer steps hardly moves.
FEW_STEPS = 50
#: Validation losses closer than this share are taken as equal when a rise is to be told.
TOLERANCE = 0.01
#: Examples named in one message.
_NAMED = 10


def warn_few_steps(journal: Journal, steps: int) -> None:
    """Too few steps to move."""
    if steps < FEW_STEPS:
        journal.event(
            f"学習が {steps} ステップしかないため、モデルはほとんど変わらないおそれがあります"
            f"（目安は {2 * FEW_STEPS} 以上）。n_epochs を増やすか、batch_size を小さくするか、"
            "例を増やしてください。",
            level="warn",
        )


def warn_cut(journal: Journal, what: str, numbers: Sequence[int], max_length: int | None) -> None:
    """Answers that lost their end; ``numbers`` are those of the examples, from 1."""
    if numbers:
        named = "・".join(map(str, numbers[:_NAMED])) + ("など" if len(numbers) > _NAMED else "")
        journal.event(
            f"{what}の {len(numbers)} 件（例 {named}）は max_length {max_length} より長いため、"
            "終わりを切りました。切れた答えからは、答えの終わり方を学べません。max_length を"
            "大きくするか、例を短くしてください。",
            level="warn",
        )


def warn_rise(journal: Journal, losses: Sequence[float]) -> None:
    """Overfitting: the validation loss (of the epochs so far) rises; told once."""
    lowest = min(losses)
    if losses[-1] > (1 + TOLERANCE) * lowest:
        epoch = losses.index(lowest) + 1
        journal.once(
            "過学習のしるしがあります",
            f": 検証損失が epoch {epoch} の {lowest:.3f} から epoch {len(losses)} で "
            f"{losses[-1]:.3f} に上がりました。学習済みモデルには検証損失が最も小さいチェック"
            f"ポイントを使います。次は n_epochs を {epoch} にすると、時間も減らせます。",
            level="warn",
        )


def warn_no_gain(journal: Journal, before: float | None, losses: Sequence[float]) -> None:
    """No epoch was better than the model before training, whose loss is ``before``."""
    if before is not None and losses and min(losses) >= before:
        journal.event(
            f"検証損失が学習前（{before:.3f}）より小さくなりませんでした"
            f"（最小 {min(losses):.3f}）。学習率を"
            "下げるか、学習データと検証データの形がそろっているかを確認してください。",
            level="warn",
        )


def is_over(losses: Sequence[float], patience: int | None) -> bool:
    """Early stopping: the last ``patience`` epochs brought no lower validation loss."""
    if patience is None or not losses:
        return False
    return len(losses) - 1 - losses.index(min(losses)) >= patience


def tell_stop(journal: Journal, losses: Sequence[float], patience: int | None) -> None:
    """Say why the run ends before its last epoch."""
    lowest = min(losses)
    journal.event(
        f"検証損失が {patience} エポック続けて小さくならなかったため、epoch {len(losses)} で学習を"
        f"終えます（最小は epoch {losses.index(lowest) + 1} の {lowest:.3f}）"
    )
