"""Long work that a page starts and watches: in a thread, one of a kind at a time, in memory."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from homutune.errors import UserError
from homutune.server import new_id

log = logging.getLogger("homutune.server")

State = Literal["running", "succeeded", "failed", "cancelled"]
_KEPT = 20


class _Stopped(Exception):
    """Raised in the thread of a task that somebody stopped."""


@dataclass
class Task:
    """One piece of work; ``href`` is where its result is to be seen."""

    id: str
    kind: str
    title: str
    href: str
    started_at: float = field(default_factory=time.time)
    state: State = "running"
    part: str = ""
    done: int = 0
    total: int = 0
    problem: str = ""
    remedy: str = ""
    stopping: bool = False

    def tell(self, done: int, total: int, part: str | None = None) -> None:
        """Say how far it is; this is also where a stopped task ends."""
        self.done, self.total = done, total
        self.part = self.part if part is None else part
        if self.stopping:
            raise _Stopped


class Tasks:
    """The tasks of this process; what they write can be continued after a restart."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()

    def start(self, kind: str, title: str, href: str, work: Callable[[Task], None]) -> Task:
        """Begin ``work`` in a thread.

        Raises:
            UserError: one of this kind is running.
        """
        with self._lock:
            if any(t.kind == kind and t.state == "running" for t in self._tasks.values()):
                raise UserError(
                    "同じ種類の作業が動いています。",
                    remedy="終わるのを待つか、中断してから始めてください。",
                )
            task = Task(new_id("t_", 12), kind, title, href)
            self._tasks[task.id] = task
            ended = [t.id for t in self._tasks.values() if t.state != "running"]
            for old in ended[: max(0, len(self._tasks) - _KEPT)]:
                del self._tasks[old]
        threading.Thread(target=self._run, args=(task, work), name=kind, daemon=True).start()
        return task

    def list(self, kind: str) -> list[Task]:
        """The tasks of ``kind``, the newest first."""
        return [task for task in reversed(list(self._tasks.values())) if task.kind == kind]

    def get(self, task_id: str) -> Task | None:
        """One task."""
        return self._tasks.get(task_id)

    def _run(self, task: Task, work: Callable[[Task], None]) -> None:
        try:
            work(task)
        except _Stopped:
            task.state = "cancelled"
        except UserError as error:
            task.problem, task.remedy = error.message, error.remedy or ""
            task.state = "failed"
        except Exception as error:
            # The text of an exception may quote a document, so only its type is logged.
            log.error("%s in %s", type(error).__name__, task.kind)
            task.problem = "サーバーの内部で問題が起きました。"
            task.remedy = "もう一度試しても同じときは、管理者に伝えてください。"
            task.state = "failed"
        else:
            task.state = "succeeded"
