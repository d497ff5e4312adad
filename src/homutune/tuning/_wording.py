"""A job's status and events as a reader of Japanese is told of them."""

from __future__ import annotations

import re

STATUS = {
    "validating_files": "ファイルを検査中",
    "queued": "順番待ち",
    "running": "学習中",
    "paused": "一時停止中",
    "succeeded": "完了",
    "failed": "失敗",
    "cancelled": "中止",
}
#: Event texts of OpenAI and of our server -> what a reader of Japanese is shown.
EVENTS = (
    (r"Created fine-tuning job: (\S+)", r"ジョブを作成しました: \1"),
    (r"Validating training file.*", "学習ファイルを検査しています"),
    (r"Validating validation file.*", "検証ファイルを検査しています"),
    (r"Files validated.*", "検査が終わり、順番を待っています"),
    (r"Fine-tuning job started.*", "学習を始めました"),
    (r"Fine-tuning job resumed from step (\d+)", r"ステップ \1 から学習を再開しました"),
    (r"Fine-tuning job paused", "学習を一時停止しました（再開: homutune tune resume）"),
    (r"Checkpoint created at step (\d+).*", r"チェックポイントを保存しました（ステップ \1）"),
    (r"New fine-tuned model created:? ?(\S*)", r"モデルができました: \1"),
    (r"The job has successfully completed.*", "学習が完了しました"),
)


def translate_event(message: str) -> str:
    """An event's text in Japanese; unknown texts stay as they are."""
    for pattern, japanese in EVENTS:
        if match := re.fullmatch(pattern, message):
            return match.expand(japanese)
    return message
