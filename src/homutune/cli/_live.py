"""The live view of a training job: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from homutune.cli._console import console, note
from homutune.tuning import STATUS, Progress, translate_event

if TYPE_CHECKING:
    from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent

#: Without a terminal, a line about the training loss at most this often.
LINE_EVERY_S = 10.0


class LiveView:
    """Shows what :func:`homutune.tuning.watch_job` reports, on stderr."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._finish_at: float | None = None
        self._first: tuple[int, int] | None = None
        self._valid_loss: float | None = None
        self._last_line = 0.0
        self._troubled = False

    def __enter__(self) -> Self:
        if console.is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[losses]}"),
                TextColumn("{task.fields[left]}"),
                console=console,
            )
            self._task = self._bar.add_task("準備中", total=None, losses="", left="")
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def on_job(self, job: FineTuningJob) -> None:
        """Take the status and the server's own estimate of the end."""
        self._finish_at = job.estimated_finish
        if self._troubled:
            self._troubled = False
            self._say("サーバーにつながりました。", "green")
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=STATUS.get(job.status, job.status))

    def on_event(self, event: FineTuningJobEvent) -> None:
        """Show one event."""
        progress = Progress.of(event)
        if progress is not None:
            self._show_progress(progress, event.created_at)
            return
        style = {"warn": "yellow", "error": "red"}.get(event.level)
        self._say(translate_event(event.message), style)

    def on_trouble(self, silent_s: float) -> None:
        """The server does not answer; said once per silence."""
        if not self._troubled:
            self._troubled = True
            self._say(
                "サーバーが応答しません。戻るのを待っています（Ctrl-C で抜けます）。", "yellow"
            )

    def _show_progress(self, progress: Progress, at: int) -> None:
        if self._first is None and progress.step > 0:
            self._first = (progress.step, at)
        if progress.valid_loss is not None:
            when = f"ステップ {progress.step}" if progress.step else "学習前"
            change = _change(self._valid_loss, progress.valid_loss)
            self._valid_loss = progress.valid_loss
            self._say(f"検証損失 {progress.valid_loss:.3f}（{when}{change}）", "cyan")
        losses = _losses(progress.train_loss, self._valid_loss)
        left = self._time_left(progress, at)
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task,
                completed=progress.step,
                total=progress.total,
                losses=losses,
                left=left,
            )
        elif progress.train_loss is not None and (
            time.monotonic() - self._last_line >= LINE_EVERY_S or progress.step == progress.total
        ):
            self._last_line = time.monotonic()
            total = f"/{progress.total}" if progress.total else ""
            self._say(f"ステップ {progress.step}{total} {losses} {left}".rstrip())

    def _time_left(self, progress: Progress, at: int) -> str:
        """The server's estimate, else from the pace of the steps seen so far."""
        if self._finish_at is not None:
            return _duration(self._finish_at - time.time())
        if self._first is None or progress.total is None or progress.step <= self._first[0]:
            return ""
        pace = (at - self._first[1]) / (progress.step - self._first[0])
        return _duration(pace * (progress.total - progress.step))

    def _say(self, text: str, style: str | None = None) -> None:
        note(text, style=style)


def _change(before: float | None, now: float) -> str:
    if before is None or before == now:
        return ""
    return "、改善" if now < before else "、悪化"


def _losses(train: float | None, valid: float | None) -> str:
    parts = []
    if train is not None:
        parts.append(f"学習損失 {train:.3f}")
    if valid is not None:
        parts.append(f"検証損失 {valid:.3f}")
    return " ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 1:
        return ""
    if seconds < 90:
        return f"残り約{round(seconds)}秒"
    if seconds < 5400:
        return f"残り約{round(seconds / 60)}分"
    return f"残り約{seconds / 3600:.1f}時間"
