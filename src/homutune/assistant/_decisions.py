"""What a person decided about each finding, kept beside the review it belongs to."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from homutune.assistant._review import Finding, Review
from homutune.errors import UserError
from homutune.files import write_atomic

DECISIONS = ("採用", "修正", "却下", "保留")


@dataclass(frozen=True, slots=True)
class Decision:
    """``choice`` is one of :data:`DECISIONS`; ``comment`` is the person's reason.

    ``wording`` is what shall stand in the contract instead of the quote (修正).
    """

    choice: str
    comment: str = ""
    decided_at: str = ""
    wording: str = ""


def review_path(home: Path, review: Review) -> Path:
    """Where the review is kept: one file for a file name, type and side.

    A contract that comes back edited keeps its name, and the findings that are still there keep
    their decisions.
    """
    safe = "".join(c if c.isalnum() else "-" for c in Path(review.file).stem)[:60]
    return home / "reviews" / f"{safe}-{review.type}-{review.side}.json"


def load_decisions(home: Path, review: Review) -> dict[str, Decision]:
    """Decisions by finding id; none where the contract is reviewed for the first time.

    Raises:
        UserError: the stored review is damaged.
    """
    path = review_path(home, review)
    if not path.is_file():
        return {}
    try:
        stored = json.loads(path.read_text("utf-8"))["decisions"]
        return {key: Decision(**value) for key, value in stored.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            "保存したレビューが壊れています。",
            remedy="ファイルを別の場所に移してから、もう一度実行してください。",
            file=path,
        ) from None


def save_review(home: Path, review: Review, decisions: dict[str, Decision]) -> Path:
    """Keep the review, the playbook version it was made with and the decisions."""
    path = review_path(home, review)
    content = {
        "review": asdict(review),
        "decisions": {key: asdict(value) for key, value in decisions.items()},
    }
    write_atomic(path, json.dumps(content, ensure_ascii=False, indent=1))
    return path


def decide(review: Review, text: str) -> tuple[str, Decision]:
    """Read ``3=却下:理由``, ``3=修正:文言`` or ``a1b2c3d4=採用``: (finding id, decision).

    Raises:
        UserError: no such finding, or no such decision.
    """
    target, _, rest = text.partition("=")
    choice, _, words = re.sub("：", ":", rest, count=1).partition(":")
    choice, words = choice.strip(), words.strip()
    finding = _find(review, target.strip())
    if finding is None or choice not in DECISIONS:
        raise UserError(
            f"判断「{text}」を読めません。",
            remedy=f"番号=判断 の形で書いてください（{'・'.join(DECISIONS)}。"
            "例: 3=却下:理由、4=修正:文言）。",
        )
    now = datetime.now().isoformat(timespec="seconds")
    if choice == "修正":
        return finding.id, Decision(choice, "", now, words)
    return finding.id, Decision(choice, words, now)


def _find(review: Review, target: str) -> Finding | None:
    if target.isdigit() and 1 <= int(target) <= len(review.findings):
        return review.findings[int(target) - 1]
    return next((f for f in review.findings if f.id == target), None)
