"""The training process: started here, or found alive after a restart of the server."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from homutune.server._job_folder import JobFolder


class Worker:
    """A process that holds a job's ``worker.lock``.

    Args:
        folder: of the job.
        process: our child, or None where a server before us had started it.
        pid: its process id, as far as it is known.
    """

    def __init__(
        self, folder: JobFolder, process: subprocess.Popen[bytes] | None, pid: int | None
    ) -> None:
        self.folder = folder
        self._process = process
        self.pid = pid

    @classmethod
    def start(cls, folder: JobFolder, command: Sequence[str]) -> Worker:
        """Start ``command <folder>`` in a session of its own, which outlives the server."""
        with (folder.path / "worker.log").open("ab") as out:
            process = subprocess.Popen(
                [*command, str(folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(folder, process, process.pid)

    def lives(self) -> bool:
        """Whether it is still at work.

        Only a worker that is not our child is asked by its lock: trying the lock holds it for
        an instant, which must not meet a child that is about to take it.
        """
        if self._process is None:
            return self.folder.worker_lives()
        if self._process.poll() is None:
            return True
        # A child leaves at once when an older worker, which no lock told of yet, was first.
        if self.folder.result() is None and self.folder.worker_lives():
            self._process, self.pid = None, None
            return True
        return False

    @property
    def exit_code(self) -> int | None:
        """Known only of a child that has ended; negative is the signal that killed it."""
        return None if self._process is None else self._process.returncode

    def ask_to_stop(self) -> None:
        """SIGTERM: leave a resume point and go; the job stays to be resumed.

        A worker of unknown process id works on and is found again by the next server.
        """
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def stop(self, patience_s: float) -> None:
        """Ask it to stop and wait until it has, at most ``patience_s`` seconds."""
        if not self.lives():
            return
        self.ask_to_stop()
        end = time.monotonic() + patience_s
        while time.monotonic() < end and self.lives():
            time.sleep(0.05)
